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

const (
	limbDigits = 5
	limbSize   = 58 * 58 * 58 * 58 * 58
)

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
	// Four bytes go in at a time, and limbs of five digits come out: least significant first, 29 bits in each.
	var buf [24]uint32
	limbs := buf[:0]
	for rest := b[zeros:]; len(rest) > 0; {
		n := (len(rest)-1)%4 + 1
		carry := uint64(0)
		for _, c := range rest[:n] {
			carry = carry<<8 | uint64(c)
		}
		rest = rest[n:]
		for i, limb := range limbs {
			carry += uint64(limb) << (8 * n)
			limbs[i] = uint32(carry % limbSize)
			carry /= limbSize
		}
		for carry > 0 {
			limbs = append(limbs, uint32(carry%limbSize))
			carry /= limbSize
		}
	}
	return text(zeros, limbs)
}

// text writes limbs after so many zero bytes.
func text(zeros int, limbs []uint32) string {
	out := make([]byte, zeros+limbDigits*len(limbs))
	at := len(out)
	for i, limb := range limbs {
		last := i == len(limbs)-1
		for range limbDigits {
			if last && limb == 0 {
				break
			}
			at--
			out[at] = alphabet[limb%58]
			limb /= 58
		}
	}
	for range zeros {
		at--
		out[at] = alphabet[0]
	}
	return string(out[at:])
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
