package evm

import (
	"encoding/binary"
	"unicode/utf8"

	"github.com/redoubt-kms/redoubt/chain"
)

const typedMagic = "712\x01" // format and its version

// Encode writes typed data as the signer reads it, which parses no JSON. All integers are big-endian:
//
//	"712" 0x01
//	u16 number of structs, in ascending order of their names; for each one
//	    u8 length, name; u16 number of fields; for each one: u8 length, name; u16 length, type
//	u8 length, primary type
//	the domain, then the message, each a struct
//
// A struct is its members in order; a dynamic array is a u32 count and its items, a fixed one only its items; bytes
// and string are a u32 length and their bytes; every other value is the 32-byte word that the ABI gives it. Nothing
// in there can be written in two ways, so DecodeTypedData takes exactly what Encode writes.
func (t *TypedData) Encode() []byte {
	if t.schema == nil {
		return nil
	}
	out := append([]byte{}, typedMagic...)
	out = binary.BigEndian.AppendUint16(out, uint16(len(t.schema.sorted))) //nolint:gosec // at most maxStructs
	for _, s := range t.schema.sorted {
		out = appendText8(out, s.Name)
		out = binary.BigEndian.AppendUint16(out, uint16(len(s.Fields))) //nolint:gosec // bounded by maxTypeText
		for _, f := range s.Fields {
			out = appendText8(out, f.Name)
			out = binary.BigEndian.AppendUint16(out, uint16(len(f.Type))) //nolint:gosec // bounded by maxTypeText
			out = append(out, f.Type...)
		}
	}
	out = appendText8(out, t.primary.text)
	return t.message.append(t.domain.append(out))
}

func appendText8(out []byte, s string) []byte {
	return append(append(out, byte(len(s))), s...) // names have at most maxName bytes
}

func (v Value) append(out []byte) []byte {
	switch v.typ.shape {
	case shapeBytes, shapeString:
		out = binary.BigEndian.AppendUint32(out, uint32(len(v.data))) //nolint:gosec // inputs are smaller than 4 GiB
		return append(out, v.data...)
	case shapeArray:
		if v.typ.size < 0 {
			out = binary.BigEndian.AppendUint32(out, uint32(len(v.items))) //nolint:gosec // at most maxNodes
		}
	case shapeStruct:
	default:
		return append(out, v.word[:]...)
	}
	for _, item := range v.items {
		out = item.append(out)
	}
	return out
}

// DecodeTypedData reads what Encode wrote, and checks it as NewTypedData does.
func DecodeTypedData(b []byte) (*TypedData, error) {
	d := &decoder{buf: b}
	if string(d.take(len(typedMagic))) != typedMagic {
		return nil, chain.Malformed(0, "not typed data of version 1")
	}
	structs, err := d.structs()
	if err != nil {
		return nil, err
	}
	primary := string(d.take(d.uint(1)))
	if d.short {
		return nil, chain.Malformed(len(b), "truncated types")
	}
	t, err := newTyped(structs, primary)
	if err != nil {
		return nil, err
	}
	if t.domain, err = d.value(t.domainType(), &place{name: "domain"}, 0); err != nil {
		return nil, err
	}
	if t.message, err = d.value(t.primary, &place{name: "message"}, 0); err != nil {
		return nil, err
	}
	if d.off != len(b) {
		return nil, chain.Malformed(d.off, "%d bytes after the message", len(b)-d.off)
	}
	t.seal()
	return t, nil
}

// decoder takes fields off the front of buf. The first missing byte sets short.
type decoder struct {
	caster
	buf   []byte
	off   int
	short bool
}

func (d *decoder) take(n int) []byte {
	if d.short || n > len(d.buf)-d.off {
		d.short = true
		return nil
	}
	d.off += n
	return d.buf[d.off-n : d.off]
}

func (d *decoder) uint(size int) int {
	n := 0
	for _, c := range d.take(size) {
		n = n<<8 | int(c)
	}
	return n
}

func (d *decoder) structs() ([]TypedStruct, error) {
	n := d.uint(2)
	if n > maxStructs {
		return nil, chain.Malformed(d.off, "more than %d structs", maxStructs)
	}
	var out []TypedStruct
	for i := 0; i < n && !d.short; i++ {
		s := TypedStruct{Name: string(d.take(d.uint(1)))}
		fields := d.uint(2)
		for j := 0; j < fields && !d.short; j++ {
			f := TypedField{Name: string(d.take(d.uint(1)))}
			f.Type = string(d.take(d.uint(2)))
			s.Fields = append(s.Fields, f)
		}
		if i > 0 && s.Name <= out[i-1].Name {
			return nil, chain.Malformed(d.off, "structs are not in order")
		}
		out = append(out, s)
	}
	return out, nil
}

func (d *decoder) value(t *typeRef, at *place, depth int) (Value, error) {
	if err := d.enter(at, depth); err != nil {
		return Value{}, err
	}
	v, start := Value{typ: t}, d.off
	count := t.size
	switch t.shape {
	case shapeStruct:
		for _, f := range t.fields.fields {
			member, err := d.value(f.typ, &place{in: at, name: f.name}, depth+1)
			if err != nil {
				return v, err
			}
			v.items = append(v.items, member)
		}
		return v, nil
	case shapeArray:
		if count < 0 {
			count = d.uint(4)
		}
		for i := 0; i < count && !d.short; i++ {
			item, err := d.value(t.elem, &place{in: at, index: i}, depth+1)
			if err != nil {
				return v, err
			}
			v.items = append(v.items, item)
		}
	case shapeBytes, shapeString:
		v.data = append([]byte{}, d.take(d.uint(4))...)
	default:
		copy(v.word[:], d.take(32))
	}
	if d.short {
		return v, chain.Malformed(start, "truncated at %s", at)
	}
	if err := v.checkAtom(); err != nil {
		return v, chain.Malformed(start, "%s: %s", at, err)
	}
	return v, nil
}

// checkAtom refuses words and strings that no value of the type has.
func (v Value) checkAtom() error {
	zeros := v.word[:0]
	switch v.typ.shape {
	case shapeUint, shapeInt:
		probe := Value{typ: v.typ}
		return probe.setInt(v.Int())
	case shapeFixedBytes:
		zeros = v.word[v.typ.size:]
	case shapeAddress:
		zeros = v.word[:12]
	case shapeBool:
		if zeros = v.word[:31]; v.word[31] > 1 {
			return errBool
		}
	case shapeString:
		if !utf8.Valid(v.data) {
			return errUTF8
		}
	default:
	}
	for _, c := range zeros {
		if c != 0 {
			return errPadding
		}
	}
	return nil
}
