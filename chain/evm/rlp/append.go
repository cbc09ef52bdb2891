package rlp

import "math/big"

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
	return AppendBytes(out, n.Bytes())
}

// AppendUint64 writes an integer.
func AppendUint64(out []byte, n uint64) []byte { return AppendUint(out, new(big.Int).SetUint64(n)) }

// AppendList writes a list of items that are already encoded.
func AppendList(out, items []byte) []byte {
	return append(appendHeader(out, listBase, len(items)), items...)
}

func appendHeader(out []byte, base byte, n int) []byte {
	if n <= shortMax {
		return append(out, base+byte(n))
	}
	size := new(big.Int).SetInt64(int64(n)).Bytes()
	return append(append(out, base+shortMax+byte(len(size))), size...)
}
