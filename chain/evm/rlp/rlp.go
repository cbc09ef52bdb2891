// Package rlp reads and writes Ethereum's Recursive Length Prefix encoding (yellow paper, appendix B). Reading is
// strict: every length is minimal, integers have no leading zeros, and a list ends where its items end. The reader
// descends only where its caller asks for a list, so the depth of the input costs nothing.
package rlp

import (
	"math/big"

	"github.com/redoubt-kms/redoubt/chain"
)

// First bytes of the encoding.
const (
	stringBase = 0x80 // plus the length of a short string
	listBase   = 0xc0 // plus the length of a short list
	shortMax   = 55   // a longer content has its length in bytes of its own
)

// Reader takes items off the front of a list or of a whole input.
type Reader struct {
	buf      []byte
	off, end int
}

// NewReader reads the items that make up b.
func NewReader(b []byte) *Reader { return &Reader{buf: b, end: len(b)} }

// NewReaderAt reads the items of b from off to its end; errors count their offset in b.
func NewReaderAt(b []byte, off int) *Reader { return &Reader{buf: b, off: off, end: len(b)} }

// Offset is where the next item starts.
func (r *Reader) Offset() int { return r.off }

// More says that another item follows.
func (r *Reader) More() bool { return r.off < r.end }

// IsList says that the next item is a list.
func (r *Reader) IsList() bool { return r.More() && r.buf[r.off] >= listBase }

// End fails when another item follows.
func (r *Reader) End() error {
	if r.More() {
		return chain.Malformed(r.off, "%d bytes after the last field", r.end-r.off)
	}
	return nil
}

// List enters the next item.
func (r *Reader) List() (*Reader, error) {
	start := r.off
	isList, from, to, err := r.header()
	if err != nil {
		return nil, err
	}
	if !isList {
		return nil, chain.Malformed(start, "string where a list belongs")
	}
	r.off = to
	return &Reader{buf: r.buf, off: from, end: to}, nil
}

// Bytes takes the next item, which is part of the input.
func (r *Reader) Bytes() ([]byte, error) {
	start := r.off
	isList, from, to, err := r.header()
	if err != nil {
		return nil, err
	}
	if isList {
		return nil, chain.Malformed(start, "list where a string belongs")
	}
	r.off = to
	return r.buf[from:to:to], nil
}

// Fixed takes the next item, which has n bytes.
func (r *Reader) Fixed(n int) ([]byte, error) {
	start := r.off
	b, err := r.Bytes()
	if err == nil && len(b) != n {
		return nil, chain.Malformed(start, "%d bytes where %d belong", len(b), n)
	}
	return b, err
}

// Uint takes the next item, an integer of at most so many bits.
func (r *Reader) Uint(bits int) (*big.Int, error) {
	b, err := r.digits(bits)
	if err != nil {
		return nil, err
	}
	return new(big.Int).SetBytes(b), nil
}

// Uint64 takes the next item, an integer of at most 64 bits.
func (r *Reader) Uint64() (uint64, error) {
	b, err := r.digits(64)
	n := uint64(0)
	for _, c := range b {
		n = n<<8 | uint64(c)
	}
	return n, err
}

// digits takes the bytes of an integer, the highest one first and not zero.
func (r *Reader) digits(bits int) ([]byte, error) {
	start := r.off
	b, err := r.Bytes()
	if err != nil {
		return nil, err
	}
	if len(b) > 0 && b[0] == 0 {
		return nil, chain.Malformed(start, "integer with a leading zero")
	}
	if len(b)*8 > bits {
		return nil, chain.Malformed(start, "integer of more than %d bits", bits)
	}
	return b, nil
}

// header finds the content of the next item, within the bounds of the list that it is in.
func (r *Reader) header() (isList bool, from, to int, err error) {
	if !r.More() {
		return false, 0, 0, chain.Malformed(r.off, "truncated before a field")
	}
	first := int(r.buf[r.off])
	if first < stringBase {
		return false, r.off, r.off + 1, nil
	}
	isList = first >= listBase
	base := stringBase
	if isList {
		base = listBase
	}
	from, n := r.off+1, first-base
	if n > shortMax {
		if from, n, err = r.longLength(n - shortMax); err != nil {
			return false, 0, 0, err
		}
	}
	if n > r.end-from {
		return false, 0, 0, chain.Malformed(r.off, "item longer than what is left")
	}
	if !isList && n == 1 && r.buf[from] < stringBase {
		return false, 0, 0, chain.Malformed(r.off, "single byte with a length")
	}
	return isList, from, from + n, nil
}

// longLength reads a length of its own, of the given number of bytes.
func (r *Reader) longLength(size int) (from, n int, err error) {
	from = r.off + 1
	if size > r.end-from {
		return 0, 0, chain.Malformed(r.off, "truncated length")
	}
	if r.buf[from] == 0 {
		return 0, 0, chain.Malformed(r.off, "length with a leading zero")
	}
	if size > 4 { // no input has 4 GiB
		return 0, 0, chain.Malformed(r.off, "item longer than what is left")
	}
	for _, c := range r.buf[from : from+size] {
		n = n<<8 | int(c)
	}
	if n <= shortMax {
		return 0, 0, chain.Malformed(r.off, "length is not minimal")
	}
	return from + size, n, nil
}
