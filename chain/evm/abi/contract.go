// Package abi reads the arguments of contract calls by what a contract declares (Solidity's contract ABI): functions,
// told apart by their selectors, with named parameters, tuples with named components, arrays and all elementary types
// but fixed-point numbers. It decodes strictly: what it accepts has exactly one encoding, the one that was read.
package abi

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/crypto/sha3"

	"github.com/redoubt-kms/redoubt/chain"
)

const (
	maxFunctions = 1024
	selectorSize = 4
)

// ErrNoFunction says that call data begins with the selector of no declared function.
var ErrNoFunction = errors.New("abi: no declared function has this selector")

// Parameter declares an input of a function, or a component of a tuple, as the JSON form of an ABI does: a tuple has
// the type tuple, with [] or [n] after it for arrays, and components.
type Parameter struct {
	Name, Type string // the name may be empty
	Components []Parameter
}

// Declaration declares a function.
type Declaration struct {
	Name   string
	Inputs []Parameter
}

// Function is a declared function.
type Function struct {
	Name      string
	Signature string // name and types, of which the selector is the hash's beginning
	Selector  [selectorSize]byte
	Inputs    []Parameter
	args      *typ
}

// Contract is a set of functions. It is immutable.
type Contract struct {
	functions map[[selectorSize]byte]*Function
}

// Call is a decoded call.
type Call struct {
	Name      string
	Signature string
	Selector  [selectorSize]byte
	Args      Value // a tuple of the arguments
}

// New checks declarations. An error says which function, input and component is wrong; it wraps chain.ErrMalformed.
func New(declared []Declaration) (*Contract, error) {
	c := &Contract{functions: make(map[[selectorSize]byte]*Function, len(declared))}
	if len(declared) > maxFunctions {
		return nil, fmt.Errorf("%w: more than %d functions", chain.ErrMalformed, maxFunctions)
	}
	for i, d := range declared {
		if !isName(d.Name) {
			return nil, fmt.Errorf("%w: function %d: name %.64q is not an identifier", chain.ErrMalformed, i, d.Name)
		}
		args, err := tupleOf(d.Inputs, d.Name+".inputs", 0)
		if err != nil {
			return nil, fmt.Errorf("%w: function %d: %w", chain.ErrMalformed, i, err)
		}
		f := &Function{Name: d.Name, Signature: d.Name + args.text, Inputs: cloneParameters(d.Inputs), args: args}
		f.Selector = SelectorOf(f.Signature)
		if other := c.functions[f.Selector]; other != nil {
			return nil, fmt.Errorf("%w: function %d: %s has the selector of %s, 0x%x", chain.ErrMalformed, i, f.Signature, other.Signature, f.Selector)
		}
		c.functions[f.Selector] = f
	}
	return c, nil
}

func cloneParameters(all []Parameter) []Parameter {
	all = slices.Clone(all)
	for i := range all {
		all[i].Components = cloneParameters(all[i].Components)
	}
	return all
}

// SelectorOf is the beginning of the Keccak-256 of a signature.
func SelectorOf(signature string) [selectorSize]byte {
	h := sha3.NewLegacyKeccak256()
	h.Write([]byte(signature))
	return [selectorSize]byte(h.Sum(nil))
}

// Functions lists the declared functions by their signatures.
func (c *Contract) Functions() []Function {
	all := make([]Function, 0, len(c.functions))
	for _, f := range c.functions {
		of := *f
		of.Inputs = cloneParameters(f.Inputs)
		all = append(all, of)
	}
	slices.SortFunc(all, func(a, b Function) int { return cmp.Compare(a.Signature, b.Signature) })
	return all
}

// Decode reads call data: a selector and the arguments of its function, in their only encoding and nothing after them.
// ErrNoFunction says that the function is not declared; other errors wrap chain.ErrMalformed. The call keeps data,
// which must not change afterwards.
func (c *Contract) Decode(data []byte) (Call, error) {
	if len(data) < selectorSize {
		return Call{}, ErrNoFunction
	}
	f := c.functions[[selectorSize]byte(data)]
	if f == nil {
		return Call{}, ErrNoFunction
	}
	d := &decoder{buf: data[selectorSize:]}
	items, end, err := d.sequence(0, f.args.fields, nil, len(f.args.fields))
	if err != nil {
		return Call{}, err
	}
	if end != len(d.buf) {
		return Call{}, chain.Malformed(end, "bytes after the arguments")
	}
	return Call{Name: f.Name, Signature: f.Signature, Selector: f.Selector, Args: Value{typ: f.args, items: items}}, nil
}

// Arg is an argument by its name.
func (c Call) Arg(name string) (Value, bool) { return c.Args.Field(name) }
