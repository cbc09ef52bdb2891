package language

import (
	"errors"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types/ref"

	"github.com/redoubt-kms/redoubt/internal/rule/fact"
)

// errCost says that a policy took too much to evaluate: what is asked about then is not allowed.
var errCost = errors.New("the rules of the policy together cost more than one evaluation may")

// budget is what the rules of a policy may cost together. The rules of a policy that cannot exceed it are not measured.
type budget struct {
	left uint64
	on   bool
}

func (p *Policy) budget() *budget { return &budget{left: maxPolicyCost, on: p.heavy} }

// evaluate runs a rule within the budget.
func (b *budget) evaluate(r *rule, f *fact.Facts) (ref.Val, error) {
	if !b.on {
		out, _, err := r.program.Eval(f)
		return out, err
	}
	if b.left == 0 {
		return nil, errCost
	}
	program, err := r.measured()
	if err != nil {
		return nil, err
	}
	out, details, err := program.Eval(f)
	b.spend(details)
	return out, err
}

// spend takes off what an evaluation cost, the most it may where that is not told.
func (b *budget) spend(details *cel.EvalDetails) {
	cost := uint64(maxCost)
	if c := details.ActualCost(); c != nil {
		cost = *c
	}
	b.left -= min(b.left, cost+1)
}
