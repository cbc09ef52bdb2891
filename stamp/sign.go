package stamp

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"fmt"

	"github.com/redoubt-kms/redoubt/api"
)

// SignEd25519 stamps a body with an API key and returns the header value.
func SignEd25519(priv ed25519.PrivateKey, body []byte) string {
	return Stamp{
		Kind: PKI, Algorithm: api.Ed25519,
		PublicKey: priv[ed25519.SeedSize:], Signature: ed25519.Sign(priv, body),
	}.Encode()
}

// SignP256 stamps a body with a P-256 key and returns the header value.
func SignP256(priv *ecdsa.PrivateKey, body []byte) (string, error) {
	s := Stamp{Kind: PKI}
	if err := s.signP256(priv, body); err != nil {
		return "", err
	}
	return s.Encode(), nil
}

// SignOIDC stamps a body with the P-256 session key that the identity token names, and returns the header value.
func SignOIDC(priv *ecdsa.PrivateKey, idToken, salt string, body []byte) (string, error) {
	s := Stamp{Kind: OIDC, IDToken: idToken, Salt: salt}
	if err := s.signP256(priv, body); err != nil {
		return "", err
	}
	return s.Encode(), nil
}

func (s *Stamp) signP256(priv *ecdsa.PrivateKey, body []byte) error {
	if priv.Curve != elliptic.P256() {
		return errKey
	}
	key, err := priv.PublicKey.Bytes()
	if err != nil {
		return fmt.Errorf("stamp: encode the public key: %w", err)
	}
	digest := sha256.Sum256(body)
	r, t, err := ecdsa.Sign(rand.Reader, priv, digest[:])
	if err != nil {
		return fmt.Errorf("stamp: sign: %w", err)
	}
	s.Algorithm, s.PublicKey, s.Signature = api.Secp256r1, key, make([]byte, signatureSize)
	r.FillBytes(s.Signature[:32])
	t.FillBytes(s.Signature[32:])
	return nil
}
