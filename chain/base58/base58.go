// Package base58 is the text form of Solana keys and signatures: big-endian base 58 with Bitcoin's alphabet and one
// leading '1' for each leading zero byte, as in draft-msporny-base58-03. There is no checksum. Decoding is strict: the
// text that a byte string encodes to is the only text that decodes to it.
package base58

import (
	"errors"
	"fmt"
	"strings"
)

const alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

// MaxText is the longest text that Decode reads. The work grows with the square of the length, and nothing that a
// wallet reads in base 58 (keys of 32, signatures and key pairs of 64 bytes, 88 characters) comes near.
const MaxText = 256

// ErrTooLong says that a text is longer than MaxText.
var ErrTooLong = errors.New("base58: text too long")

// Encode writes b in base 58.
func Encode(b []byte) string {
	zeros := 0
	for zeros < len(b) && b[zeros] == 0 {
		zeros++
	}
	// Each byte needs log(256)/log(58) < 1.38 digits; digits are kept least significant first.
	digits := make([]byte, 0, len(b)*138/100+1)
	for _, c := range b[zeros:] {
		carry := int(c)
		for i, d := range digits {
			carry += int(d) << 8
			digits[i] = byte(carry % 58)
			carry /= 58
		}
		for carry > 0 {
			digits = append(digits, byte(carry%58))
			carry /= 58
		}
	}
	out := make([]byte, 0, zeros+len(digits))
	for range zeros {
		out = append(out, alphabet[0])
	}
	for i := len(digits) - 1; i >= 0; i-- {
		out = append(out, alphabet[digits[i]])
	}
	return string(out)
}

// Decode reads a base 58 text of at most MaxText characters.
func Decode(s string) ([]byte, error) {
	if len(s) > MaxText {
		return nil, ErrTooLong
	}
	zeros := 0
	for zeros < len(s) && s[zeros] == alphabet[0] {
		zeros++
	}
	// Bytes are kept least significant first.
	digits := make([]byte, 0, len(s)*74/100+1)
	for i := zeros; i < len(s); i++ {
		carry := strings.IndexByte(alphabet, s[i])
		if carry < 0 {
			return nil, fmt.Errorf("base58: character %d is not in the alphabet", i)
		}
		for j, d := range digits {
			carry += int(d) * 58
			digits[j] = byte(carry)
			carry >>= 8
		}
		for carry > 0 {
			digits = append(digits, byte(carry))
			carry >>= 8
		}
	}
	out := make([]byte, zeros, zeros+len(digits))
	for i := len(digits) - 1; i >= 0; i-- {
		out = append(out, digits[i])
	}
	return out, nil
}
