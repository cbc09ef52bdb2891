package evm

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/big"
	"math/bits"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/redoubt-kms/redoubt/chain/evm/eip55"
)

// RawKind is what a Raw value is.
type RawKind byte

// The kinds of Raw value. There is no null: EIP-712 has none.
const (
	RawString RawKind = iota
	RawNumber
	RawBool
	RawList
	RawObject
)

// Raw is a value before its type is known, as JSON writes it.
type Raw struct {
	Kind    RawKind
	Text    string // what a string says; the literal of a number; true or false
	Items   []Raw
	Members []RawMember
}

// RawMember is a member of a RawObject.
type RawMember struct {
	Name  string
	Value Raw
}

// caster turns raw values into typed ones and counts them.
type caster struct{ nodes int }

// place is where in the typed data a value stands. It becomes text only for an error.
type place struct {
	in    *place // nil at the top
	name  string // of a field; empty for an item of an array
	index int
}

func (p *place) String() string {
	switch {
	case p.in == nil:
		return p.name
	case p.name == "":
		return p.in.String() + "[" + strconv.Itoa(p.index) + "]" // by fmt, every place would be on the heap
	}
	return p.in.String() + "." + p.name
}

// enter counts a value and holds its depth against the bound.
func (c *caster) enter(at *place, depth int) error {
	if c.nodes++; c.nodes > maxNodes {
		return fieldError(at.String(), "more than %d values", maxNodes)
	}
	if depth > maxDepth {
		return fieldError(at.String(), "nested deeper than %d", maxDepth)
	}
	return nil
}

func (c *caster) cast(t *typeRef, in *Raw, at *place, depth int) (Value, error) {
	if err := c.enter(at, depth); err != nil {
		return Value{}, err
	}
	v := Value{typ: t}
	var err error
	switch t.shape {
	case shapeStruct:
		return c.castStruct(v, in, at, depth)
	case shapeArray:
		return c.castArray(v, in, at, depth)
	case shapeUint, shapeInt:
		err = v.castInt(in)
	case shapeBool:
		if in.Kind != RawBool {
			return v, fieldError(at.String(), "%s must be true or false", t.text)
		}
		if in.Text == "true" {
			v.word[31] = 1
		}
	default:
		if in.Kind != RawString {
			return v, fieldError(at.String(), "%s must be a string", t.text)
		}
		err = v.castString(in.Text)
	}
	if err != nil {
		return v, fieldError(at.String(), "%s: %s", t.text, err)
	}
	return v, nil
}

func (c *caster) castStruct(v Value, in *Raw, at *place, depth int) (Value, error) {
	if in.Kind != RawObject {
		return v, fieldError(at.String(), "%s must be an object", v.typ.text)
	}
	fields := v.typ.fields.fields
	v.items = make([]Value, 0, min(len(fields), len(in.Members)))
	for i, f := range fields {
		if i >= len(in.Members) || in.Members[i].Name != f.name {
			return c.castUnordered(v, in, at, depth)
		}
		member, err := c.cast(f.typ, &in.Members[i].Value, &place{in: at, name: f.name}, depth+1)
		if err != nil {
			return v, err
		}
		v.items = append(v.items, member)
	}
	if len(in.Members) > len(fields) {
		return c.castUnordered(v, in, at, depth)
	}
	return v, nil
}

// castUnordered goes on with a struct whose members are not, or not only, its fields in their order: those before the first
// that is not are cast.
func (c *caster) castUnordered(v Value, in *Raw, at *place, depth int) (Value, error) {
	given := make(map[string]int, len(in.Members))
	for i, m := range in.Members {
		if _, twice := given[m.Name]; twice {
			return v, fieldError(at.String()+"."+m.Name, "given twice")
		}
		given[m.Name] = i
	}
	for i, f := range v.typ.fields.fields {
		here := &place{in: at, name: f.name}
		n, ok := given[f.name]
		if !ok {
			return v, fieldError(here.String(), "missing")
		}
		delete(given, f.name)
		if i < len(v.items) {
			continue
		}
		member, err := c.cast(f.typ, &in.Members[n].Value, here, depth+1)
		if err != nil {
			return v, err
		}
		v.items = append(v.items, member)
	}
	for _, m := range in.Members { // in the order given, so that the error does not depend on the map
		if _, extra := given[m.Name]; extra {
			return v, fieldError(fmt.Sprintf("%s.%.64q", at.String(), m.Name), "not a field of %s", v.typ.text)
		}
	}
	return v, nil
}

