package proof

import (
	"crypto/ed25519"
	"errors"
	"fmt"
)

// Role is the part that an enclave plays.
type Role string

// The roles.
const (
	RolePolicy    Role = "policy"
	RoleSigner    Role = "signer"
	RoleCertifier Role = "certifier"
)

// Modes and tiers of a deployment.
const (
	ModeDevelopment = "development"
	ModeProduction  = "production"
	TierProcess     = "process" // isolation by the operating system; proves nothing to a remote party
)

// Measurement is a hash that belongs to a role: of the executable that may run in it, or of its root secret.
type Measurement struct {
	_    struct{} `cbor:",toarray"`
	Role Role
	Hash Hash
}

// Manifest is the configuration to which the certifier attests. It is signed by an operator when the deployment is
// created, and again, with a higher Epoch, for every change.
type Manifest struct {
	_            struct{} `cbor:",toarray"`
	Version      uint8    // 2, or 1 without Connect
	Mode         string   // development or production
	Tier         string   // process
	Epoch        uint64   // of the manifest, from 1
	Shard        ID
	Created      uint64        // Unix milliseconds
	Measurements []Measurement // the admitted binaries
	Roots        []Measurement // commitments to the root secrets, so that a wrong key file is noticed at once
	Launcher     []byte        // Ed25519 key that signs evidence in the process tier
	Certifier    []byte        // Ed25519 key that signs certificates and receipts
	Anchors      []string      // names of the anchors; one in the embedded default
	Operators    [][]byte      // Ed25519 keys that may sign manifests
	Issuers      []string      // issuers of logins
	OpenSignUp   bool          // whether an organization may be created without a stamp
	Connect      Connect       // where people log in; from version 2
}

// SignedManifest is a manifest with an operator's signature.
type SignedManifest struct {
	_         struct{} `cbor:",toarray"`
	Manifest  Manifest
	Signature []byte
}

const manifestContext = "redoubt/manifest/v1"

// Hash identifies the manifest.
func (m Manifest) Hash() (Hash, error) {
	b, err := Encode(m)
	if err != nil {
		return Hash{}, err
	}
	return sum(manifestContext, b), nil
}

// Admits says whether the manifest lets a binary run in a role.
func (m Manifest) Admits(role Role, binary Hash) bool {
	return listed(m.Measurements, role, binary)
}

// Knows says whether a commitment is that of a role's root secret.
func (m Manifest) Knows(role Role, commitment Hash) bool {
	return listed(m.Roots, role, commitment)
}

func listed(all []Measurement, role Role, hash Hash) bool {
	for _, a := range all {
		if a.Role == role && a.Hash == hash {
			return true
		}
	}
	return false
}

// SignManifest signs a manifest with an operator's key.
func SignManifest(operator ed25519.PrivateKey, m Manifest) (SignedManifest, error) {
	b, err := Encode(m)
	if err != nil {
		return SignedManifest{}, err
	}
	return SignedManifest{Manifest: m, Signature: Sign(operator, manifestContext, b)}, nil
}

// ErrManifest says that a manifest cannot be used.
var ErrManifest = errors.New("manifest refused")

// Verify checks that the manifest is well-formed and signed by one of the operators that it names. Whether these are
// the right operators is for the caller to know: compare Operators or the hash with what you were given out of band.
func (s SignedManifest) Verify() error {
	m := s.Manifest
	switch {
	case m.Version != 1 && m.Version != 2:
		return fmt.Errorf("%w: version %d", ErrManifest, m.Version)
	case m.Mode != ModeDevelopment && m.Mode != ModeProduction:
		return fmt.Errorf("%w: mode %q", ErrManifest, m.Mode)
	case len(m.Certifier) != ed25519.PublicKeySize || len(m.Launcher) != ed25519.PublicKeySize:
		return fmt.Errorf("%w: a key is not 32 bytes", ErrManifest)
	}
	if err := m.Connect.check(m.Mode); err != nil {
		return err
	}
	b, err := Encode(m)
	if err != nil {
		return err
	}
	for _, key := range m.Operators {
		if Verify(key, manifestContext, b, s.Signature) {
			return nil
		}
	}
	return fmt.Errorf("%w: not signed by an operator that it names: %w", ErrManifest, ErrSignature)
}
