// Package strictjson is the one reader of JSON (RFC 8259) in requests.
//
// Whatever two readers could understand differently is refused: duplicate names at any depth, names in another
// case, unknown members, broken UTF-8 and lone surrogates, a byte order mark, trailing bytes, and numbers other
// than plain ones where an integer is expected. What would cost more than its size is refused before it is
// decoded. Values of type json.RawMessage have been read by the same rules when Decode returns them.
package strictjson

import (
	"errors"
	"strconv"
	"sync"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Limits on a document. The size of the body is for the caller to limit.
const (
	MaxDepth   = 32   // of nested objects and arrays
	MaxMembers = 4096 // of all objects and arrays together
	MaxNumber  = 256  // bytes of one number
)

// Decode reads one JSON document into a value, typically a pointer to a struct. Its errors are of type *Error.
func Decode(body []byte, into any) error {
	return DecodeAt("", body, into)
}

// DecodeAt is Decode for a part of a larger document: errors name fields below path, such as "params.policy".
func DecodeAt(path string, body []byte, into any) error {
	if !utf8.Valid(body) {
		return &Error{Path: path, Reason: "invalid UTF-8"}
	}
	if reason := scan(body); reason != "" {
		return &Error{Path: path, Reason: reason}
	}
	if err := json.Unmarshal(body, into, options()); err != nil {
		return describe(path, err)
	}
	return nil
}

// options are made once: the decoder keeps what it finds out about types with them.
var options = sync.OnceValue(func() json.Options {
	integers := json.JoinUnmarshalers(json.UnmarshalFromFunc(decodeInt[int64]), json.UnmarshalFromFunc(decodeInt[int]))
	return json.JoinOptions(json.RejectUnknownMembers(true), json.WithUnmarshalers(integers))
})

var errInteger = errors.New("wants a plain integer")

// decodeInt accepts an integer in its shortest form only: no fraction, no exponent, no minus zero, no null. A
// pointer to an integer may still be null.
func decodeInt[T int | int64](dec *jsontext.Decoder, into *T) error {
	value, err := dec.ReadValue()
	if err != nil {
		return err
	}
	n, err := strconv.ParseInt(string(value), 10, 64)
	if err != nil || int64(T(n)) != n || strconv.FormatInt(n, 10) != string(value) {
		return errInteger
	}
	*into = T(n)
	return nil
}
