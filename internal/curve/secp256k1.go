package curve

import (
	"bytes"
	"slices"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"

	"github.com/redoubt-kms/redoubt/api"
)

// compactBase is what the library adds to the recovery id of a signature under a compressed key.
const compactBase = 27 + 4

// secp256k1Key signs for Bitcoin and Ethereum. Its secret hangs on a pointer for the reason given at ed25519Key.
type secp256k1Key struct {
	Redacted
	secret *secp256k1.PrivateKey
	public [secp256k1.PubKeyBytesLenCompressed]byte

	// testOnlyFault may spoil a signature (recovery code ‖ r ‖ s) before the check.
	testOnlyFault func(signature []byte)
}

var _ PrivateKey = (*secp256k1Key)(nil)

func newSecp256k1(scalar []byte) (*secp256k1Key, error) {
	k := &secp256k1Key{secret: new(secp256k1.PrivateKey)}
	if overflow := k.secret.Key.SetByteSlice(scalar); overflow || k.secret.Key.IsZero() {
		k.Zero()
		return nil, errSecret
	}
	copy(k.public[:], k.secret.PubKey().SerializeCompressed())
	return k, nil
}

func (k *secp256k1Key) Curve() api.Curve { return api.CurveSecp256k1 }

func (k *secp256k1Key) Public() []byte { return slices.Clone(k.public[:]) }

// Sign derives the nonce by RFC 6979 with SHA-256 and no further input, whatever hash made the digest: that is
// what the chains' own tools do, and equal requests get equal signatures.
func (k *secp256k1Key) Sign(digest []byte) ([]byte, error) {
	if k.secret.Key.IsZero() {
		return nil, errZeroed
	}
	if len(digest) != 32 {
		return nil, errDigest
	}
	compact := ecdsa.SignCompact(k.secret, digest, true)
	if k.testOnlyFault != nil {
		k.testOnlyFault(compact)
	}
	if !k.releasable(digest, compact) {
		return nil, errFault
	}
	return append(compact[1:], compact[0]-compactBase), nil
}

// releasable checks a signature against the public key computed when the key was made. Recovering the key
// costs about as much as a verification and proves the recovery id as well; that s is low is checked apart.
func (k *secp256k1Key) releasable(digest, compact []byte) bool {
	var s secp256k1.ModNScalar
	if s.SetByteSlice(compact[33:]) || s.IsOverHalfOrder() {
		return false
	}
	recovered, compressed, err := ecdsa.RecoverCompact(compact, digest)
	return err == nil && compressed && bytes.Equal(recovered.SerializeCompressed(), k.public[:])
}

func (k *secp256k1Key) Zero() { k.secret.Zero() }
