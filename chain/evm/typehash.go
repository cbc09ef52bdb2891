package evm

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/redoubt-kms/redoubt/chain"
)

// Reasons why a type does not resolve; newSchema wraps them with the field.
var (
	errType      = errors.New("unknown type")
	errTypeDepth = errors.New("arrays nested too deep")
	errArraySize = errors.New("array size is not a plain number in range")
)

// FieldError says which field of typed data is wrong and why. It wraps chain.ErrMalformed.
type FieldError struct {
	Path   string // for example message.details[2].token
	Reason string
}

// Error gives path and reason.
func (e *FieldError) Error() string { return e.Path + ": " + e.Reason }

// Unwrap makes errors.Is(err, chain.ErrMalformed) true.
func (e *FieldError) Unwrap() error { return chain.ErrMalformed }

func fieldError(path, format string, args ...any) error {
	return &FieldError{Path: path, Reason: fmt.Sprintf(format, args...)}
}

// finish refuses endless structs and hashes all types.
func (s *schema) finish() error {
	state := make(map[string]int, len(s.defs))
	for _, st := range s.sorted {
		if !s.finite(s.defs[st.Name], state) {
			return fieldError("types."+st.Name, "contains itself without an array in between")
		}
	}
	h := newHasher()
	for _, st := range s.sorted {
		def := s.defs[st.Name]
		used := make(map[string]bool)
		s.reach(def, used)
		delete(used, def.name)
		names := make([]string, 0, len(used))
		for n := range used {
			names = append(names, n)
		}
		slices.Sort(names)
		var text strings.Builder
		def.write(&text)
		for _, n := range names {
			s.defs[n].write(&text)
		}
		def.text = text.String()
		def.hash = h.sum([]byte(def.text))
	}
	return nil
}

// finite walks the structs that a value of def cannot do without. state is 1 while a struct is being walked, 2 after.
func (s *schema) finite(def *structDef, state map[string]int) bool {
	switch state[def.name] {
	case 1:
		return false
	case 2:
		return true
	}
	state[def.name] = 1
	for _, f := range def.fields {
		t := f.typ
		for t.shape == shapeArray && t.size > 0 {
			t = t.elem
		}
		if t.shape == shapeStruct && !s.finite(t.fields, state) {
			return false
		}
	}
	state[def.name] = 2
	return true
}

// reach gathers the names of def and of all structs that it mentions.
func (s *schema) reach(def *structDef, used map[string]bool) {
	if used[def.name] {
		return
	}
	used[def.name] = true
	for _, f := range def.fields {
		t := f.typ
		for t.shape == shapeArray {
			t = t.elem
		}
		if t.shape == shapeStruct {
			s.reach(t.fields, used)
		}
	}
}

func (d *structDef) write(text *strings.Builder) {
	text.WriteString(d.name)
	text.WriteByte('(')
	for i, f := range d.fields {
		if i > 0 {
			text.WriteByte(',')
		}
		text.WriteString(f.typ.text)
		text.WriteByte(' ')
		text.WriteString(f.name)
	}
	text.WriteByte(')')
}
