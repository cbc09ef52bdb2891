package abi

import (
	"fmt"
	"strings"

	"github.com/redoubt-kms/redoubt/chain"
)

// Signatures declares functions in short: a name and a list of types with names, tuples as lists in parentheses, such
// as execute((address to,uint256 value)[] calls). Names of parameters may be left out.
func Signatures(texts ...string) (*Contract, error) {
	declared := make([]Declaration, 0, len(texts))
	for _, text := range texts {
		name, rest, ok := strings.Cut(text, "(")
		r := &shortReader{rest: rest}
		inputs, listed := r.list(0)
		if !ok || !listed || r.rest != "" {
			return nil, fmt.Errorf("%w: %.64q is not a name and a list of types", chain.ErrMalformed, text)
		}
		declared = append(declared, Declaration{Name: name, Inputs: inputs})
	}
	return New(declared)
}

// shortReader reads a short declaration.
type shortReader struct{ rest string }

// list reads parameters and the parenthesis after them.
func (r *shortReader) list(depth int) ([]Parameter, bool) {
	var all []Parameter
	if depth > maxDepth {
		return nil, false
	}
	if rest, empty := strings.CutPrefix(r.rest, ")"); empty {
		r.rest = rest
		return all, true
	}
	for {
		var p Parameter
		if rest, tuple := strings.CutPrefix(r.rest, "("); tuple {
			r.rest, p.Type = rest, "tuple"
			var ok bool
			if p.Components, ok = r.list(depth + 1); !ok {
				return nil, false
			}
		}
		end := strings.IndexAny(r.rest, ",)")
		if end < 0 {
			return nil, false
		}
		suffix, name, _ := strings.Cut(r.rest[:end], " ")
		p.Type, p.Name = p.Type+suffix, name
		last := r.rest[end] == ')'
		r.rest = r.rest[end+1:]
		all = append(all, p)
		if last {
			return all, true
		}
	}
}
