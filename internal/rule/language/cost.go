package language

import (
	"errors"
	"slices"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/checker"
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

// costs bounds what is not written in an expression, for the estimate of its cost: what is larger is refused by the
// parsers of payloads, or measured. It also says what our own functions cost.
type costs struct{}

// EstimateSize implements checker.CostEstimator.
func (costs) EstimateSize(node checker.AstNode) *checker.SizeEstimate {
	path := node.Path()
	if len(path) == 0 || path[0] == "message" || slices.Contains(path, "args") || slices.Contains(path, "data") {
		return nil
	}
	return &checker.SizeEstimate{Min: 0, Max: 256}
}

// tokenAccountCost is that of a search for an address off the curve, in the units of which an addition is one.
const tokenAccountCost = 500

// EstimateCallCost implements checker.CostEstimator.
func (costs) EstimateCallCost(function, _ string, _ *checker.AstNode, _ []checker.AstNode) *checker.CallEstimate {
	if function != "tokenAccount" {
		return nil
	}
	return &checker.CallEstimate{CostEstimate: checker.CostEstimate{Min: tokenAccountCost, Max: tokenAccountCost}}
}

// CallCost implements interpreter.ActualCostEstimator.
func (costs) CallCost(function, _ string, _ []ref.Val, _ ref.Val) *uint64 {
	if function != "tokenAccount" {
		return nil
	}
	cost := uint64(tokenAccountCost)
	return &cost
}
