package bitcoin

import (
	"encoding/binary"

	"github.com/redoubt-kms/redoubt/chain"
)

// reader takes fields off a byte string up to an end and remembers where it is for error reports. Every slice that it
// returns is a part of buf.
type reader struct {
	buf []byte
	off int
	end int
}

func newReader(b []byte) *reader { return &reader{buf: b, end: len(b)} }

// within reads the next n bytes on their own.
func (r *reader) within(n int) *reader { return &reader{buf: r.buf, off: r.off, end: r.off + n} }

func (r *reader) left() int { return r.end - r.off }

func (r *reader) fail(format string, args ...any) error {
	return chain.Malformed(r.off, format, args...)
}

func (r *reader) bytes(n int, what string) ([]byte, error) {
	if n < 0 || r.left() < n {
		return nil, r.fail("truncated inside %s", what)
	}
	r.off += n
	return r.buf[r.off-n : r.off : r.off], nil
}

func (r *reader) u32(what string) (uint32, error) {
	b, err := r.bytes(4, what)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint32(b), nil
}

func (r *reader) u64(what string) (uint64, error) {
	b, err := r.bytes(8, what)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(b), nil
}

// size reads a compact size, which must be in its shortest form.
func (r *reader) size(what string) (uint64, error) {
	start := r.off
	first, err := r.bytes(1, what)
	if err != nil {
		return 0, err
	}
	var width int
	var least uint64
	switch first[0] {
	default:
		return uint64(first[0]), nil
	case 0xfd:
		width, least = 2, 0xfd
	case 0xfe:
		width, least = 4, 1<<16
	case 0xff:
		width, least = 8, 1<<32
	}
	b, err := r.bytes(width, what)
	if err != nil {
		return 0, err
	}
	var n uint64
	for i := range b {
		n |= uint64(b[i]) << (8 * i)
	}
	if n < least {
		return 0, chain.Malformed(start, "size of %s is not minimal", what)
	}
	return n, nil
}

// vector reads a compact size and as many bytes.
func (r *reader) vector(what string) ([]byte, error) {
	n, err := r.length(what)
	if err != nil {
		return nil, err
	}
	return r.bytes(n, what)
}

// length reads the compact size of something that must fit into what is left.
func (r *reader) length(what string) (int, error) {
	start := r.off
	n, err := r.size(what)
	if err != nil {
		return 0, err
	}
	if n > uint64(r.left()) { //nolint:gosec // never negative
		return 0, chain.Malformed(start, "truncated inside %s", what)
	}
	return int(n), nil //nolint:gosec // at most what is left
}

// count reads how many things follow.
func (r *reader) count(what string) (int, error) {
	start := r.off
	n, err := r.size(what)
	if err != nil {
		return 0, err
	}
	if n > MaxCount {
		return 0, chain.Malformed(start, "%d %s, %d at most", n, what, MaxCount)
	}
	return int(n), nil
}

// stack reads the items of a witness.
func (r *reader) stack(what string) ([][]byte, error) {
	n, err := r.count(what)
	if err != nil {
		return nil, err
	}
	items := make([][]byte, 0, min(n, r.left()))
	for range n {
		item, err := r.vector(what)
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	return items, nil
}

// done refuses bytes that are left over.
func (r *reader) done(what string) error {
	if r.left() > 0 {
		return r.fail("%d bytes after %s", r.left(), what)
	}
	return nil
}

// appendSize writes a compact size.
func appendSize(b []byte, n uint64) []byte {
	switch {
	case n < 0xfd:
		return append(b, byte(n))
	case n < 1<<16:
		return binary.LittleEndian.AppendUint16(append(b, 0xfd), uint16(n))
	case n < 1<<32:
		return binary.LittleEndian.AppendUint32(append(b, 0xfe), uint32(n))
	}
	return binary.LittleEndian.AppendUint64(append(b, 0xff), n)
}

func appendVector(b, v []byte) []byte { return append(appendSize(b, uint64(len(v))), v...) }

func appendStack(b []byte, items [][]byte) []byte {
	b = appendSize(b, uint64(len(items)))
	for _, item := range items {
		b = appendVector(b, item)
	}
	return b
}
