package curve

import (
	"crypto/ed25519"
	"slices"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/stamp"
)

// ed25519Key holds the public key twice: in secret, where the signer hashes it into the signature, and apart
// from it for the check. If memory fails under the first, the signature does not verify under the second.
//
// The secret hangs on a pointer, because package fmt walks around every method when it meets an unexported
// field with an odd verb, but follows no pointer on that way.
type ed25519Key struct {
	Redacted
	secret *[ed25519.PrivateKeySize]byte // seed ‖ public key
	public [ed25519.PublicKeySize]byte
	zeroed bool

	// testOnlyFault may spoil a signature before the check.
	testOnlyFault func(signature []byte)
}

var _ PrivateKey = (*ed25519Key)(nil)

func newEd25519(seed []byte) *ed25519Key {
	k := &ed25519Key{secret: new([ed25519.PrivateKeySize]byte)}
	expanded := ed25519.NewKeyFromSeed(seed)
	copy(k.secret[:], expanded)
	copy(k.public[:], expanded[ed25519.SeedSize:])
	clear(expanded)
	return k
}

func (k *ed25519Key) Curve() api.Curve { return api.CurveEd25519 }

func (k *ed25519Key) Public() []byte { return slices.Clone(k.public[:]) }

func (k *ed25519Key) Sign(message []byte) ([]byte, error) {
	if k.zeroed {
		return nil, errZeroed
	}
	signature := ed25519.Sign(k.secret[:], message)
	if k.testOnlyFault != nil {
		k.testOnlyFault(signature)
	}
	if !stamp.VerifyEd25519(k.public[:], message, signature) {
		return nil, errFault
	}
	return signature, nil
}

func (k *ed25519Key) Zero() {
	clear(k.secret[:])
	k.zeroed = true
}
