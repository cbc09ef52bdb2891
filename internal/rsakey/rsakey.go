// Package rsakey says which RSA public keys of others may verify anything: those of passkeys and of issuers of tokens.
package rsakey

import (
	"crypto/rsa"
	"errors"
	"math/big"
)

// Bounds of the modulus in bits. Above the upper one, a verification costs more than a request is worth.
const (
	MinBits = 2048
	MaxBits = 8192
)

// ErrKey says that a key must not be used.
var ErrKey = errors.New("an RSA key wants 2048 to 8192 bits, an odd exponent from 65537, and a maker whose keys cannot be factored")

// Check wants an odd modulus within the bounds, an odd exponent from 65537 to 2^31 - 1 (NIST SP 800-56B, and the library's
// bound), and none of the keys that chips of one maker made so that they can be factored (CVE-2017-15361, "ROCA").
func Check(key *rsa.PublicKey) error {
	bits := key.N.BitLen()
	if key.N.Sign() <= 0 || bits < MinBits || bits > MaxBits || key.N.Bit(0) == 0 || key.E < 65537 || key.E >= 1<<31 || key.E%2 == 0 || roca(key.N) {
		return ErrKey
	}
	return nil
}

// roca says whether a modulus looks like one of those keys: their primes are k·M + 65537^a mod M, where M is the product of
// the first primes, so modulo each small prime the modulus is a power of 65537. By chance that is so of one key in 2^27 at
// most (Nemec and others, "The Return of Coppersmith's Attack", 2017, section 2.2).
func roca(n *big.Int) bool {
	for p := int64(3); p <= 167; p += 2 {
		if !big.NewInt(p).ProbablyPrime(0) {
			continue
		}
		rest := new(big.Int).Mod(n, big.NewInt(p)).Int64()
		power, is := int64(1), rest == 1
		for range p - 1 {
			power = power * 65537 % p
			is = is || power == rest
		}
		if !is {
			return false
		}
	}
	return true
}
