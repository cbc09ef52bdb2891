package rsakey

import (
	"crypto/rand"
	"crypto/rsa"
	"math/big"
	"testing"
)

func TestCheck(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	if err := Check(&key.PublicKey); err != nil {
		t.Fatal(err)
	}
	n := key.N
	// A modulus of the form that the weak chips made: 65537^a modulo the product of the primes to 167, plus a multiple of it.
	product := big.NewInt(1)
	for p := int64(2); p <= 167; p++ {
		if big.NewInt(p).ProbablyPrime(0) {
			product.Mul(product, big.NewInt(p))
		}
	}
	weak := new(big.Int).Exp(big.NewInt(65537), big.NewInt(12345), product)
	weak.Add(weak, new(big.Int).Mul(product, new(big.Int).Lsh(big.NewInt(1), 2047-uint(product.BitLen())+1)))
	for name, bad := range map[string]rsa.PublicKey{
		"small":    {N: new(big.Int).Rsh(n, 1), E: 65537},
		"large":    {N: new(big.Int).Add(new(big.Int).Lsh(n, 6145), big.NewInt(1)), E: 65537},
		"even":     {N: new(big.Int).Add(n, big.NewInt(1)), E: 65537},
		"negative": {N: new(big.Int).Neg(n), E: 65537}, "zero": {N: new(big.Int), E: 65537},
		"exponent 3": {N: n, E: 3}, "exponent 1": {N: n, E: 1}, "even exponent": {N: n, E: 65538}, "large exponent": {N: n, E: 1<<31 + 1},
		"weak": {N: weak, E: 65537},
	} {
		if Check(&bad) == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if !roca(weak) || weak.BitLen() < MinBits {
		t.Errorf("the weak key of %d bits is not one", weak.BitLen())
	}
}
