package client

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain/base58"
	"github.com/redoubt-kms/redoubt/stamp"
)

// Key is an authenticator's key: Ed25519 or P-256. It stamps, and it never prints. The zero Key stamps nothing.
type Key struct {
	ed25519 *ed25519.PrivateKey
	p256    *ecdsa.PrivateKey
}

// NewKey takes an Ed25519 key.
func NewKey(private ed25519.PrivateKey) Key { return Key{ed25519: &private} }

// NewP256Key takes a key on the curve P-256.
func NewP256Key(private *ecdsa.PrivateKey) (Key, error) {
	if private.Curve != elliptic.P256() {
		return Key{}, errors.New("a stamp is made with Ed25519 or P-256, not with another curve")
	}
	return Key{p256: private}, nil
}

// GenerateKey makes a key for an algorithm of stamps, api.Ed25519 or api.Secp256r1.
func GenerateKey(algorithm api.Algorithm) (Key, error) {
	switch algorithm {
	case api.Ed25519:
		_, private, err := ed25519.GenerateKey(rand.Reader)
		return NewKey(private), err
	case api.Secp256r1:
		private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return Key{}, err
		}
		return NewP256Key(private)
	case api.Secp256k1, api.Secp256k1Keccak256, api.Secp256k1Schnorr:
	}
	return Key{}, fmt.Errorf("a stamp is made with %s or %s, not with %q", api.Ed25519, api.Secp256r1, algorithm)
}

const pemType = "PRIVATE KEY"

// ParseKey reads a key from a file's content: PKCS#8 in PEM, as MarshalPEM and openssl write it, or the base58 text of 64
// bytes in which the JavaScript packages keep an Ed25519 key.
func ParseKey(text []byte) (Key, error) {
	if block, rest := pem.Decode(text); block != nil {
		if block.Type != pemType || len(strings.TrimSpace(string(rest))) > 0 {
			return Key{}, errNoKey
		}
		return parsePKCS8(block.Bytes)
	}
	b, err := base58.Decode(strings.TrimSpace(string(text)))
	if err != nil || len(b) != ed25519.PrivateKeySize {
		return Key{}, errNoKey
	}
	private := ed25519.NewKeyFromSeed(b[:ed25519.SeedSize])
	if !private.Equal(ed25519.PrivateKey(b)) {
		return Key{}, errors.New("the two halves of the key do not belong together")
	}
	return NewKey(private), nil
}

// errNoKey quotes nothing of what was read: it may be a secret in another form.
var errNoKey = errors.New("not a private key: want one in PEM (PKCS#8, Ed25519 or P-256), or 64 bytes in base58")

func parsePKCS8(der []byte) (Key, error) {
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return Key{}, errNoKey
	}
	switch private := parsed.(type) {
	case ed25519.PrivateKey:
		return NewKey(private), nil
	case *ecdsa.PrivateKey:
		return NewP256Key(private)
	}
	return Key{}, errNoKey
}

// MarshalPEM writes the secret key as PKCS#8 in PEM.
func (k Key) MarshalPEM() ([]byte, error) {
	var private any = k.p256
	if k.ed25519 != nil {
		private = *k.ed25519
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: der}), nil
}

// MarshalBase58 writes the secret key as the JavaScript packages take it. They know Ed25519 only in this form.
func (k Key) MarshalBase58() ([]byte, error) {
	if k.ed25519 == nil {
		return nil, errors.New("base58 is a form of Ed25519 keys; use PEM for P-256")
	}
	return []byte(base58.Encode(*k.ed25519)), nil
}

// Stamp implements Stamper.
func (k Key) Stamp(body []byte) (string, error) {
	switch {
	case k.ed25519 != nil:
		return stamp.SignEd25519(*k.ed25519, body), nil
	case k.p256 != nil:
		return stamp.SignP256(k.p256, body)
	}
	return "", errors.New("no key")
}

// Algorithm says with what the key stamps.
func (k Key) Algorithm() api.Algorithm {
	if k.p256 != nil {
		return api.Secp256r1
	}
	return api.Ed25519
}

// Public returns the public key as the contract writes it: base64url, of 32 bytes for Ed25519, of the 65 of an
// uncompressed point for P-256.
func (k Key) Public() string {
	var public []byte
	switch {
	case k.ed25519 != nil:
		public = k.ed25519.Public().(ed25519.PublicKey)
	case k.p256 != nil:
		public, _ = k.p256.PublicKey.Bytes() // fails for curves that NewP256Key refused
	}
	return base64.RawURLEncoding.EncodeToString(public)
}

// Authenticator describes the key for registration under a name.
func (k Key) Authenticator(name string) api.NewAuthenticator {
	return api.NewAuthenticator{
		AuthenticatorName: name, AuthenticatorKind: "keypair", PublicKey: quoted(k.Public()), Algorithm: k.Algorithm(),
	}
}

// PublicKey describes somebody else's key for registration under a name: base64url, of 32 bytes for Ed25519, of 65 for
// P-256.
func PublicKey(name, public string) (api.NewAuthenticator, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(public)
	if err == nil {
		switch len(b) {
		case 32:
			return api.NewAuthenticator{AuthenticatorName: name, AuthenticatorKind: "keypair", PublicKey: quoted(public), Algorithm: api.Ed25519}, nil
		case 65:
			return api.NewAuthenticator{AuthenticatorName: name, AuthenticatorKind: "keypair", PublicKey: quoted(public), Algorithm: api.Secp256r1}, nil
		}
	}
	return api.NewAuthenticator{}, errors.New("not a public key: want base64url of 32 bytes (Ed25519) or of the 65 of an uncompressed point (P-256), as 'redoubt keygen' prints it")
}

// String says what it is, without the secret.
func (Key) String() string { return "REDACTED" }

// GoString says what it is, without the secret.
func (Key) GoString() string { return "REDACTED" }
