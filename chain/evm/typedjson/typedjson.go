// Package typedjson reads the JSON form of EIP-712 typed data, the argument of eth_signTypedData_v4: an object with
// types, primaryType, domain and message. Repeated names, invalid UTF-8, null and unknown members are refused. It is
// kept apart from package evm so that the signer, which takes the binary form, holds no JSON parser.
package typedjson

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/redoubt-kms/redoubt/chain/evm"
)

// Bounds that keep the reader from building what package evm would refuse anyway.
const (
	maxDepth  = 20
	maxValues = 8192
)

// ErrTrailing says that something follows the object.
var ErrTrailing = errors.New("data after the typed data")

// Parse reads typed data. An error that has to do with a field is an *evm.FieldError with its path.
func Parse(raw []byte) (*evm.TypedData, error) {
	p := &parser{dec: jsontext.NewDecoder(bytes.NewBuffer(raw))}
	top, err := p.value(0)
	if err != nil {
		return nil, err
	}
	if _, err := p.dec.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, &evm.FieldError{Path: "typedData", Reason: ErrTrailing.Error()}
	}
	if top.Kind != evm.RawObject {
		return nil, &evm.FieldError{Path: "typedData", Reason: "not an object"}
	}
	return build(top)
}

// build takes the four members out of the top object.
func build(top evm.Raw) (*evm.TypedData, error) {
	var types, primary, domain, message *evm.Raw
	for i, m := range top.Members {
		v := &top.Members[i].Value
		switch m.Name {
		case "types":
			types = v
		case "primaryType":
			primary = v
		case "domain":
			domain = v
		case "message":
			message = v
		default:
			return nil, &evm.FieldError{Path: fmt.Sprintf("%.64q", m.Name), Reason: "unknown member"}
		}
	}
	for i, v := range []*evm.Raw{types, domain, message} {
		if v == nil || v.Kind != evm.RawObject {
			return nil, &evm.FieldError{Path: [...]string{"types", "domain", "message"}[i], Reason: "must be an object"}
		}
	}
	if primary == nil || primary.Kind != evm.RawString {
		return nil, &evm.FieldError{Path: "primaryType", Reason: "must be a string"}
	}
	structs, err := structsOf(*types)
	if err != nil {
		return nil, err
	}
	return evm.NewTypedData(structs, primary.Text, *domain, *message)
}

func structsOf(types evm.Raw) ([]evm.TypedStruct, error) {
	var out []evm.TypedStruct
	for _, m := range types.Members {
		if m.Value.Kind != evm.RawList {
			return nil, &evm.FieldError{Path: fmt.Sprintf("types.%.128s", m.Name), Reason: "must be an array"}
		}
		s := evm.TypedStruct{Name: m.Name}
		for i, item := range m.Value.Items {
			f, reason := fieldOf(item)
			if reason != "" {
				return nil, &evm.FieldError{Path: fmt.Sprintf("types.%.128s[%d]", m.Name, i), Reason: reason}
			}
			s.Fields = append(s.Fields, f)
		}
		out = append(out, s)
	}
	return out, nil
}

// fieldOf reads {"name": …, "type": …}, or says what is wrong with it.
func fieldOf(item evm.Raw) (evm.TypedField, string) {
	var f evm.TypedField
	if item.Kind != evm.RawObject || len(item.Members) != 2 {
		return f, "must be an object with name and type"
	}
	for _, m := range item.Members {
		if m.Value.Kind != evm.RawString {
			return f, "name and type must be strings"
		}
		switch m.Name {
		case "name":
			f.Name = m.Value.Text
		case "type":
			f.Type = m.Value.Text
		default:
			return f, "must be an object with name and type"
		}
	}
	return f, ""
}

// parser turns tokens into raw values.
type parser struct {
	dec     *jsontext.Decoder
	values  int
	items   []evm.Raw       // of lists that have not ended
	members []evm.RawMember // of objects that have not ended
}

func (p *parser) fail(reason string) error {
	path := strings.ReplaceAll(strings.TrimPrefix(string(p.dec.StackPointer()), "/"), "/", ".")
	if path == "" {
		path = "typedData"
	}
	return &evm.FieldError{Path: path, Reason: reason}
}

func (p *parser) value(depth int) (evm.Raw, error) {
	if p.dec.PeekKind() == '"' {
		return p.text(depth)
	}
	tok, err := p.dec.ReadToken()
	if err != nil {
		return evm.Raw{}, p.fail(reasonOf(err))
	}
	if p.values++; p.values > maxValues || depth > maxDepth {
		return evm.Raw{}, p.fail("too many values, or nested too deep")
	}
	switch tok.Kind() {
	case '0':
		return evm.Raw{Kind: evm.RawNumber, Text: tok.String()}, nil
	case 't', 'f':
		return evm.Raw{Kind: evm.RawBool, Text: tok.String()}, nil
	case '[':
		return p.list(depth)
	case '{':
		return p.object(depth)
	default:
		return evm.Raw{}, p.fail("null has no meaning in typed data")
	}
}

// text reads a string. Those that every list of types repeats need no copy of their own.
func (p *parser) text(depth int) (evm.Raw, error) {
	quoted, err := p.dec.ReadValue()
	if err != nil {
		return evm.Raw{}, p.fail(reasonOf(err))
	}
	if p.values++; p.values > maxValues || depth > maxDepth {
		return evm.Raw{}, p.fail("too many values, or nested too deep")
	}
	out := evm.Raw{Kind: evm.RawString}
	switch string(quoted) {
	case `"name"`:
		out.Text = "name"
	case `"type"`:
		out.Text = "type"
	case `"address"`:
		out.Text = "address"
	case `"uint256"`:
		out.Text = "uint256"
	default:
		if bytes.IndexByte(quoted, '\\') < 0 {
			out.Text = string(quoted[1 : len(quoted)-1])
			return out, nil
		}
		plain, err := jsontext.AppendUnquote(nil, quoted)
		if err != nil {
			return evm.Raw{}, p.fail(reasonOf(err))
		}
		out.Text = string(plain)
	}
	return out, nil
}

// list gathers the items on a stack that all lists share, so that each is copied once, in its length.
func (p *parser) list(depth int) (evm.Raw, error) {
	out := evm.Raw{Kind: evm.RawList}
	start := len(p.items)
	for p.dec.PeekKind() != ']' {
		item, err := p.value(depth + 1)
		if err != nil {
			return out, err
		}
		p.items = append(p.items, item)
	}
	out.Items = slices.Clone(p.items[start:])
	p.items = p.items[:start]
	return out, p.closing()
}

// object gathers its members as list does its items.
func (p *parser) object(depth int) (evm.Raw, error) {
	out := evm.Raw{Kind: evm.RawObject}
	start := len(p.members)
	for p.dec.PeekKind() != '}' {
		name, err := p.value(depth + 1)
		if err != nil {
			return out, err
		}
		member, err := p.value(depth + 1)
		if err != nil {
			return out, err
		}
		p.members = append(p.members, evm.RawMember{Name: name.Text, Value: member})
	}
	out.Members = slices.Clone(p.members[start:])
	p.members = p.members[:start]
	return out, p.closing()
}

func (p *parser) closing() error {
	if _, err := p.dec.ReadToken(); err != nil {
		return p.fail(reasonOf(err))
	}
	return nil
}

// reasonOf keeps the input out of the error: only what the grammar misses, not the bytes.
func reasonOf(err error) string {
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName):
		return "name given twice"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "truncated JSON"
	default:
		return "invalid JSON"
	}
}
