package abi

import (
	"encoding/hex"
	"math/big"
	"strconv"

	"github.com/redoubt-kms/redoubt/chain/evm/eip55"
)

// Kind is what kind of value a type has.
type Kind byte

// The kinds. The zero Value has none of them.
const (
	Uint Kind = iota + 1
	Int
	Bool
	Address
	FixedBytes
	Bytes
	String
	Array
	Tuple
)

// Value is a decoded value: an atom, an array or a tuple whose fields have names.
type Value struct {
	typ   *typ
	data  []byte  // the 32 bytes of an atom, the content of bytes and strings
	items []Value // of arrays and tuples
}

// Kind is the kind of the value; zero for the zero Value.
func (v Value) Kind() Kind {
	if v.typ == nil {
		return 0
	}
	return v.typ.kind
}

// Type is the type as signatures write it, tuples as lists in parentheses.
func (v Value) Type() string {
	if v.typ == nil {
		return ""
	}
	return v.typ.text
}

// Len counts the items of an array or the fields of a tuple.
func (v Value) Len() int { return len(v.items) }

// Item is an item of an array or a field of a tuple by its place; the zero Value if there is none.
func (v Value) Item(i int) Value {
	if i < 0 || i >= len(v.items) {
		return Value{}
	}
	return v.items[i]
}

// Items are the items of an array or the fields of a tuple, in order.
func (v Value) Items() []Value { return append([]Value(nil), v.items...) }

// Fields names the fields of a tuple, in order; a field without a name is empty.
func (v Value) Fields() []string {
	if v.Kind() != Tuple {
		return nil
	}
	names := make([]string, len(v.typ.fields))
	for i, f := range v.typ.fields {
		names[i] = f.name
	}
	return names
}

// Field is a field of a tuple by its name.
func (v Value) Field(name string) (Value, bool) {
	if v.Kind() != Tuple || name == "" {
		return Value{}, false
	}
	for i, f := range v.typ.fields {
		if f.name == name {
			return v.items[i], true
		}
	}
	return Value{}, false
}

// Int is the value of an integer; nil for other kinds.
func (v Value) Int() *big.Int {
	if k := v.Kind(); k != Uint && k != Int {
		return nil
	}
	n := new(big.Int).SetBytes(v.data)
	if v.typ.kind == Int && v.data[0]&0x80 != 0 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), 256))
	}
	return n
}

// Bool is the value of a bool; false for other kinds.
func (v Value) Bool() bool { return v.Kind() == Bool && v.data[31] == 1 }

// Address is the value of an address; zero for other kinds.
func (v Value) Address() [20]byte {
	if v.Kind() != Address {
		return [20]byte{}
	}
	return [20]byte(v.data[12:])
}

// Bytes is the content of bytes, bytesN, address and string; nil for other kinds.
func (v Value) Bytes() []byte {
	switch v.Kind() {
	case Bytes, String:
		return append([]byte{}, v.data...)
	case FixedBytes:
		return append([]byte{}, v.data[:v.typ.size]...)
	case Address:
		return append([]byte{}, v.data[12:]...)
	case Uint, Int, Bool, Array, Tuple:
	}
	return nil
}

// String writes an atom as people read it: integers in decimal, addresses with their checksum, bytes in hexadecimal
// after 0x, strings as they are. Tuples and arrays give their type.
func (v Value) String() string {
	switch v.Kind() {
	case Uint, Int:
		return v.Int().String()
	case Bool:
		return strconv.FormatBool(v.Bool())
	case Address:
		return eip55.Encode(v.Address())
	case String:
		return string(v.data)
	case Bytes, FixedBytes:
		return "0x" + hex.EncodeToString(v.Bytes())
	case Array, Tuple:
	}
	return v.Type()
}
