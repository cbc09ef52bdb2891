package proof

import (
	"crypto/ed25519"
	"errors"
	"fmt"
)

// Issuer is the certifier's statement about the key that signs logins, version 1.
type Issuer struct {
	_        struct{} `cbor:",toarray"`
	Version  uint8    // 1
	Origin   string   // of Connect: scheme, host and port; the claim iss
	Key      []byte   // P-256, 65 bytes uncompressed (ES256)
	Manifest Hash
}

// SignedIssuer is an Issuer with the certifier's signature.
type SignedIssuer struct {
	_         struct{} `cbor:",toarray"`
	Issuer    Issuer
	Signature []byte
}

// KeySet is the certifier's statement about the keys of an issuer that it fetched over TLS which ended inside it, version 1.
type KeySet struct {
	_        struct{} `cbor:",toarray"`
	Version  uint8    // 1
	URL      string   // as it was asked for
	Issuer   bool     // URL is an issuer's; else that of the JWK set
	Keys     []byte   // JSON of the JWK set (RFC 7517)
	Fetched  uint64   // Unix milliseconds
	Manifest Hash
}

// SignedKeySet is a KeySet with the certifier's signature.
type SignedKeySet struct {
	_         struct{} `cbor:",toarray"`
	KeySet    KeySet
	Signature []byte
}

const (
	issuerContext = "redoubt/issuer/v1"
	keySetContext = "redoubt/keyset/v1"
)

// ErrIdentity says that a statement about an issuer or its keys does not hold.
var ErrIdentity = errors.New("statement about an issuer refused")

// SignIssuer signs a statement with the certifier's key.
func SignIssuer(certifier ed25519.PrivateKey, i Issuer) (SignedIssuer, error) {
	b, err := Encode(i)
	if err != nil {
		return SignedIssuer{}, err
	}
	return SignedIssuer{Issuer: i, Signature: Sign(certifier, issuerContext, b)}, nil
}

// Verify checks that the certifier of the manifest made the statement under it.
func (s SignedIssuer) Verify(m Manifest) error {
	return certified(m, s.Issuer.Version, s.Issuer.Manifest, issuerContext, s.Issuer, s.Signature)
}

// SignKeySet signs a statement with the certifier's key.
func SignKeySet(certifier ed25519.PrivateKey, k KeySet) (SignedKeySet, error) {
	b, err := Encode(k)
	if err != nil {
		return SignedKeySet{}, err
	}
	return SignedKeySet{KeySet: k, Signature: Sign(certifier, keySetContext, b)}, nil
}

// Verify checks that the certifier of the manifest made the statement under it. How old it may be is for the caller.
func (s SignedKeySet) Verify(m Manifest) error {
	return certified(m, s.KeySet.Version, s.KeySet.Manifest, keySetContext, s.KeySet, s.Signature)
}

func certified(m Manifest, version uint8, manifest Hash, context string, statement any, signature []byte) error {
	hash, err := m.Hash()
	if err != nil {
		return err
	}
	b, err := Encode(statement)
	if err != nil {
		return err
	}
	switch {
	case version != 1:
		return fmt.Errorf("%w: version %d", ErrIdentity, version)
	case manifest != hash:
		return fmt.Errorf("%w: made under another manifest", ErrIdentity)
	case !Verify(m.Certifier, context, b, signature):
		return fmt.Errorf("%w: not signed by the certifier of the manifest", ErrIdentity)
	}
	return nil
}
