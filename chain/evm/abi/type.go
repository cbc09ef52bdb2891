package abi

import (
	"fmt"
	"strconv"
	"strings"
)

// Limits of a declared type. What real contracts declare stays far below them.
const (
	maxDepth  = 16      // of arrays and tuples in each other
	maxFields = 256     // of one tuple or function
	maxItems  = 4096    // of a fixed array
	maxWords  = 1 << 16 // of what a type takes where it stands
	maxName   = 128
)

type field struct {
	name string
	typ  *typ
}

// typ is a checked type.
type typ struct {
	text    string // as signatures write it
	kind    Kind
	size    int // bits of an integer, bytes of a bytesN, items of a fixed array; -1 for an array of any length
	elem    *typ
	fields  []field // of a tuple
	dynamic bool    // it stands behind an offset
	words   int     // that it takes where it stands: one if it is dynamic
}

// fault says where a declaration is wrong.
type fault struct{ path, reason string }

func (f *fault) Error() string { return f.path + ": " + f.reason }

func faulty(path, format string, args ...any) error {
	return &fault{path, fmt.Sprintf(format, args...)}
}

// resolve reads a parameter's type: an atom or a tuple, with any number of [] or [n] after it.
func resolve(p Parameter, path string, depth int) (*typ, error) {
	if depth > maxDepth {
		return nil, faulty(path, "nested deeper than %d", maxDepth)
	}
	inner, ok := strings.CutSuffix(p.Type, "]")
	if !ok {
		return resolvePlain(p, path, depth)
	}
	open := strings.LastIndexByte(inner, '[')
	if open < 0 {
		return nil, faulty(path, "%.64q is not a type", p.Type)
	}
	size := -1
	if count := inner[open+1:]; count != "" {
		if size, ok = decimal(count); !ok || size < 1 || size > maxItems {
			return nil, faulty(path, "arrays have 1 to %d items or any number, not %.64q", maxItems, count)
		}
	}
	p.Type = inner[:open]
	elem, err := resolve(p, path, depth+1)
	if err != nil {
		return nil, err
	}
	t := &typ{text: elem.text + "[]", kind: Array, size: size, elem: elem, dynamic: size < 0 || elem.dynamic, words: 1}
	if size > 0 {
		t.text = fmt.Sprintf("%s[%d]", elem.text, size)
	}
	if !t.dynamic {
		t.words = size * elem.words
	}
	if t.words > maxWords {
		return nil, faulty(path, "takes more than %d words", maxWords)
	}
	return t, nil
}

func resolvePlain(p Parameter, path string, depth int) (*typ, error) {
	if p.Type == "tuple" {
		return tupleOf(p.Components, path+".components", depth+1)
	}
	if len(p.Components) > 0 {
		return nil, faulty(path, "only a tuple has components, not %.64q", p.Type)
	}
	t := atom(p.Type)
	if t == nil {
		return nil, faulty(path, "%.64q is not a type that can be read%s", p.Type, hint(p.Type))
	}
	return t, nil
}

// tupleOf resolves a list of parameters: a tuple's, or a function's. An empty tuple within would take no room, so that
// nothing bounds an array of them.
func tupleOf(parameters []Parameter, path string, depth int) (*typ, error) {
	t := &typ{kind: Tuple, fields: make([]field, 0, len(parameters))}
	if len(parameters) == 0 && depth > 0 {
		return nil, faulty(path, "a tuple has components")
	}
	if len(parameters) > maxFields {
		return nil, faulty(path, "more than %d", maxFields)
	}
	texts := make([]string, 0, len(parameters))
	for i, p := range parameters {
		at := fmt.Sprintf("%s[%d]", path, i)
		if p.Name != "" && !isName(p.Name) {
			return nil, faulty(at, "name %.64q is not an identifier", p.Name)
		}
		for _, f := range t.fields {
			if f.name != "" && f.name == p.Name {
				return nil, faulty(at, "name %.64q is given twice", p.Name)
			}
		}
		of, err := resolve(p, at, depth)
		if err != nil {
			return nil, err
		}
		t.fields = append(t.fields, field{p.Name, of})
		texts = append(texts, of.text)
		t.dynamic = t.dynamic || of.dynamic
		t.words += of.words
	}
	if t.words > maxWords {
		return nil, faulty(path, "takes more than %d words", maxWords)
	}
	if t.dynamic && depth > 0 {
		t.words = 1
	}
	t.text = "(" + strings.Join(texts, ",") + ")"
	return t, nil
}

// atom reads the types that are no tuples and no arrays; nil if text is none of them.
func atom(text string) *typ {
	t := &typ{text: text, words: 1}
	stem := strings.TrimRight(text, "0123456789")
	size, sized := decimal(text[len(stem):])
	integer := sized && size >= 8 && size <= 256 && size%8 == 0
	switch {
	case text == "bool":
		t.kind = Bool
	case text == "address":
		t.kind = Address
	case text == "string":
		t.kind, t.dynamic = String, true
	case text == "bytes":
		t.kind, t.dynamic = Bytes, true
	case text == "function": // an address and a selector
		t.kind, t.size = FixedBytes, 24
	case stem == "bytes" && sized && size >= 1 && size <= 32:
		t.kind, t.size = FixedBytes, size
	case stem == "uint" && integer:
		t.kind, t.size = Uint, size
	case stem == "int" && integer:
		t.kind, t.size = Int, size
	default:
		return nil
	}
	return t
}

func hint(text string) string {
	switch text {
	case "uint", "int":
		return ": write " + text + "256"
	case "byte":
		return ": write bytes1"
	}
	return ""
}

// decimal reads a number without sign and leading zeros.
func decimal(s string) (int, bool) {
	n, err := strconv.Atoi(s)
	return n, err == nil && strconv.Itoa(n) == s && n >= 0
}

// isName holds a name against Solidity's grammar of identifiers.
func isName(name string) bool {
	for i := range len(name) {
		c := name[i]
		letter := c == '_' || c == '$' || c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return name != "" && len(name) <= maxName
}
