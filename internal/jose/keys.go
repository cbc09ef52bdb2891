package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"

	library "github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/redoubt-kms/redoubt/internal/rsakey"
	"github.com/redoubt-kms/redoubt/stamp"
)

// Bounds of a set of keys.
const (
	MaxKeySet = 64 << 10 // bytes
	MaxKeys   = 20
)

// ErrKeys says that a set of keys cannot be used.
var ErrKeys = errors.New("key set refused")

// KeySet is the public keys of an issuer. The zero set verifies nothing.
type KeySet struct {
	keys []key
	json []byte
}

// key is one public key with the one algorithm that it is for.
type key struct {
	id        string
	algorithm library.SignatureAlgorithm
	public    any // *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey
}

// about is what a key says of itself.
type about struct {
	Type       string   `json:"kty"`
	Use        string   `json:"use"`
	Algorithm  string   `json:"alg"`
	ID         string   `json:"kid"`
	Operations []string `json:"key_ops"`
	Modulus    string   `json:"n"` // looked at before it is decoded
}

// ParseKeySet reads a JWK set. Keys of other kinds and for other uses are passed over, as RFC 7517 section 5 wants; a set
// with none left is refused, and so is one with a weak or oversized key, or with a private one.
func ParseKeySet(b []byte) (KeySet, error) {
	if len(b) > MaxKeySet {
		return KeySet{}, unusable("larger than 64 KiB")
	}
	var set struct {
		Keys []jsontext.Value `json:"keys"`
	}
	if err := strict(b, &set); err != nil {
		return KeySet{}, unusable("no JSON object with a list of keys, or a name that stands twice")
	}
	if len(set.Keys) > MaxKeys {
		return KeySet{}, unusable("more than 20 keys")
	}
	made := KeySet{json: b}
	for _, raw := range set.Keys {
		k, ok, err := readKey(raw)
		if err != nil {
			return KeySet{}, err
		}
		if ok {
			made.keys = append(made.keys, k)
		}
	}
	if len(made.keys) == 0 {
		return KeySet{}, unusable("no key for RS256, ES256 or EdDSA signatures")
	}
	return made, nil
}

func readKey(raw []byte) (key, bool, error) {
	var a about
	if err := strict(raw, &a); err != nil {
		return key{}, false, unusable("a key is no JSON object, or names something twice")
	}
	if a.Use != "" && a.Use != "sig" || len(a.Operations) > 0 && !slices.Contains(a.Operations, "verify") {
		return key{}, false, nil
	}
	switch a.Type {
	case "RSA", "EC", "OKP":
	case "oct":
		return key{}, false, unusable("a secret key stands among public ones")
	default:
		return key{}, false, nil
	}
	if len(a.Modulus) > base64.RawURLEncoding.EncodedLen(rsakey.MaxBits/8) {
		return key{}, false, unusable("an RSA key has more than 8192 bits")
	}
	var read library.JSONWebKey
	if err := read.UnmarshalJSON(raw); err != nil {
		if errors.Is(err, library.ErrUnsupportedKeyType) {
			return key{}, false, nil
		}
		return key{}, false, unusable("a key does not hold")
	}
	k := key{id: a.ID, public: read.Key}
	if err := k.choose(); err != nil {
		return key{}, false, err
	}
	return k, k.algorithm != "" && (a.Algorithm == "" || a.Algorithm == string(k.algorithm)), nil
}

// choose settles which algorithm a key is for: its kind says so.
func (k *key) choose() error {
	switch public := k.public.(type) {
	case *rsa.PublicKey:
		if err := rsakey.Check(public); err != nil {
			return unusable(err.Error())
		}
		k.algorithm = library.RS256
	case *ecdsa.PublicKey:
		if public.Curve == elliptic.P256() {
			k.algorithm = library.ES256
		}
	case ed25519.PublicKey:
		if stamp.CheckEd25519(public) != nil { // under a key of low order one signature fits every token
			return unusable("an Ed25519 key is not canonical, or of low order")
		}
		k.algorithm = library.EdDSA
	default:
		return unusable("a private key stands among public ones")
	}
	return nil
}

// JSON gives the set as it was read, or as it is published.
func (k KeySet) JSON() []byte { return k.json }

// SingleKey is the set of one P-256 key, named by its thumbprint (RFC 7638).
func SingleKey(public *ecdsa.PublicKey) KeySet {
	made := library.JSONWebKey{Key: public, KeyID: Thumbprint(public), Algorithm: string(library.ES256), Use: "sig"}
	b, err := json.Marshal(library.JSONWebKeySet{Keys: []library.JSONWebKey{made}}, json.Deterministic(true))
	if err != nil {
		return KeySet{}
	}
	return KeySet{keys: []key{{id: made.KeyID, algorithm: library.ES256, public: public}}, json: b}
}

// Thumbprint names a P-256 key (RFC 7638, SHA-256, base64url).
func Thumbprint(public *ecdsa.PublicKey) string {
	sum, err := (&library.JSONWebKey{Key: public}).Thumbprint(crypto.SHA256)
	if err != nil {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(sum)
}

// ParseP256 reads an uncompressed point of 65 bytes (SEC 1).
func ParseP256(b []byte) (*ecdsa.PublicKey, error) {
	return ecdsa.ParseUncompressedPublicKey(elliptic.P256(), b)
}

// Sign makes a token of a type with ES256.
func Sign(private *ecdsa.PrivateKey, typ string, claims any) (string, error) {
	options := (&library.SignerOptions{}).WithType(library.ContentType(typ)).WithHeader("kid", Thumbprint(&private.PublicKey))
	signer, err := library.NewSigner(library.SigningKey{Algorithm: library.ES256, Key: private}, options)
	if err != nil {
		return "", err
	}
	body, err := json.Marshal(claims, json.Deterministic(true))
	if err != nil {
		return "", err
	}
	made, err := signer.Sign(body)
	if err != nil {
		return "", err
	}
	return made.CompactSerialize()
}

func unusable(reason string) error { return fmt.Errorf("%w: %s", ErrKeys, reason) }
