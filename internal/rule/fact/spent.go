package fact

import (
	"fmt"
	"slices"

	"github.com/redoubt-kms/redoubt/internal/rule/amount"
)

// Spent is what the payload moves of an asset: transfers, approvals at their cap and the largest fee, in the smallest
// unit; to one destination only, unless that is empty. What arrives at the signing account itself is not spent. A sum
// beyond 256 bits is an error.
func (f *Facts) Spent(asset, destination string) (*amount.Amount, error) {
	e, ok := f.effectsOf()
	total := amount.New(0)
	if !ok {
		return total, nil
	}
	var err error
	for _, all := range [][]movement{e.transfers, e.approvals} {
		for _, m := range all {
			if m.asset != asset || m.to == f.Address || destination != "" && m.to != destination {
				continue
			}
			if total, err = total.Plus(m.amount); err != nil {
				return nil, fmt.Errorf("more %s than can be counted: %w", asset, err)
			}
		}
	}
	if asset == e.feeAsset && destination == "" {
		return total.Plus(e.feeMax)
	}
	return total, nil
}

// Assets are those that the payload moves, each once.
func (f *Facts) Assets() []string {
	e, ok := f.effectsOf()
	if !ok {
		return nil
	}
	var all []string
	for _, m := range slices.Concat(e.transfers, e.approvals) {
		if !slices.Contains(all, m.asset) {
			all = append(all, m.asset)
		}
	}
	if e.feeMax.Cmp(amount.New(0)) > 0 && !slices.Contains(all, e.feeAsset) {
		all = append(all, e.feeAsset)
	}
	return all
}

// Destinations are whom the payload gives value, or the right to take it, each once.
func (f *Facts) Destinations() []string {
	e, ok := f.effectsOf()
	if !ok {
		return nil
	}
	if e.counted {
		return e.destinations
	}
	e.counted = true
	seen := map[string]bool{f.Address: true}
	for _, m := range slices.Concat(e.transfers, e.approvals) {
		if !seen[m.to] {
			seen[m.to] = true
			e.destinations = append(e.destinations, m.to)
		}
	}
	return e.destinations
}
