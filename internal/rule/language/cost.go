package language

import (
	"math"
	"slices"

	"cel.dev/cel-go/checker"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// sizes bounds what is not written in an expression, for the estimate of its cost: what is larger is refused by the
// parsers of payloads, or measured.
type sizes struct{}

// EstimateSize implements checker.CostEstimator.
func (sizes) EstimateSize(node checker.AstNode) *checker.SizeEstimate {
	path := node.Path()
	if len(path) == 0 || path[0] == "message" || slices.Contains(path, "args") || slices.Contains(path, "data") {
		return nil
	}
	return &checker.SizeEstimate{Min: 0, Max: 256}
}

// EstimateCallCost implements checker.CostEstimator: what compares values of any size is measured.
func (sizes) EstimateCallCost(function, _ string, _ *checker.AstNode, _ []checker.AstNode) *checker.CallEstimate {
	switch function {
	case functionSame, functionDiffer, functionAmong:
		return &checker.CallEstimate{CostEstimate: checker.CostEstimate{Min: 1, Max: math.MaxUint64}}
	case "tokenAccount":
		return &checker.CallEstimate{CostEstimate: checker.CostEstimate{Min: tokenAccountCost, Max: tokenAccountCost}}
	}
	return nil
}

// CallCost implements interpreter.ActualCostEstimator: each of what may be compared with each.
func (sizes) CallCost(function, _ string, args []ref.Val, _ ref.Val) *uint64 {
	switch function {
	case functionSame, functionDiffer, functionAmong:
		cost := weight(args[0]) * weight(args[1])
		return &cost
	case "tokenAccount":
		cost := uint64(tokenAccountCost)
		return &cost
	}
	return nil
}

// tokenAccountCost is that of a search for an address off the curve, in the units of which an addition is one.
const tokenAccountCost = 500

// weight is how many parts a value has.
func weight(v ref.Val) uint64 {
	total := uint64(1)
	switch v := v.(type) {
	case types.String:
		total += uint64(len(v) / 10)
	case types.Bytes:
		total += uint64(len(v) / 10)
	case traits.Mapper:
		for i := v.Iterator(); i.HasNext() == types.True; {
			key := i.Next()
			total += weight(key) + weight(v.Get(key))
		}
	case traits.Lister:
		for i := v.Iterator(); i.HasNext() == types.True; {
			total += weight(i.Next())
		}
	}
	return total
}
