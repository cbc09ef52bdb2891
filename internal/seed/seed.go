// Package seed keeps the seed of a wallet and derives its accounts: mnemonics by BIP-39 (English), secp256k1
// keys by BIP-32, Ed25519 keys by SLIP-10.
//
// Secrets are bytes here, never strings, so that they can be wiped, and every type that holds one prints as
// REDACTED. Wiping is best effort: the garbage collector may have moved copies, and the hash functions of the
// standard library keep their own state.
package seed

import (
	"errors"
	"slices"

	"github.com/redoubt-kms/redoubt/internal/curve"
)

// StretchedSize is the length of the seed that BIP-39 stretches from a mnemonic.
const StretchedSize = 64

var (
	errEntropy   = errors.New("seed: the entropy must have 16, 20, 24, 28 or 32 bytes")
	errStretched = errors.New("seed: the stretched seed must have 64 bytes")
	errZeroed    = errors.New("seed: the seed has been wiped")
)

// Seed is what all keys of a mnemonic wallet are derived from: the entropy, which is the mnemonic, and what it
// stretches to. Stretching takes two milliseconds; a seed is sealed with both, so that it is done only once.
//
// Derive may be called from several goroutines at once, Zero by the last user only.
type Seed struct {
	curve.Redacted
	secret *secret // a pointer, because package fmt follows none out of an unexported field
}

type secret struct {
	entropy   [32]byte
	size      int // of the entropy; 0 once wiped
	stretched [StretchedSize]byte
}

// New makes the seed of a new wallet, or of an imported one, from 16 to 32 bytes of entropy: 12, 15, 18, 21 or
// 24 words. The passphrase is empty. No reference to the argument is kept.
func New(entropy []byte) (*Seed, error) {
	words, err := mnemonic(entropy)
	if err != nil {
		return nil, err
	}
	defer clear(words)
	stretched := stretch(words, nil)
	defer clear(stretched)
	return Restore(entropy, stretched)
}

// Restore makes a seed from its two parts as they were sealed. That they belong together was checked when the
// seed was made; checking it again would be stretching it again.
func Restore(entropy, stretched []byte) (*Seed, error) {
	if !validEntropy(len(entropy)) {
		return nil, errEntropy
	}
	if len(stretched) != StretchedSize {
		return nil, errStretched
	}
	s := &Seed{secret: &secret{size: len(entropy)}}
	copy(s.secret.entropy[:], entropy)
	copy(s.secret.stretched[:], stretched)
	return s, nil
}

// Entropy returns a copy of the entropy, for sealing. The caller wipes it.
func (s *Seed) Entropy() []byte { return slices.Clone(s.secret.entropy[:s.secret.size]) }

// Stretched returns a copy of the stretched seed, for sealing. The caller wipes it.
func (s *Seed) Stretched() []byte { return slices.Clone(s.secret.stretched[:]) }

// Mnemonic returns the words, separated by spaces, for export. The caller wipes them.
func (s *Seed) Mnemonic() ([]byte, error) {
	if s.secret.size == 0 {
		return nil, errZeroed
	}
	return mnemonic(s.secret.entropy[:s.secret.size])
}

// Zero wipes the seed. It derives nothing afterwards.
func (s *Seed) Zero() { *s.secret = secret{} }
