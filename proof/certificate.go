package proof

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"time"
)

// Certificate is the certifier's statement that an enclave, admitted by its evidence, plays a role under a manifest.
// It binds the key of the enclave's TLS channels and, for the policy engine, the key that signs results.
type Certificate struct {
	_          struct{} `cbor:",toarray"`
	Version    uint8    // 1
	Role       Role
	Channel    Hash   // SHA-256 of the SubjectPublicKeyInfo of the enclave's TLS key
	SigningKey []byte // Ed25519, 32 bytes
	Manifest   Hash
	Epoch      uint64 // of the manifest
	NotBefore  uint64 // Unix milliseconds
	NotAfter   uint64 // Unix milliseconds
}

// SignedCertificate is a certificate with the certifier's signature.
type SignedCertificate struct {
	_           struct{} `cbor:",toarray"`
	Certificate Certificate
	Signature   []byte
}

const certificateContext = "redoubt/certificate/v1"

// ErrCertificate says that a certificate does not prove what it must.
var ErrCertificate = errors.New("certificate refused")

// SignCertificate signs a certificate with the certifier's key.
func SignCertificate(certifier ed25519.PrivateKey, c Certificate) (SignedCertificate, error) {
	b, err := Encode(c)
	if err != nil {
		return SignedCertificate{}, err
	}
	return SignedCertificate{Certificate: c, Signature: Sign(certifier, certificateContext, b)}, nil
}

// Verify checks that the certificate was issued under the manifest for the role and holds at a time.
func (s SignedCertificate) Verify(m Manifest, role Role, at time.Time) error {
	c := s.Certificate
	hash, err := m.Hash()
	if err != nil {
		return err
	}
	now := uint64(at.UnixMilli())
	switch {
	case c.Version != 1:
		return fmt.Errorf("%w: version %d", ErrCertificate, c.Version)
	case c.Role != role:
		return fmt.Errorf("%w: for role %q, wanted %q", ErrCertificate, c.Role, role)
	case c.Manifest != hash || c.Epoch != m.Epoch:
		return fmt.Errorf("%w: issued under another manifest", ErrCertificate)
	case now < c.NotBefore || now >= c.NotAfter:
		return fmt.Errorf("%w: not valid now", ErrCertificate)
	}
	b, err := Encode(c)
	if err != nil {
		return err
	}
	if !Verify(m.Certifier, certificateContext, b, s.Signature) {
		return fmt.Errorf("%w: %w", ErrCertificate, ErrSignature)
	}
	return nil
}
