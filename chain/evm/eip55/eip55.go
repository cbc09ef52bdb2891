// Package eip55 writes and reads Ethereum addresses with the mixed-case checksum of EIP-55, and derives them from
// secp256k1 public keys (the last 20 bytes of Keccak-256(X‖Y)).
package eip55

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"golang.org/x/crypto/sha3"
)

// Errors of the codec.
var (
	ErrText      = errors.New("eip55: not 0x and 40 hexadecimal digits")
	ErrChecksum  = errors.New("eip55: the case of the letters is not the checksum")
	ErrPublicKey = errors.New("eip55: not a compressed secp256k1 public key")
)

// Encode writes an address with its checksum.
func Encode(address [20]byte) string {
	whole := [2 + 40]byte{'0', 'x'}
	text := whole[2:]
	hex.Encode(text, address[:])
	h := sha3.NewLegacyKeccak256()
	h.Write(text)
	var buf [32]byte
	sum := h.Sum(buf[:0])
	for i, c := range text {
		nibble := sum[i/2] >> (4 * (1 - i%2)) & 15
		if c >= 'a' && nibble >= 8 {
			text[i] = c - 'a' + 'A'
		}
	}
	return string(whole[:])
}

// Parse reads an address. All-lower-case and all-upper-case digits carry no checksum; any mixture must match it.
func Parse(s string) ([20]byte, error) {
	var out [20]byte
	digits, ok := strings.CutPrefix(s, "0x")
	if !ok || len(digits) != 40 {
		return out, ErrText
	}
	if _, err := hex.Decode(out[:], []byte(digits)); err != nil {
		return [20]byte{}, ErrText
	}
	if strings.ContainsAny(digits, "abcdef") && strings.ContainsAny(digits, "ABCDEF") && Encode(out) != s {
		return [20]byte{}, ErrChecksum
	}
	return out, nil
}

// FromPublicKey derives the address of a compressed public key (33 bytes).
func FromPublicKey(compressed []byte) ([20]byte, error) {
	var out [20]byte
	if len(compressed) != secp256k1.PubKeyBytesLenCompressed {
		return out, ErrPublicKey
	}
	key, err := secp256k1.ParsePubKey(compressed)
	if err != nil {
		return out, fmt.Errorf("%w: %w", ErrPublicKey, err)
	}
	h := sha3.NewLegacyKeccak256()
	h.Write(key.SerializeUncompressed()[1:])
	copy(out[:], h.Sum(nil)[12:])
	return out, nil
}
