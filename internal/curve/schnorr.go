package curve

import (
	"bytes"
	"crypto/sha256"
	"slices"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain/bitcoin/script"
)

// schnorrKey signs by BIP-340. Its public key is that of a point with an even Y, 32 bytes. Its secret hangs on a
// pointer for the reason given at ed25519Key.
type schnorrKey struct {
	Redacted
	secret *secp256k1.PrivateKey // of the point with the even Y
	public [32]byte

	// testOnlyFault may spoil a signature before the check.
	testOnlyFault func(signature []byte)
}

var _ PrivateKey = (*schnorrKey)(nil)

// Schnorr makes the key that signs by BIP-340 with the secret of a secp256k1 key. The caller wipes it.
func Schnorr(k PrivateKey) (PrivateKey, error) {
	s, err := newSchnorr(k)
	if err != nil {
		return nil, err
	}
	copy(s.public[:], k.Public()[1:])
	return s, nil
}

// Taproot makes the key that spends an output of BIP-86 by its key path: the secret of a secp256k1 key, tweaked as
// BIP-341 says with no script. The public key comes from the public half of the computation, so that a fault in the
// secret half shows when a signature is checked. The caller wipes it.
func Taproot(k PrivateKey) (PrivateKey, error) {
	s, err := newSchnorr(k)
	if err != nil {
		return nil, err
	}
	output, err := script.Output(api.AddressBitcoinTaproot, k.Public())
	if err != nil {
		s.Zero()
		return nil, err
	}
	copy(s.public[:], output[2:])
	internal := k.Public()[1:]
	sum := script.TaggedHash("TapTweak", internal)
	var tweak secp256k1.ModNScalar
	if overflow := tweak.SetBytes(&sum); overflow != 0 {
		s.Zero()
		return nil, errSecret
	}
	s.secret.Key.Add(&tweak)
	if s.secret.Key.IsZero() {
		return nil, errSecret
	}
	makeEven(s.secret)
	return s, nil
}

// newSchnorr copies the secret, for the point with the even Y.
func newSchnorr(k PrivateKey) (*schnorrKey, error) {
	from, ok := k.(*secp256k1Key)
	if !ok {
		return nil, errSecret
	}
	if from.secret.Key.IsZero() {
		return nil, errZeroed
	}
	s := &schnorrKey{secret: new(secp256k1.PrivateKey)}
	s.secret.Key.Set(&from.secret.Key)
	makeEven(s.secret)
	return s, nil
}

// makeEven negates a secret whose point has an odd Y.
func makeEven(secret *secp256k1.PrivateKey) {
	if secret.PubKey().SerializeCompressed()[0] == secp256k1.PubKeyFormatCompressedOdd {
		secret.Key.Negate()
	}
}

func (k *schnorrKey) Curve() api.Curve { return api.CurveSecp256k1 }

// Public is the X coordinate, 32 bytes.
func (k *schnorrKey) Public() []byte { return slices.Clone(k.public[:]) }

// Sign signs 32 bytes: 64 bytes, R‖s. Where BIP-340 takes auxiliary random data, it takes a hash of key and message, so
// that equal requests get equal signatures and no random number generator can leak the key.
func (k *schnorrKey) Sign(digest []byte) ([]byte, error) {
	if k.secret.Key.IsZero() {
		return nil, errZeroed
	}
	if len(digest) != 32 {
		return nil, errDigest
	}
	secret := k.secret.Key.Bytes()
	defer clear(secret[:])
	return k.sign(digest, script.TaggedHash("redoubt/BIP0340/aux", secret[:], digest))
}

// sign is the signing of BIP-340 with the auxiliary data given.
func (k *schnorrKey) sign(message []byte, aux [32]byte) ([]byte, error) {
	masked := script.TaggedHash("BIP0340/aux", aux[:])
	secret := k.secret.Key.Bytes()
	for i := range masked {
		masked[i] ^= secret[i]
	}
	clear(secret[:])
	seed := script.TaggedHash("BIP0340/nonce", masked[:], k.public[:], message)
	clear(masked[:])
	var nonce secp256k1.PrivateKey
	defer nonce.Zero()
	nonce.Key.SetBytes(&seed) // reduced, as BIP-340 does
	clear(seed[:])
	if nonce.Key.IsZero() {
		return nil, errFault
	}
	point := nonce.PubKey().SerializeCompressed()
	if point[0] == secp256k1.PubKeyFormatCompressedOdd {
		nonce.Key.Negate()
	}
	e := challenge(point[1:], k.public[:], message)
	s := e.Mul(&k.secret.Key).Add(&nonce.Key).Bytes()
	signature := append(point[1:], s[:]...)
	if k.testOnlyFault != nil {
		k.testOnlyFault(signature)
	}
	if !VerifySchnorr(k.public[:], message, signature) {
		return nil, errFault
	}
	return signature, nil
}

func (k *schnorrKey) Zero() { k.secret.Zero() }

// challenge is e of BIP-340.
func challenge(r, public, message []byte) *secp256k1.ModNScalar {
	sum := script.TaggedHash("BIP0340/challenge", r, public, message)
	e := new(secp256k1.ModNScalar)
	e.SetBytes(&sum)
	return e
}

// VerifySchnorr reports whether signature is one of BIP-340 by publicKey, 32 bytes, over the message as it is.
func VerifySchnorr(publicKey, message, signature []byte) bool {
	if len(publicKey) != 32 || len(signature) != 64 {
		return false
	}
	key, err := secp256k1.ParsePubKey(append([]byte{secp256k1.PubKeyFormatCompressedEven}, publicKey...))
	if err != nil {
		return false
	}
	var r secp256k1.FieldVal
	var s secp256k1.ModNScalar
	if r.SetByteSlice(signature[:32]) || s.SetByteSlice(signature[32:]) {
		return false
	}
	e := challenge(signature[:32], publicKey, message)
	var p, sG, eP, sum secp256k1.JacobianPoint
	key.AsJacobian(&p)
	secp256k1.ScalarBaseMultNonConst(&s, &sG)
	secp256k1.ScalarMultNonConst(e.Negate(), &p, &eP)
	secp256k1.AddNonConst(&sG, &eP, &sum)
	if sum.Z.IsZero() || (sum.X.IsZero() && sum.Y.IsZero()) {
		return false
	}
	sum.ToAffine()
	x := sum.X.Bytes()
	return !sum.Y.IsOdd() && bytes.Equal(x[:], signature[:32])
}

// verifySchnorr hashes the message first, as wallets do for a message of any length.
func verifySchnorr(publicKey, message, signature []byte) bool {
	digest := sha256.Sum256(message)
	return VerifySchnorr(publicKey, digest[:], signature)
}
