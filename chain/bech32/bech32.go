// Package bech32 writes and reads native SegWit addresses: BIP-173 (bech32) for witness version 0 and BIP-350
// (bech32m) for versions 1 to 16.
package bech32

import (
	"errors"
	"fmt"
	"strings"
)

const (
	alphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
	maxText  = 90 // BIP-173
	checksum = 6  // characters

	constBech32  = 1
	constBech32m = 0x2bc830a3 // BIP-350
)

// Errors of the codec.
var (
	ErrProgram  = errors.New("bech32: witness program of a wrong length or version")
	ErrChecksum = errors.New("bech32: checksum does not match")
	ErrText     = errors.New("bech32: not a SegWit address")
)

// Encode writes the address of a witness program for the given human-readable part, "bc" on Bitcoin's mainnet.
func Encode(hrp string, version byte, program []byte) (string, error) {
	if err := checkProgram(version, program); err != nil {
		return "", err
	}
	data := append([]byte{version}, regroup(program, 8, 5)...)
	sum := polymod(append(expand(hrp), append(data, make([]byte, checksum)...)...)) ^ constant(version)
	var out strings.Builder
	out.WriteString(hrp)
	out.WriteByte('1')
	for _, d := range data {
		out.WriteByte(alphabet[d])
	}
	for i := range checksum {
		out.WriteByte(alphabet[sum>>(5*(checksum-1-i))&31])
	}
	if out.Len() > maxText {
		return "", ErrProgram
	}
	return out.String(), nil
}

// Decode reads a lower-case or upper-case address with the given human-readable part.
func Decode(hrp, address string) (version byte, program []byte, err error) {
	text := strings.ToLower(address)
	if text != address && strings.ToUpper(address) != address {
		return 0, nil, fmt.Errorf("%w: mixed case", ErrText)
	}
	rest, ok := strings.CutPrefix(text, hrp+"1")
	if !ok || len(text) > maxText || len(rest) < checksum+1 {
		return 0, nil, ErrText
	}
	data := make([]byte, len(rest))
	for i := range len(rest) {
		d := strings.IndexByte(alphabet, rest[i])
		if d < 0 {
			return 0, nil, fmt.Errorf("%w: character %d is not in the alphabet", ErrText, len(text)-len(rest)+i)
		}
		data[i] = byte(d)
	}
	version = data[0]
	if polymod(append(expand(hrp), data...)) != constant(version) {
		return 0, nil, ErrChecksum
	}
	data = data[1 : len(data)-checksum]
	// The last group holds up to four bits of padding, which must be zero and less than a whole character.
	pad := len(data) * 5 % 8
	if pad > 4 || (len(data) > 0 && data[len(data)-1]&(1<<pad-1) != 0) {
		return 0, nil, fmt.Errorf("%w: padding", ErrText)
	}
	program = regroup(data, 5, 8)[:len(data)*5/8]
	if err := checkProgram(version, program); err != nil {
		return 0, nil, err
	}
	return version, program, nil
}

func checkProgram(version byte, program []byte) error {
	n := len(program)
	if version > 16 || n < 2 || n > 40 || (version == 0 && n != 20 && n != 32) {
		return ErrProgram
	}
	return nil
}

func constant(version byte) uint32 {
	if version == 0 {
		return constBech32
	}
	return constBech32m
}

// regroup turns groups of from bits into groups of to bits, padding the last one with zeros.
func regroup(in []byte, from, to uint) []byte {
	var out []byte
	var acc, bits uint
	for _, v := range in {
		acc = acc<<from | uint(v)
		bits += from
		for bits >= to {
			bits -= to
			out = append(out, byte(acc>>bits&(1<<to-1)))
		}
		acc &= 1<<bits - 1
	}
	if bits > 0 {
		out = append(out, byte(acc<<(to-bits)&(1<<to-1)))
	}
	return out
}

// expand spreads the human-readable part for the checksum: high bits, a zero, low bits.
func expand(hrp string) []byte {
	out := make([]byte, 0, 2*len(hrp)+1+maxText)
	for i := range len(hrp) {
		out = append(out, hrp[i]>>5)
	}
	out = append(out, 0)
	for i := range len(hrp) {
		out = append(out, hrp[i]&31)
	}
	return out
}

// polymod is the BCH checksum of BIP-173.
func polymod(values []byte) uint32 {
	generator := [5]uint32{0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3}
	sum := uint32(1)
	for _, v := range values {
		top := sum >> 25
		sum = (sum&0x1ffffff)<<5 ^ uint32(v)
		for i, g := range generator {
			if top>>i&1 == 1 {
				sum ^= g
			}
		}
	}
	return sum
}
