package envelope

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// Kind says what a secret is. Its number never changes.
type Kind byte

// The kinds of secrets.
const (
	Mnemonic  Kind = 1 // English words of BIP-39 in lower case, single spaces between them
	Entropy   Kind = 2 // what a mnemonic spells: 16, 20, 24, 28 or 32 bytes
	Ed25519   Kind = 3 // a private key: 32 bytes of seed, or the seed and its public key
	Secp256k1 Kind = 4 // a private key: a scalar of 32 bytes
)

// paddedSize is the size of every encoded secret: the length of a mnemonic would tell something of its words.
const paddedSize = 256

const headSize = 3 // version, kind, length

const secretVersion = 1

// ErrSecret says that what an envelope holds is not a secret of this format.
var ErrSecret = errors.New("the envelope does not hold a mnemonic or a key in the documented form")

// Secret is what an envelope holds. It never prints.
type Secret struct {
	Kind  Kind
	Bytes []byte
}

// encode writes version, kind, length, the bytes, and zeros up to the size that all have.
func (s *Secret) encode() ([]byte, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	out := make([]byte, paddedSize)
	out[0], out[1], out[2] = secretVersion, byte(s.Kind), byte(len(s.Bytes))
	copy(out[headSize:], s.Bytes)
	return out, nil
}

func decodeSecret(b []byte) (*Secret, error) {
	if len(b) != paddedSize || b[0] != secretVersion || headSize+int(b[2]) > paddedSize {
		return nil, ErrSecret
	}
	end := headSize + int(b[2])
	for _, pad := range b[end:] {
		if pad != 0 {
			return nil, ErrSecret
		}
	}
	s := &Secret{Kind: Kind(b[1]), Bytes: bytes.Clone(b[headSize:end])}
	if err := s.check(); err != nil {
		s.Wipe()
		return nil, err
	}
	return s, nil
}

// check knows lengths only; whether a mnemonic is one, its recipient finds out.
func (s *Secret) check() error {
	n := len(s.Bytes)
	good := false
	switch s.Kind {
	case Mnemonic:
		good = n > 0 && n <= paddedSize-headSize
	case Entropy:
		good = n >= 16 && n <= 32 && n%4 == 0
	case Ed25519:
		good = n == 32 || n == 64
	case Secp256k1:
		good = n == 32
	}
	if !good {
		return ErrSecret
	}
	return nil
}

// Wipe overwrites the secret.
func (s *Secret) Wipe() { clear(s.Bytes) }

// Format implements fmt.Formatter without the secret.
func (*Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "REDACTED") }

// MarshalText implements encoding.TextMarshaler without the secret.
func (*Secret) MarshalText() ([]byte, error) { return []byte("REDACTED"), nil }
