package sui

import (
	"encoding/binary"

	"github.com/redoubt-kms/redoubt/chain"
)

// reader takes BCS values off the front of a byte string and remembers where it is for error reports.
type reader struct {
	buf []byte
	off int
}

func (r *reader) left() int { return len(r.buf) - r.off }

func (r *reader) fail(format string, args ...any) error {
	return chain.Malformed(r.off, format, args...)
}

func (r *reader) bytes(n int, what string) ([]byte, error) {
	if r.left() < n {
		return nil, r.fail("truncated inside %s", what)
	}
	r.off += n
	return r.buf[r.off-n : r.off : r.off], nil
}

// below reads one byte that counts from 0 and stays below a limit: the variant of an enumeration, or a boolean. BCS
// writes variants as ULEB128, of which the one byte below 128 is the only canonical form.
func (r *reader) below(limit byte, what string) (byte, error) {
	b, err := r.bytes(1, what)
	if err != nil {
		return 0, err
	}
	if b[0] >= limit {
		return 0, chain.Malformed(r.off-1, "unknown %s %d", what, b[0])
	}
	return b[0], nil
}

func (r *reader) u16(what string) (uint16, error) {
	b, err := r.bytes(2, what)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint16(b), nil
}

func (r *reader) u64(what string) (uint64, error) {
	b, err := r.bytes(8, what)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(b), nil
}

func (r *reader) skip(n int, what string) error {
	_, err := r.bytes(n, what)
	return err
}

// length reads the count of a vector: ULEB128, minimal, and no more than may be.
func (r *reader) length(most int, what string) (int, error) {
	start, n := r.off, 0
	for shift := 0; shift < 28; shift += 7 {
		b, err := r.bytes(1, what)
		if err != nil {
			return 0, err
		}
		n |= int(b[0]&0x7f) << shift
		if b[0]&0x80 != 0 {
			continue
		}
		if shift > 0 && b[0] == 0 {
			return 0, chain.Malformed(start, "length of %s is not minimal", what)
		}
		if n > most {
			return 0, chain.Malformed(start, "length %d of %s, %d at most", n, what, most)
		}
		return n, nil
	}
	return 0, chain.Malformed(start, "length of %s is too large", what)
}

// vector reads a vector of bytes.
func (r *reader) vector(most int, what string) ([]byte, error) {
	n, err := r.length(most, what)
	if err != nil {
		return nil, err
	}
	return r.bytes(n, what)
}

func (r *reader) address(what string) (Address, error) {
	b, err := r.bytes(len(Address{}), what)
	if err != nil {
		return Address{}, err
	}
	return Address(b), nil
}

// digest reads a digest, which BCS writes as a vector of 32 bytes.
func (r *reader) digest(what string) error {
	start := r.off
	b, err := r.vector(32, what)
	if err == nil && len(b) != 32 {
		err = chain.Malformed(start, "%s of %d bytes, want 32", what, len(b))
	}
	return err
}

// identifier reads a name of the Move language. The network would take any text; people are shown only names that
// look like what they are.
func (r *reader) identifier(what string) (string, error) {
	start := r.off
	b, err := r.vector(maxIdentifier, what)
	if err != nil {
		return "", err
	}
	for i, c := range b {
		letter := c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return "", chain.Malformed(start, "%s is not a Move identifier", what)
		}
	}
	if len(b) == 0 {
		return "", chain.Malformed(start, "%s is empty", what)
	}
	return string(b), nil
}

// each reads the elements of a vector.
func (r *reader) each(most int, what string, one func(int) error) error {
	n, err := r.length(most, what)
	for i := 0; err == nil && i < n; i++ {
		err = one(i)
	}
	return err
}
