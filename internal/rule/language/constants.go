package language

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"

	"cel.dev/cel-go/common/types"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/redoubt-kms/redoubt/internal/org"
)

// readConstants reads the JSON values of constants: text, whole numbers, booleans, and lists and objects of them.
func readConstants(all []org.Constant) (constants, error) {
	if len(all) > MaxConstants {
		return nil, Finding{Rule: -1, Text: fmt.Sprintf("%d constants, the most is %d", len(all), MaxConstants)}
	}
	values := constants{}
	for _, c := range all {
		if !isName(c.Name) {
			return nil, Finding{Rule: -1, Text: fmt.Sprintf("%q cannot name a constant", c.Name), Hint: "want letters, digits and _, and no name that the language has"}
		}
		if _, twice := values[c.Name]; twice {
			return nil, Finding{Rule: -1, Text: fmt.Sprintf("the constant %s is there twice", c.Name)}
		}
		d := jsontext.NewDecoder(bytes.NewReader(c.Value))
		items := 0
		v, err := readConstant(d, 0, &items)
		if err == nil {
			if _, rest := d.ReadToken(); !errors.Is(rest, io.EOF) {
				err = errors.New("there is more than one value")
			}
		}
		if err != nil {
			return nil, Finding{Rule: -1, Text: fmt.Sprintf("constant %s: %v", c.Name, err)}
		}
		values[c.Name] = v
	}
	return values, nil
}

func readConstant(d *jsontext.Decoder, depth int, items *int) (constant, error) {
	if *items++; *items > MaxItems || depth > 4 {
		return constant{}, fmt.Errorf("it has more than %d items, or is nested more than 4 deep", MaxItems)
	}
	token, err := d.ReadToken()
	if err != nil {
		return constant{}, errors.New("it is not JSON")
	}
	switch token.Kind() {
	case '"':
		text, err := spell(token.String())
		return constant{scalar: types.String(text)}, err
	case 't', 'f':
		return constant{scalar: types.Bool(token.Bool())}, nil
	case '0':
		n, err := strconv.ParseInt(token.String(), 10, 64)
		if err != nil {
			return constant{}, fmt.Errorf("%s is not a whole number of 64 bits: write larger ones as text, and uint256(NAME) in the rule", token)
		}
		return constant{scalar: types.Int(n)}, nil
	case '[':
		list := constant{items: []constant{}}
		for d.PeekKind() != ']' {
			item, err := readConstant(d, depth+1, items)
			if err != nil {
				return constant{}, err
			}
			list.items = append(list.items, item)
		}
		_, err := d.ReadToken()
		return list, err
	case '{':
		return readMembers(d, depth, items)
	}
	return constant{}, errors.New("null is no value")
}

func readMembers(d *jsontext.Decoder, depth int, items *int) (constant, error) {
	object := constant{members: []member{}}
	for d.PeekKind() != '}' {
		name, err := d.ReadToken()
		if err != nil {
			return constant{}, errors.New("it is not JSON")
		}
		text, err := spell(name.String())
		if err != nil {
			return constant{}, err
		}
		value, err := readConstant(d, depth+1, items)
		if err != nil {
			return constant{}, err
		}
		object.members = append(object.members, member{text, value})
	}
	_, err := d.ReadToken()
	return object, err
}
