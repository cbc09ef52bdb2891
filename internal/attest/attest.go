// Package attest makes and checks evidence: a platform's statement that a binary runs in a role and made the keys that
// it shows. In the process tier the platform is the launcher, which measures the binary before it starts it; that is as
// good as the host's root user, and the evidence names the tier so that nobody takes it for more.
package attest

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"

	"github.com/redoubt-kms/redoubt/proof"
)

// Evidence is one platform statement, version 1.
type Evidence struct {
	_          struct{} `cbor:",toarray"`
	Version    uint8    // 1
	Tier       string
	Role       proof.Role
	Binary     proof.Hash // SHA-256 of the executable
	Channel    proof.Hash // SHA-256 of the SubjectPublicKeyInfo of the TLS key
	SigningKey []byte     // Ed25519, 32 bytes
	Nonce      []byte     // of the verifier
	Measures   []string   // protections achieved, for people
}

type signed struct {
	_         struct{} `cbor:",toarray"`
	Evidence  Evidence
	Signature []byte
}

const context = "redoubt/evidence/v1"

// ErrEvidence says that evidence does not admit an enclave.
var ErrEvidence = errors.New("evidence refused")

// Sign makes the launcher's statement.
func Sign(launcher ed25519.PrivateKey, e Evidence) ([]byte, error) {
	b, err := proof.Encode(e)
	if err != nil {
		return nil, err
	}
	return proof.Encode(signed{Evidence: e, Signature: proof.Sign(launcher, context, b)})
}

// Nonce returns the nonce that evidence claims to answer, unverified: it says which challenge to verify it against.
func Nonce(b []byte) ([]byte, error) {
	var s signed
	if err := proof.Decode(b, &s); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEvidence, err)
	}
	return s.Evidence.Nonce, nil
}

// Verify checks evidence against the manifest and the nonce that the verifier gave out.
func Verify(m proof.Manifest, nonce, b []byte) (Evidence, error) {
	var s signed
	if err := proof.Decode(b, &s); err != nil {
		return Evidence{}, fmt.Errorf("%w: %w", ErrEvidence, err)
	}
	e := s.Evidence
	statement, err := proof.Encode(e)
	if err != nil {
		return Evidence{}, err
	}
	switch {
	case e.Version != 1:
		return Evidence{}, fmt.Errorf("%w: version %d", ErrEvidence, e.Version)
	case e.Tier != m.Tier:
		return Evidence{}, fmt.Errorf("%w: tier %q, the manifest wants %q", ErrEvidence, e.Tier, m.Tier)
	case !proof.Verify(m.Launcher, context, statement, s.Signature):
		return Evidence{}, fmt.Errorf("%w: not signed by the launcher of the manifest", ErrEvidence)
	case len(nonce) < 16 || !bytes.Equal(nonce, e.Nonce):
		return Evidence{}, fmt.Errorf("%w: not for this challenge", ErrEvidence)
	case !m.Admits(e.Role, e.Binary):
		return Evidence{}, fmt.Errorf("%w: binary %x is not admitted as %s by the manifest", ErrEvidence, e.Binary[:8], e.Role)
	case len(e.SigningKey) != ed25519.PublicKeySize:
		return Evidence{}, fmt.Errorf("%w: signing key of %d bytes", ErrEvidence, len(e.SigningKey))
	}
	return e, nil
}
