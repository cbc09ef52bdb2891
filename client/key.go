package client

import (
	"crypto/ed25519"
	"encoding/base64"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/stamp"
)

// Key stamps with an Ed25519 key. It never prints.
type Key struct{ private *ed25519.PrivateKey }

// NewKey takes an Ed25519 key.
func NewKey(private ed25519.PrivateKey) Key { return Key{&private} }

// Stamp implements Stamper.
func (k Key) Stamp(body []byte) (string, error) { return stamp.SignEd25519(*k.private, body), nil }

// Authenticator describes the key for registration under a name.
func (k Key) Authenticator(name string) api.NewAuthenticator {
	public := base64.RawURLEncoding.EncodeToString(k.private.Public().(ed25519.PublicKey))
	return api.NewAuthenticator{
		AuthenticatorName: name, AuthenticatorKind: "keypair", PublicKey: api.Raw(`"` + public + `"`), Algorithm: api.Ed25519,
	}
}

// String says what it is, without the secret.
func (Key) String() string { return "REDACTED" }

// GoString says what it is, without the secret.
func (Key) GoString() string { return "REDACTED" }
