package evm

import (
	"slices"
	"strconv"
	"strings"
)

// Bounds of typed data. Seaport's and Permit2's types, the largest in common use, stay below a tenth of them.
const (
	maxStructs   = 64
	maxTypeText  = 16 << 10 // bytes of all names and types together; hashing grows with this times maxStructs
	maxName      = 128
	maxDepth     = 16   // of structs and arrays in each other
	maxNodes     = 4096 // values, counted through domain and message
	maxArray     = maxNodes
	domainStruct = "EIP712Domain"
)

// TypedField is one field of a struct of EIP-712.
type TypedField struct{ Name, Type string }

// TypedStruct is one struct of EIP-712.
type TypedStruct struct {
	Name   string
	Fields []TypedField
}

// shape is what kind of values a type has.
type shape byte

const (
	shapeUint shape = iota
	shapeInt
	shapeFixedBytes
	shapeBool
	shapeAddress
	shapeBytes
	shapeString
	shapeStruct
	shapeArray
)

// typeRef is a resolved type.
type typeRef struct {
	text   string // as written
	shape  shape
	size   int // bits of an integer, bytes of a bytesN, items of a fixed array; -1 for a dynamic array
	elem   *typeRef
	fields *structDef
}

type fieldDef struct {
	name string
	typ  *typeRef
}

type structDef struct {
	name   string
	fields []fieldDef
	text   string   // encodeType of EIP-712
	hash   [32]byte // typeHash
}

// schema is a checked set of structs, sorted by name.
type schema struct {
	sorted []TypedStruct
	defs   map[string]*structDef
}

// newSchema resolves types. Every name is an identifier, every type exists, and no struct contains itself except
// through an array, which may be empty.
func newSchema(structs []TypedStruct) (*schema, error) {
	s := &schema{defs: make(map[string]*structDef, len(structs))}
	if len(structs) > maxStructs {
		return nil, fieldError("types", "more than %d structs", maxStructs)
	}
	text := 0
	for _, st := range structs {
		if err := checkName(st.Name, true); err != nil {
			return nil, err
		}
		if s.defs[st.Name] != nil {
			return nil, fieldError("types."+st.Name, "defined twice")
		}
		s.defs[st.Name] = &structDef{name: st.Name}
		text += len(st.Name)
		for _, f := range st.Fields {
			text += len(f.Name) + len(f.Type)
		}
		s.sorted = append(s.sorted, TypedStruct{Name: st.Name, Fields: slices.Clone(st.Fields)})
	}
	if text > maxTypeText {
		return nil, fieldError("types", "more than %d bytes of names", maxTypeText)
	}
	slices.SortFunc(s.sorted, func(a, b TypedStruct) int { return strings.Compare(a.Name, b.Name) })
	for _, st := range s.sorted {
		if err := s.resolveFields(st); err != nil {
			return nil, err
		}
	}
	return s, s.finish()
}

func (s *schema) resolveFields(st TypedStruct) error {
	def, seen := s.defs[st.Name], make(map[string]bool, len(st.Fields))
	def.fields = make([]fieldDef, 0, len(st.Fields))
	for _, f := range st.Fields {
		if err := checkName(f.Name, false); err != nil {
			return err
		}
		if seen[f.Name] {
			return fieldError("types."+st.Name+"."+f.Name, "defined twice")
		}
		seen[f.Name] = true
		typ, err := s.resolve(f.Type, 0)
		if err != nil {
			return fieldError("types."+st.Name+"."+f.Name, "%s", err)
		}
		def.fields = append(def.fields, fieldDef{f.Name, typ})
	}
	return nil
}

// resolve reads a type: a name with any number of [] or [n] after it.
func (s *schema) resolve(text string, depth int) (*typeRef, error) {
	if depth > maxDepth {
		return nil, errTypeDepth
	}
	if inner, ok := strings.CutSuffix(text, "]"); ok {
		open := strings.LastIndexByte(inner, '[')
		if open < 0 {
			return nil, errType
		}
		size := -1
		if count := inner[open+1:]; count != "" {
			n, ok := decimal(count)
			if !ok || n < 1 || n > maxArray {
				return nil, errArraySize
			}
			size = n
		}
		elem, err := s.resolve(inner[:open], depth+1)
		if err != nil {
			return nil, err
		}
		return &typeRef{text: text, shape: shapeArray, size: size, elem: elem}, nil
	}
	if def := s.defs[text]; def != nil {
		return &typeRef{text: text, shape: shapeStruct, fields: def}, nil
	}
	return atom(text)
}

// atom reads the types that are no structs and no arrays. uint, int and byte are no types of EIP-712: libraries that
// take them disagree about the hash.
func atom(text string) (*typeRef, error) {
	t := &typeRef{text: text}
	stem := strings.TrimRight(text, "0123456789")
	size, sized := decimal(text[len(stem):])
	switch {
	case text == "bool":
		t.shape = shapeBool
	case text == "address":
		t.shape = shapeAddress
	case text == "string":
		t.shape = shapeString
	case text == "bytes":
		t.shape = shapeBytes
	case stem == "bytes" && sized && size >= 1 && size <= 32:
		t.shape, t.size = shapeFixedBytes, size
	case stem == "uint" && sized && size >= 8 && size <= 256 && size%8 == 0:
		t.shape, t.size = shapeUint, size
	case stem == "int" && sized && size >= 8 && size <= 256 && size%8 == 0:
		t.shape, t.size = shapeInt, size
	default:
		return nil, errType
	}
	return t, nil
}

// decimal reads a number without sign and leading zeros.
func decimal(s string) (int, bool) {
	n, err := strconv.Atoi(s)
	return n, err == nil && strconv.Itoa(n) == s && n >= 0
}

// checkName holds a name against the grammar of identifiers. Struct names may have colons inside, as Hyperliquid's
// do (HyperliquidTransaction:ApproveAgent): the hashed text stays unambiguous. They may not look like built-in types.
func checkName(name string, isStruct bool) error {
	if name == "" || len(name) > maxName {
		return fieldError("types", "name of %d bytes", len(name))
	}
	for i := range len(name) {
		c := name[i]
		letter := c == '_' || c == '$' || (c|0x20 >= 'a' && c|0x20 <= 'z')
		digit := c >= '0' && c <= '9'
		later := digit || isStruct && c == ':' // allowed, but not first
		if !letter && (i == 0 || !later) {
			return fieldError("types", "name %q is not an identifier", name)
		}
	}
	if !isStruct {
		return nil
	}
	switch strings.TrimRight(name, "0123456789") {
	case "uint", "int", "bytes", "byte", "fixed", "ufixed", "bool", "address", "string", "function":
		return fieldError("types", "struct %q has the name of a built-in type", name)
	}
	return nil
}
