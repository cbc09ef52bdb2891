package strictjson

import (
	"errors"
	"reflect"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// maxPath is the longest path that an error shows; the names in it come from the sender.
const maxPath = 200

// Error says where a document is wrong, and why. It names fields but never quotes a value.
type Error struct {
	Path   string // such as params.users[0].username; empty when the document as a whole is meant
	Reason string
}

// Error joins path and reason.
func (e *Error) Error() string {
	if e.Path == "" {
		return e.Reason
	}
	return e.Path + ": " + e.Reason
}

// describe turns an error of the decoder into one of ours.
func describe(path string, err error) *Error {
	if syntax, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		e := &Error{Path: dotted(path, syntax.JSONPointer), Reason: "malformed JSON"}
		if errors.Is(err, jsontext.ErrDuplicateName) {
			e.Reason = "duplicate field"
		}
		return e
	}
	semantic, ok := errors.AsType[*json.SemanticError](err)
	if !ok {
		return &Error{Path: path, Reason: "malformed JSON"}
	}
	e := &Error{Path: dotted(path, semantic.JSONPointer)}
	switch {
	case errors.Is(err, json.ErrUnknownName):
		e.Reason = "unknown field"
	case errors.Is(err, errInteger):
		e.Reason = errInteger.Error()
	default:
		e.Reason = wants(semantic.GoType)
	}
	return e
}

// wants names what a field of the type takes.
func wants(t reflect.Type) string {
	if t == nil {
		return "wrong type"
	}
	switch t.Kind() { //nolint:exhaustive // the rest takes no JSON
	case reflect.String:
		return "wants a string"
	case reflect.Bool:
		return "wants true or false"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return errInteger.Error()
	case reflect.Float32, reflect.Float64:
		return "wants a number"
	case reflect.Slice, reflect.Array:
		return "wants an array"
	case reflect.Struct, reflect.Map:
		return "wants an object"
	case reflect.Pointer:
		return wants(t.Elem())
	}
	return "wrong type"
}

// dotted writes a JSON pointer as a path below prefix. The pointer does not tell an index from a name made of
// digits; both are shown as an index.
func dotted(prefix string, pointer jsontext.Pointer) string {
	var b strings.Builder
	b.WriteString(prefix)
	for token := range pointer.Tokens() {
		switch {
		case token != "" && strings.Trim(token, "0123456789") == "":
			b.WriteString("[" + token + "]")
		case b.Len() > 0:
			b.WriteString("." + printable(token))
		default:
			b.WriteString(printable(token))
		}
		if b.Len() > maxPath {
			return b.String()[:maxPath] + "..."
		}
	}
	return b.String()
}

// printable replaces what could disturb a log line or a terminal.
func printable(name string) string {
	return strings.Map(func(r rune) rune {
		if r > ' ' && r < 0x7f {
			return r
		}
		return '?'
	}, name)
}
