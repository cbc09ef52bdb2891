package curve

import (
	"bytes"
	"crypto/sha512"
	"math/rand/v2"
	"testing"

	"filippo.io/edwards25519"
	"github.com/decred/dcrd/dcrec/secp256k1/v4"
)

// place is where a fault strikes within the computation of a signature. The libraries cannot be made to fail in their
// middle, so the test computes signatures as the standards have it, with the fault, and lets the key believe that this is
// what its library returned.
type place = int

const (
	nowhere        = iota
	inScalar       // the secret, when it is multiplied with the challenge
	inNonce        // the nonce, after its point was computed
	inPoint        // the nonce, before its point was computed but not when the signature was
	inTable        // an entry of the table for multiplication: the nonce's point is off by a multiple of the base
	inChallenge    // the challenge, or the digest
	inSignature    // the signature, on its way out
	numberOfPlaces // not a place
)

// flipScalar25519 flips a bit of a scalar in memory.
func flipScalar25519(t *testing.T, s *edwards25519.Scalar, bit int) *edwards25519.Scalar {
	t.Helper()
	var wide [64]byte
	copy(wide[:], s.Bytes())
	wide[bit/8] ^= 1 << (bit % 8)
	flipped, err := edwards25519.NewScalar().SetUniformBytes(wide[:])
	if err != nil {
		t.Fatal(err)
	}
	return flipped
}

func hash25519(t *testing.T, parts ...[]byte) *edwards25519.Scalar {
	t.Helper()
	h := sha512.Sum512(bytes.Join(parts, nil))
	s, err := edwards25519.NewScalar().SetUniformBytes(h[:])
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// sign25519 is RFC 8032, 5.1.6, with a fault.
func sign25519(t *testing.T, seed, message []byte, at place, bit int) []byte {
	t.Helper()
	h := sha512.Sum512(seed)
	secret, err := edwards25519.NewScalar().SetBytesWithClamping(h[:32])
	if err != nil {
		t.Fatal(err)
	}
	public := new(edwards25519.Point).ScalarBaseMult(secret).Bytes()
	nonce := hash25519(t, h[32:], message)
	one := flipScalar25519(t, edwards25519.NewScalar(), bit) // 2^bit
	point := new(edwards25519.Point).ScalarBaseMult(nonce)
	switch at {
	case inPoint:
		point.ScalarBaseMult(flipScalar25519(t, nonce, bit))
	case inTable:
		point.Add(point, new(edwards25519.Point).ScalarBaseMult(one))
	}
	challenge := hash25519(t, point.Bytes(), public, message)
	switch at {
	case inScalar:
		secret = flipScalar25519(t, secret, bit)
	case inNonce:
		nonce = flipScalar25519(t, nonce, bit)
	case inChallenge:
		challenge = flipScalar25519(t, challenge, bit)
	}
	signature := append(point.Bytes(), edwards25519.NewScalar().MultiplyAdd(challenge, secret, nonce).Bytes()...)
	if at == inSignature {
		signature[bit/8+32*(bit&1)] ^= 1 << (bit / 8 % 8)
	}
	return signature
}

// flipScalarK1 flips a bit of a scalar in memory.
func flipScalarK1(s secp256k1.ModNScalar, bit int) *secp256k1.ModNScalar {
	b := s.Bytes()
	b[31-bit/8] ^= 1 << (bit % 8)
	flipped := new(secp256k1.ModNScalar)
	flipped.SetBytes(&b)
	return flipped
}

// signK1 is ECDSA (SEC 1, 4.1.3) with the nonce of RFC 6979, s low and a recovery code in front, with a fault.
func signK1(secret *secp256k1.ModNScalar, digest []byte, at place, bit int) []byte {
	key := secret.Bytes()
	nonce := secp256k1.NonceRFC6979(key[:], digest, nil, nil, 0)
	var point secp256k1.JacobianPoint
	secp256k1.ScalarBaseMultNonConst(nonce, &point)
	switch at {
	case inPoint:
		secp256k1.ScalarBaseMultNonConst(flipScalarK1(*nonce, bit), &point)
	case inTable:
		var off, sum secp256k1.JacobianPoint
		secp256k1.ScalarBaseMultNonConst(flipScalarK1(secp256k1.ModNScalar{}, bit), &off)
		secp256k1.AddNonConst(&point, &off, &sum)
		point = sum
	}
	point.ToAffine()
	var r, e secp256k1.ModNScalar
	code := byte(point.Y.IsOddBit())
	if r.SetBytes(point.X.Bytes()) != 0 {
		code |= 2
	}
	e.SetByteSlice(digest)
	d := *secret
	switch at {
	case inScalar:
		d = *flipScalarK1(d, bit)
	case inNonce:
		nonce = flipScalarK1(*nonce, bit)
	case inChallenge:
		e = *flipScalarK1(e, bit)
	}
	s := new(secp256k1.ModNScalar).Mul2(&d, &r).Add(&e).Mul(new(secp256k1.ModNScalar).InverseValNonConst(nonce))
	if s.IsOverHalfOrder() {
		s.Negate()
		code ^= 1
	}
	rb, sb := r.Bytes(), s.Bytes()
	signature := append([]byte{compactBase + code}, append(rb[:], sb[:]...)...)
	if at == inSignature {
		signature[1+bit/8+32*(bit&1)] ^= 1 << (bit / 8 % 8)
	}
	return signature
}

// C13: whatever bit of scalar, nonce, point, table, challenge or signature is flipped, no bad signature is released.
// Without a fault the computations here give what the keys give, so that it is the same computation that is struck.
func TestFaultsInsideAreWithheld(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 13))
	seed, digest := make([]byte, 32), make([]byte, 32)
	for at := range numberOfPlaces {
		for range rounds(60, 10_000) {
			for i := range 32 {
				seed[i], digest[i] = byte(rng.Uint32()), byte(rng.Uint32())
			}
			bit := rng.IntN(248) // of a scalar below the group's order, so that it becomes another one
			ed := newEd25519(seed)
			k1, err := newSecp256k1(seed)
			if err != nil {
				t.Fatal(err)
			}
			forged, forgedK1 := sign25519(t, seed, digest, at, bit), signK1(&k1.secret.Key, digest, at, bit)
			if at == nowhere {
				sameAs(t, ed, digest, forged)
				sameAs(t, k1, digest, append(forgedK1[1:], forgedK1[0]-compactBase))
				continue
			}
			ed.testOnlyFault = func(signature []byte) { copy(signature, forged) }
			k1.testOnlyFault = func(signature []byte) { copy(signature, forgedK1) }
			withheld(t, ed, digest)
			withheld(t, k1, digest)
		}
	}
}

func sameAs(t *testing.T, k PrivateKey, message, want []byte) {
	t.Helper()
	if got, err := k.Sign(message); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%s: the test computes %x, the key %x: %v", k.Curve(), want, got, err)
	}
}
