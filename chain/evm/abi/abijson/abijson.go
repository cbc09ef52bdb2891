// Package abijson reads the JSON form of a contract's ABI, as compilers write it. Repeated names and invalid UTF-8 are
// refused; entries other than functions, and members that do not matter for reading calls, are passed over. It is kept
// apart from package abi so that the signer, which knows only the built-in functions, holds no JSON parser.
package abijson

import (
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"

	"github.com/redoubt-kms/redoubt/chain"
	"github.com/redoubt-kms/redoubt/chain/evm/abi"
)

// MaxSize is the most bytes of JSON that are read.
const MaxSize = 256 << 10

type entry struct {
	Type   string      `json:"type"`
	Name   string      `json:"name"`
	Inputs []parameter `json:"inputs"`
}

type parameter struct {
	Name       string      `json:"name"`
	Type       string      `json:"type"`
	Components []parameter `json:"components"`
}

// Parse reads an ABI: an array of entries. An error wraps chain.ErrMalformed and says what is wrong where.
func Parse(raw []byte) (*abi.Contract, error) {
	if len(raw) > MaxSize {
		return nil, fmt.Errorf("%w: an ABI of %d bytes, %d at most", chain.ErrMalformed, len(raw), MaxSize)
	}
	var entries []entry
	if err := json.Unmarshal(raw, &entries); err != nil {
		return nil, fmt.Errorf("%w: not an array of ABI entries: %s", chain.ErrMalformed, reasonOf(err))
	}
	var declared []abi.Declaration
	for _, e := range entries {
		if e.Type == "function" || e.Type == "" {
			declared = append(declared, abi.Declaration{Name: e.Name, Inputs: parameters(e.Inputs)})
		}
	}
	if len(declared) == 0 {
		return nil, fmt.Errorf("%w: an ABI without functions", chain.ErrMalformed)
	}
	return abi.New(declared)
}

// reasonOf says where the JSON is wrong, without the words of Go.
func reasonOf(err error) string {
	var semantic *json.SemanticError
	if errors.As(err, &semantic) {
		return fmt.Sprintf("a value of the wrong type at %q", string(semantic.JSONPointer))
	}
	return err.Error()
}

func parameters(in []parameter) []abi.Parameter {
	out := make([]abi.Parameter, 0, len(in))
	for _, p := range in {
		out = append(out, abi.Parameter{Name: p.Name, Type: p.Type, Components: parameters(p.Components)})
	}
	return out
}
