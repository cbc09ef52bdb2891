package stamp

import (
	"crypto/ed25519"
	"errors"
	"math/big"
	"slices"
)

const (
	ed25519KeySize = ed25519.PublicKeySize
	signatureSize  = 64
)

// errKey is all that is said about a bad public key; there is nothing to repair in one.
var errKey = errors.New("stamp: not a canonical public key of this algorithm")

// VerifyEd25519 reports whether signature is one by publicKey over message (RFC 8032, no pre-hash).
//
// The standard library's verifier is cofactorless, requires S < L and compares R byte by byte, but takes any
// key that decodes. Under a key of low order one constant signature is valid for every message, so such a key
// would be an authenticator that anybody can use: those keys and non-canonical spellings are refused here.
func VerifyEd25519(publicKey, message, signature []byte) bool {
	if len(signature) != signatureSize || refusedEd25519(publicKey) {
		return false
	}
	return ed25519.Verify(publicKey, message, signature)
}

// CheckEd25519 says whether publicKey may be registered: 32 bytes, canonical, on the curve, not of low order.
func CheckEd25519(publicKey []byte) error {
	if refusedEd25519(publicKey) || !onEdwards(publicKey) {
		return errKey
	}
	return nil
}

// refusedEd25519 is the part of the check that ed25519.Verify does not make by itself.
func refusedEd25519(publicKey []byte) bool {
	if len(publicKey) != ed25519KeySize {
		return true
	}
	y := edwardsY(publicKey)
	return y.Cmp(fieldPrime()) >= 0 || lowOrder(y)
}

// edwardsY reads the y coordinate, which is little-endian with the sign of x in the top bit.
func edwardsY(publicKey []byte) *big.Int {
	be := slices.Clone(publicKey)
	slices.Reverse(be)
	be[0] &= 0x7f
	return new(big.Int).SetBytes(be)
}

// fieldPrime is 2^255 - 19.
func fieldPrime() *big.Int {
	p := new(big.Int).Lsh(big.NewInt(1), 255)
	return p.Sub(p, big.NewInt(19))
}

// lowOrder reports whether a point with this canonical y has an order that divides 8. There are eight such
// points and five values of y: 1 (the identity), -1, 0, and the two of order 8, which are each other's
// negative. With the sign bit and the non-canonical spellings they have 14 encodings.
func lowOrder(y *big.Int) bool {
	p := fieldPrime()
	order8, _ := new(big.Int).SetString("05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826", 16)
	for _, bad := range []*big.Int{
		big.NewInt(0), big.NewInt(1), new(big.Int).Sub(p, big.NewInt(1)), order8, new(big.Int).Sub(p, order8),
	} {
		if y.Cmp(bad) == 0 {
			return true
		}
	}
	return false
}

// onEdwards reports whether some x fits the key's y: x² = (y²-1)/(dy²+1) must be a square. The caller has
// excluded the two points with x = 0, whose sign bit would be a second spelling.
func onEdwards(publicKey []byte) bool {
	p, one := fieldPrime(), big.NewInt(1)
	d, _ := new(big.Int).SetString("52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3", 16)
	yy := edwardsY(publicKey)
	yy.Mul(yy, yy).Mod(yy, p)
	u := new(big.Int).Sub(yy, one)
	v := d.Mul(d, yy)
	v.Add(v, one)
	// u/v is a square exactly when u·v is: they differ by the square v².
	u.Mul(u, v).Mod(u, p)
	return big.Jacobi(u, p) == 1
}
