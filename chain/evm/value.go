package evm

import (
	"encoding/hex"
	"hash"
	"math/big"

	"golang.org/x/crypto/sha3"

	"github.com/redoubt-kms/redoubt/chain/evm/eip55"
)

// Value is a value of typed data, checked against its type.
type Value struct {
	typ   *typeRef
	word  [32]byte // an atom as the ABI writes it
	data  []byte   // bytes or string
	items []Value  // members of a struct in the order of its fields, or items of an array
}

// Type is the type as the typed data spells it; the zero Value has none.
func (v Value) Type() string {
	if v.typ == nil {
		return ""
	}
	return v.typ.text
}

// IsStruct says that the value has fields.
func (v Value) IsStruct() bool { return v.typ != nil && v.typ.shape == shapeStruct }

// IsArray says that the value has items.
func (v Value) IsArray() bool { return v.typ != nil && v.typ.shape == shapeArray }

// Fields names the members of a struct, in order.
func (v Value) Fields() []string {
	if !v.IsStruct() {
		return nil
	}
	names := make([]string, len(v.items))
	for i, f := range v.typ.fields.fields {
		names[i] = f.name
	}
	return names
}

// Field is a member of a struct.
func (v Value) Field(name string) (Value, bool) {
	if !v.IsStruct() {
		return Value{}, false
	}
	for i, f := range v.typ.fields.fields {
		if f.name == name {
			return v.items[i], true
		}
	}
	return Value{}, false
}

// Items are the items of an array or the members of a struct, in order.
func (v Value) Items() []Value { return append([]Value(nil), v.items...) }

// Int is the value of an integer; nil for other types.
func (v Value) Int() *big.Int {
	if v.typ == nil || v.typ.shape > shapeInt {
		return nil
	}
	n := new(big.Int).SetBytes(v.word[:])
	if v.typ.shape == shapeInt && v.word[0]&0x80 != 0 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), 256))
	}
	return n
}

// Bool is the value of a bool; false for other types.
func (v Value) Bool() bool {
	return v.typ != nil && v.typ.shape == shapeBool && v.word[31] == 1
}

// Bytes is the content of bytes, bytesN, address and string; nil for other types.
func (v Value) Bytes() []byte {
	if v.typ == nil {
		return nil
	}
	switch v.typ.shape {
	case shapeBytes, shapeString:
		return append([]byte{}, v.data...)
	case shapeFixedBytes:
		return append([]byte{}, v.word[:v.typ.size]...)
	case shapeAddress:
		return append([]byte{}, v.word[12:]...)
	default:
		return nil
	}
}

// String writes an atom as people read it: integers in decimal, addresses with their checksum, bytes in hexadecimal
// after 0x, strings as they are. Structs and arrays give their type.
func (v Value) String() string {
	if v.typ == nil {
		return ""
	}
	switch v.typ.shape {
	case shapeUint, shapeInt:
		return v.Int().String()
	case shapeBool:
		if v.word[31] == 1 {
			return "true"
		}
		return "false"
	case shapeAddress:
		return eip55.Encode([20]byte(v.word[12:]))
	case shapeString:
		return string(v.data)
	case shapeBytes, shapeFixedBytes:
		return "0x" + hex.EncodeToString(v.Bytes())
	default:
		return v.typ.text
	}
}

// encodeData is the 32 bytes that stand for the value inside its parent (EIP-712, definition of encodeData).
func (v *Value) encodeData(h hasher) [32]byte {
	switch v.typ.shape {
	case shapeBytes, shapeString:
		return h.sum(v.data)
	case shapeStruct:
		buf := append(make([]byte, 0, 32*(1+len(v.items))), v.typ.fields.hash[:]...)
		return h.sum(v.appendItems(buf, h))
	case shapeArray:
		return h.sum(v.appendItems(make([]byte, 0, 32*len(v.items)), h))
	default:
		return v.word
	}
}

func (v *Value) appendItems(buf []byte, h hasher) []byte {
	for i := range v.items {
		w := v.items[i].encodeData(h)
		buf = append(buf, w[:]...)
	}
	return buf
}

// hasher is Keccak-256, made once for the many hashes of typed data.
type hasher struct{ hash.Hash }

func newHasher() hasher { return hasher{sha3.NewLegacyKeccak256()} }

func (h hasher) sum(b []byte) (out [32]byte) {
	h.Reset()
	h.Write(b)
	h.Sum(out[:0])
	return out
}
