package solana

import (
	"encoding/binary"

	"github.com/redoubt-kms/redoubt/chain"
)

// reader takes fields off the front of a byte string and remembers where it is for error reports.
type reader struct {
	buf []byte
	off int
}

func (r *reader) left() int { return len(r.buf) - r.off }

func (r *reader) fail(format string, args ...any) error {
	return chain.Malformed(r.off, format, args...)
}

func (r *reader) byte(what string) (byte, error) {
	if r.left() < 1 {
		return 0, r.fail("truncated before %s", what)
	}
	r.off++
	return r.buf[r.off-1], nil
}

func (r *reader) bytes(n int, what string) ([]byte, error) {
	if r.left() < n {
		return nil, r.fail("truncated inside %s", what)
	}
	r.off += n
	return r.buf[r.off-n : r.off], nil
}

func (r *reader) key(what string) (Key, error) {
	b, err := r.bytes(32, what)
	if err != nil {
		return Key{}, err
	}
	return Key(b), nil
}

// length reads a compact-u16: seven bits a byte, least significant first, at most three bytes, minimal.
func (r *reader) length(what string) (int, error) {
	if r.off < len(r.buf) && r.buf[r.off] < 0x80 { // almost always
		r.off++
		return int(r.buf[r.off-1]), nil
	}
	start, n := r.off, 0
	for i := range 3 {
		c, err := r.byte(what)
		if err != nil {
			return 0, err
		}
		n |= int(c&0x7f) << (7 * i)
		if c&0x80 != 0 {
			continue
		}
		if i > 0 && c == 0 {
			return 0, chain.Malformed(start, "length of %s is not minimal", what)
		}
		if n > 0xffff {
			return 0, chain.Malformed(start, "length of %s exceeds 16 bits", what)
		}
		return n, nil
	}
	return 0, chain.Malformed(start, "length of %s exceeds three bytes", what)
}

// appendLength writes a compact-u16.
func appendLength(b []byte, n int) []byte {
	for n >= 0x80 {
		b = append(b, byte(n)|0x80)
		n >>= 7
	}
	return append(b, byte(n))
}

// fields reads the little-endian arguments of an instruction. The first missing byte sets short.
type fields struct {
	buf   []byte
	short bool
}

func (f *fields) take(n int) []byte {
	if n > len(f.buf) || f.short {
		f.short = true
		return make([]byte, min(n, 32))
	}
	b := f.buf[:n]
	f.buf = f.buf[n:]
	return b
}

func (f *fields) u8() byte    { return f.take(1)[0] }
func (f *fields) u32() uint32 { return binary.LittleEndian.Uint32(f.take(4)) }
func (f *fields) u64() uint64 { return binary.LittleEndian.Uint64(f.take(8)) }
func (f *fields) key() Key    { return Key(f.take(32)) }

// skipString passes over a Rust string of bincode: a 64-bit length and that many bytes.
func (f *fields) skipString() {
	n := f.u64()
	if n > uint64(len(f.buf)) {
		f.short = true
		return
	}
	f.take(int(n)) //nolint:gosec // n is at most len(f.buf)
}

// whole says that every argument was there and nothing follows.
func (f *fields) whole() bool { return !f.short && len(f.buf) == 0 }
