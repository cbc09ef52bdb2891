package abi

import (
	"math/big"
	"unicode/utf8"

	"github.com/redoubt-kms/redoubt/chain"
)

// maxValues bounds what one call may hold, atoms and what they stand in together.
const maxValues = 1 << 14

const word = 32

// decoder reads encoded arguments strictly: no padding but zeros (or the sign), dynamic parts in the order of their
// offsets and without gaps. Solidity itself is laxer, but then two byte strings would mean one call.
type decoder struct {
	buf    []byte
	values int
}

// sequence reads values that stand side by side from base on: the fields of a tuple, or n items of one type. It gives
// back where they end.
func (d *decoder) sequence(base int, fields []field, elem *typ, n int) ([]Value, int, error) {
	head, tail := base, base+word*headWords(fields, elem, n)
	if tail > len(d.buf) {
		return nil, 0, chain.Malformed(len(d.buf), "call data ends before its values do")
	}
	if d.values += n; d.values > maxValues {
		return nil, 0, chain.Malformed(base, "call data holds more than %d values", maxValues)
	}
	items := make([]Value, n)
	for i := range n {
		t, at := elem, head
		if t == nil {
			t = fields[i].typ
		}
		var err error
		if t.dynamic {
			if !isNumber(d.buf[head:head+word], tail-base) {
				return nil, 0, chain.Malformed(head, "offset is not where the value stands")
			}
			at = tail
		}
		var end int
		if items[i], end, err = d.value(t, at); err != nil {
			return nil, 0, err
		}
		if t.dynamic {
			tail = end
		}
		head += word * t.words
	}
	return items, tail, nil
}

// headWords is what the values take where they stand, offsets included.
func headWords(fields []field, elem *typ, n int) int {
	if elem != nil {
		return n * elem.words // of what declarations and the data have room for
	}
	sum := 0
	for _, f := range fields {
		sum += f.typ.words
	}
	return sum
}

// value reads a value where it stands and gives back where it ends.
func (d *decoder) value(t *typ, at int) (Value, int, error) {
	v := Value{typ: t}
	var err error
	end := at
	switch {
	case t.kind == Tuple:
		v.items, end, err = d.sequence(at, t.fields, nil, len(t.fields))
	case t.kind == Array && t.size > 0:
		v.items, end, err = d.sequence(at, nil, t.elem, t.size)
	case t.kind == Array:
		var n int
		if n, err = d.length(at, word*t.elem.words); err == nil {
			v.items, end, err = d.sequence(at+word, nil, t.elem, n)
		}
	case t.dynamic:
		v.data, end, err = d.content(t, at)
	default:
		v.data, end = d.buf[at:at+word:at+word], at+word
		err = t.check(v.data, at)
	}
	return v, end, err
}

// length reads how many items of a size follow; there must be room for them.
func (d *decoder) length(at, size int) (int, error) {
	if len(d.buf)-at < word {
		return 0, chain.Malformed(len(d.buf), "call data ends before a length")
	}
	n := new(big.Int).SetBytes(d.buf[at : at+word])
	if room := (len(d.buf) - at - word) / size; !n.IsInt64() || n.Int64() > int64(room) {
		return 0, chain.Malformed(at, "length is more than the call data has room for")
	}
	return int(n.Int64()), nil
}

// content reads bytes or a string, and the zeros after it.
func (d *decoder) content(t *typ, at int) ([]byte, int, error) {
	n, err := d.length(at, 1)
	if err != nil {
		return nil, 0, err
	}
	from := at + word
	to := from + n
	end := from + (n+word-1)/word*word
	if end > len(d.buf) || !zeros(d.buf[to:end], 0) {
		return nil, 0, chain.Malformed(to, "padding is missing or not zero")
	}
	if t.kind == String && !utf8.Valid(d.buf[from:to]) {
		return nil, 0, chain.Malformed(from, "string is not UTF-8")
	}
	return d.buf[from:to:to], end, nil
}

// check holds an atom's word against its type.
func (t *typ) check(w []byte, at int) error {
	ok := true
	switch t.kind {
	case Uint:
		ok = zeros(w[:word-t.size/8], 0)
	case Int:
		sign := byte(0)
		if w[word-t.size/8]&0x80 != 0 {
			sign = 0xff
		}
		ok = zeros(w[:word-t.size/8], sign)
	case Bool:
		ok = zeros(w[:word-1], 0) && w[word-1] <= 1
	case Address:
		ok = zeros(w[:word-20], 0)
	case FixedBytes:
		ok = zeros(w[t.size:], 0)
	case Bytes, String, Array, Tuple:
	}
	if !ok {
		return chain.Malformed(at, "value is out of the range of %s", t.text)
	}
	return nil
}

// zeros says that all bytes are one, mostly zero.
func zeros(b []byte, want byte) bool {
	for _, c := range b {
		if c != want {
			return false
		}
	}
	return true
}

// isNumber says that a word is a small number.
func isNumber(w []byte, n int) bool {
	for i := word - 1; i >= 0; i-- {
		if w[i] != byte(n) { //nolint:gosec // the lowest byte is meant
			return false
		}
		n >>= 8
	}
	return true
}
