package curve

import (
	"bytes"
	"crypto/elliptic"
	"crypto/sha256"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"

	"github.com/redoubt-kms/redoubt/chain/bitcoin/script"
)

// flipInt flips a bit of a number.
func flipInt(n *big.Int, bit int) *big.Int {
	return new(big.Int).Xor(n, new(big.Int).Lsh(big.NewInt(1), uint(bit)))
}

// signP256 is ECDSA (FIPS 186-5, 6.4.1) with a nonce and s low, with a fault.
func signP256(secret, nonce *big.Int, digest []byte, at place, bit int) []byte {
	c := elliptic.P256()
	order := c.Params().N
	of := nonce
	if at == inPoint {
		of = flipInt(nonce, bit)
	}
	x, y := c.ScalarBaseMult(of.FillBytes(make([]byte, 32))) //nolint:staticcheck // a fault strikes in the middle, which newer interfaces hide
	if at == inTable {
		tx, ty := c.ScalarBaseMult(flipInt(new(big.Int), bit).FillBytes(make([]byte, 32))) //nolint:staticcheck // a fault strikes in the middle, which newer interfaces hide
		x, _ = c.Add(x, y, tx, ty)                                                         //nolint:staticcheck // a fault strikes in the middle, which newer interfaces hide
	}
	r, e := new(big.Int).Mod(x, order), new(big.Int).SetBytes(digest)
	switch at {
	case inScalar:
		secret = flipInt(secret, bit)
	case inNonce:
		nonce = flipInt(nonce, bit)
	case inChallenge:
		e = flipInt(e, bit)
	}
	s := new(big.Int).Mul(r, secret)
	s.Mul(s.Add(s, e), new(big.Int).ModInverse(nonce, order)).Mod(s, order)
	if s.Cmp(new(big.Int).Rsh(order, 1)) > 0 {
		s.Sub(order, s)
	}
	signature := append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	if at == inSignature {
		signature[bit/8+32*(bit&1)] ^= 1 << (bit / 8 % 8)
	}
	return signature
}

// signSchnorr is the signing of BIP-340 after the choice of the nonce, with a fault.
func signSchnorr(secret *secp256k1.ModNScalar, public, digest []byte, nonce *secp256k1.ModNScalar, at place, bit int) []byte {
	var point, off, sum secp256k1.JacobianPoint
	secp256k1.ScalarBaseMultNonConst(nonce, &point)
	point.ToAffine()
	if point.Y.IsOdd() {
		nonce = new(secp256k1.ModNScalar).Set(nonce).Negate()
		point.Y.Negate(1).Normalize()
	}
	switch at {
	case inPoint:
		secp256k1.ScalarBaseMultNonConst(flipScalarK1(*nonce, bit), &point)
	case inTable:
		secp256k1.ScalarBaseMultNonConst(flipScalarK1(secp256k1.ModNScalar{}, bit), &off)
		secp256k1.AddNonConst(&point, &off, &sum)
		point = sum
	}
	point.ToAffine()
	r := point.X.Bytes()
	e := challenge(r[:], public, digest)
	d, k := *secret, *nonce
	switch at {
	case inScalar:
		d = *flipScalarK1(d, bit)
	case inNonce:
		k = *flipScalarK1(k, bit)
	case inChallenge:
		e = flipScalarK1(*e, bit)
	}
	s := e.Mul(&d).Add(&k).Bytes()
	signature := append(r[:], s[:]...)
	if at == inSignature {
		signature[bit/8+32*(bit&1)] ^= 1 << (bit / 8 % 8)
	}
	return signature
}

// nonceOf is the nonce of BIP-340 as Sign chooses it.
func nonceOf(k *schnorrKey, digest []byte) *secp256k1.ModNScalar {
	secret := k.secret.Key.Bytes()
	aux := script.TaggedHash("redoubt/BIP0340/aux", secret[:], digest)
	masked := script.TaggedHash("BIP0340/aux", aux[:])
	for i := range masked {
		masked[i] ^= secret[i]
	}
	seed := script.TaggedHash("BIP0340/nonce", masked[:], k.public[:], digest)
	nonce := new(secp256k1.ModNScalar)
	nonce.SetBytes(&seed)
	return nonce
}

// C13 for the keys that BIP-340 and P-256 sign with, as TestFaultsInsideAreWithheld has it for the others.
func TestFaultsInsideOtherKeysAreWithheld(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 14))
	secret := make([]byte, 32)
	for at := range numberOfPlaces {
		for range rounds(20, 10_000) {
			for i := range secret {
				secret[i] = byte(rng.Uint32())
			}
			digest := sha256.Sum256(secret)
			bit := rng.IntN(248)
			for _, tweak := range []bool{false, true} {
				k := schnorrOf(t, secret, tweak)
				forged := signSchnorr(&k.secret.Key, k.public[:], digest[:], nonceOf(k, digest[:]), at, bit)
				if at == nowhere {
					sameAs(t, k, digest[:], forged)
					continue
				}
				k.testOnlyFault = func(signature []byte) { copy(signature, forged) }
				withheld(t, k, digest[:])
			}
			r1, err := newP256(secret)
			if err != nil {
				t.Fatal(err)
			}
			forged := signP256(new(big.Int).SetBytes(secret), new(big.Int).SetBytes(digest[1:]), digest[:], at, bit)
			r1.testOnlyFault = func(signature []byte) { copy(signature, forged) }
			if at != nowhere {
				withheld(t, r1, digest[:])
			} else if got, err := r1.Sign(digest[:]); err != nil || !bytes.Equal(got, forged) { // a good signature with another nonce
				t.Fatalf("the check refuses a good signature: %x, %v", got, err)
			}
		}
	}
}