func (c *caster) castArray(v Value, in *Raw, at *place, depth int) (Value, error) {
	if in.Kind != RawList {
		return v, fieldError(at.String(), "%s must be an array", v.typ.text)
	}
	if v.typ.size >= 0 && len(in.Items) != v.typ.size {
		return v, fieldError(at.String(), "%d items in %s", len(in.Items), v.typ.text)
	}
	v.items = make([]Value, 0, min(len(in.Items), maxNodes))
	for i := range in.Items {
		item, err := c.cast(v.typ.elem, &in.Items[i], &place{in: at, index: i}, depth+1)
		if err != nil {
			return v, err
		}
		v.items = append(v.items, item)
	}
	return v, nil
}

// castInt takes a whole JSON number, a decimal string or a hexadecimal string after 0x.
func (v *Value) castInt(in *Raw) error {
	if in.Kind != RawNumber && in.Kind != RawString {
		return errNotInteger
	}
	digits, negative := strings.CutPrefix(in.Text, "-")
	base := 10
	if rest, ok := strings.CutPrefix(digits, "0x"); ok && in.Kind == RawString && !negative {
		digits, base = rest, 16
	}
	if len(digits) == 0 || len(digits) > 78 || strings.Trim(digits, "0123456789abcdefABCDEF") != "" {
		return errNotInteger
	}
	// A leading zero in decimal would be octal to some; -0 is not an integer of anybody's.
	if base == 10 && ((len(digits) > 1 && digits[0] == '0') || (negative && digits == "0")) {
		return errNotInteger
	}
	if n, err := strconv.ParseUint(digits, base, 64); err == nil && !negative && n <= maxExact {
		return v.setUint(n)
	}
	n, ok := new(big.Int).SetString(digits, base)
	if !ok {
		return errNotInteger
	}
	if in.Kind == RawNumber && (!n.IsUint64() || n.Uint64() > maxExact) {
		return errInexact
	}
	if negative {
		n.Neg(n)
	}
	return v.setInt(n)
}

// maxExact is the largest integer that every reader of JSON keeps: many hold numbers as floating point, which rounds the
// larger ones, so that what people see and what is hashed would be two numbers. As strings, all integers are exact.
const maxExact = 1<<53 - 1

// setUint writes a small number if the type can hold it.
func (v *Value) setUint(n uint64) error {
	width := v.typ.size
	if v.typ.shape == shapeInt {
		width--
	}
	if bits.Len64(n) > width {
		return errRange
	}
	binary.BigEndian.PutUint64(v.word[24:], n)
	return nil
}

// setInt writes n as a two's complement word if the type can hold it.
func (v *Value) setInt(n *big.Int) error {
	if v.typ.shape == shapeUint && n.Sign() >= 0 && n.BitLen() <= v.typ.size {
		n.FillBytes(v.word[:])
		return nil
	}
	width := uint(v.typ.size) //nolint:gosec // 8 to 256
	low, high := new(big.Int), new(big.Int).Lsh(big.NewInt(1), width)
	if v.typ.shape == shapeInt {
		high.Rsh(high, 1)
		low.Neg(high)
	}
	if n.Cmp(low) < 0 || n.Cmp(high) >= 0 {
		return errRange
	}
	if n.Sign() < 0 {
		n = new(big.Int).Add(n, new(big.Int).Lsh(big.NewInt(1), 256))
	}
	n.FillBytes(v.word[:])
	return nil
}

func (v *Value) castString(text string) error {
	switch v.typ.shape {
	case shapeString:
		if !utf8.ValidString(text) {
			return errUTF8
		}
		v.data = []byte(text)
		return nil
	case shapeAddress:
		a, err := eip55.Parse(text)
		copy(v.word[12:], a[:])
		return err
	default: // bytes and bytesN
		digits, ok := strings.CutPrefix(text, "0x")
		if !ok {
			return errHex
		}
		b, err := hex.DecodeString(digits)
		if err != nil {
			return errHex
		}
		if v.typ.shape == shapeBytes {
			v.data = b
			return nil
		}
		if len(b) != v.typ.size {
			return errBytesSize
		}
		copy(v.word[:], b)
		return nil
	}
}
