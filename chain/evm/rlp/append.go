package rlp

import (
	"encoding/binary"
	"math/big"
	"math/bits"
)

// AppendBytes writes a string.
func AppendBytes(out, b []byte) []byte {
	if len(b) == 1 && b[0] < stringBase {
		return append(out, b[0])
	}
	return append(appendHeader(out, stringBase, len(b)), b...)
}

// AppendUint writes a non-negative integer; nil is zero.
func AppendUint(out []byte, n *big.Int) []byte {
	if n == nil {
		return AppendBytes(out, nil)
	}
	size := (n.BitLen() + 7) / 8
	if size > 32 {
		return AppendBytes(out, n.Bytes())
	}
	var word [32]byte
	return AppendBytes(out, n.FillBytes(word[:])[32-size:])
}

// AppendUint64 writes an integer.
func AppendUint64(out []byte, n uint64) []byte {
	var word [8]byte
	return AppendBytes(out, digits(&word, n))
}

// digits are the bytes of an integer, without leading zeros.
func digits(word *[8]byte, n uint64) []byte {
	binary.BigEndian.PutUint64(word[:], n)
	return word[bits.LeadingZeros64(n)/8:]
}

// AppendList writes a list of items that are already encoded.
func AppendList(out, items []byte) []byte {
	return append(appendHeader(out, listBase, len(items)), items...)
}

// AppendListHeader begins a list of items that take so many bytes.
func AppendListHeader(out []byte, n int) []byte { return appendHeader(out, listBase, n) }

func appendHeader(out []byte, base byte, n int) []byte {
	if n <= shortMax {
		return append(out, base+byte(n))
	}
	var word [8]byte
	size := digits(&word, uint64(n))
	return append(append(out, base+shortMax+byte(len(size))), size...)
}
