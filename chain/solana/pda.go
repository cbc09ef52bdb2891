package solana

import (
	"crypto/sha256"
	"errors"
	"math/big"

	"github.com/redoubt-kms/redoubt/chain/base58"
)

// Bounds of program-derived addresses.
const (
	maxSeeds      = 16
	maxSeedLength = 32
)

// Errors of address derivation.
var (
	ErrSeeds   = errors.New("solana: too many or too long seeds")
	ErrOnCurve = errors.New("solana: no address off the curve")
)

// ProgramAddress is the address that a program has for some seeds, the last of which is usually a bump byte. It
// fails when the address could have a private key.
func ProgramAddress(program Key, seeds ...[]byte) (Key, error) {
	if len(seeds) > maxSeeds {
		return Key{}, ErrSeeds
	}
	h := sha256.New()
	for _, s := range seeds {
		if len(s) > maxSeedLength {
			return Key{}, ErrSeeds
		}
		h.Write(s)
	}
	h.Write(program[:])
	h.Write([]byte("ProgramDerivedAddress"))
	k := Key(h.Sum(nil))
	if onCurve(k) {
		return Key{}, ErrOnCurve
	}
	return k, nil
}

// FindProgramAddress is the address for some seeds and the highest bump byte that gives one.
func FindProgramAddress(program Key, seeds ...[]byte) (Key, byte, error) {
	for bump := 255; bump >= 0; bump-- {
		k, err := ProgramAddress(program, append(append([][]byte{}, seeds...), []byte{byte(bump)})...)
		if !errors.Is(err, ErrOnCurve) {
			return k, byte(bump), err
		}
	}
	return Key{}, 0, ErrOnCurve
}

// AssociatedTokenAddress is where a wallet keeps a token: its account under the given token program.
func AssociatedTokenAddress(wallet, tokenProgramID, mint Key) (Key, error) {
	program, err := ParseKey(ataProgram)
	if err != nil {
		return Key{}, err
	}
	k, _, err := FindProgramAddress(program, wallet[:], tokenProgramID[:], mint[:])
	return k, err
}

// ErrKey says that a text is not a key.
var ErrKey = errors.New("solana: not 32 bytes in base 58")

// ParseKey reads an address.
func ParseKey(s string) (Key, error) {
	b, err := base58.Decode(s)
	if err != nil || len(b) != 32 {
		return Key{}, ErrKey
	}
	return Key(b), nil
}

// onCurve says whether 32 bytes decompress to a point of edwards25519, as the validator's curve25519-dalek decides:
// with y taken modulo p, x² = (y²-1)/(dy²+1) has a root. (A sign bit with x = 0 decompresses there as well.) The
// input is public, so the time that it takes may depend on it.
func onCurve(k Key) bool {
	p := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	mod := func(n *big.Int) *big.Int { return n.Mod(n, p) }
	one := big.NewInt(1)

	var be [32]byte
	for i, c := range k {
		be[31-i] = c
	}
	be[0] &= 0x7f
	y := mod(new(big.Int).SetBytes(be[:]))
	// d = -121665/121666
	d := new(big.Int).ModInverse(big.NewInt(121666), p)
	d = mod(d.Mul(d, big.NewInt(-121665)))
	y2 := mod(new(big.Int).Mul(y, y))
	u := mod(new(big.Int).Sub(y2, one))
	v := mod(new(big.Int).Add(mod(new(big.Int).Mul(d, y2)), one))
	// u/v is a square if and only if u·v is, and v is never zero since -1/d is no square.
	return big.Jacobi(mod(u.Mul(u, v)), p) >= 0
}
