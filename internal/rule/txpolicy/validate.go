package txpolicy

import (
	"fmt"
	"math"
	"math/bits"
	"slices"

	"github.com/redoubt-kms/redoubt/chain/solana"
	"github.com/redoubt-kms/redoubt/internal/org"
)

// maxDerived bounds the token accounts that are derived for one transaction, each of which takes some 50 µs.
const maxDerived = 256

// associated names a wallet's account of a token.
type associated struct{ wallet, program, mint solana.Key }

// validate holds a call against one validation of a matcher. A call of which it does not speak is no match.
func (c *check) validate(v org.InstructionValidation, one call) (answer, string) {
	if !one.named { // programs may take more bytes than they read
		return unclear, v.Rule + ": the instruction cannot be read"
	}
	amount, ok := amountOf(v, one)
	if !ok {
		return no, v.Rule + ": the instruction is none of those that it is about"
	}
	if reason := within(v, amount); reason != "" {
		return no, reason
	}
	if v.Rule != org.ValidateTransfer {
		return c.receives(v.Recipients, one, "to", solana.Key{})
	}
	mint, known := one.keyOf("mint")
	switch {
	case len(v.Mints)+len(v.Recipients) == 0:
		return yes, ""
	case !known:
		return unclear, "the mint comes out of a lookup table"
	case len(v.Mints) > 0 && !slices.Contains(v.Mints, [32]byte(mint)):
		return no, fmt.Sprintf("mint %s is not on the list", mint)
	}
	return c.receives(v.Recipients, one, "destination", mint)
}

// amountOf is what a call moves; false if a validation is not about such calls.
func amountOf(v org.InstructionValidation, one call) (uint64, bool) {
	name := "lamports"
	switch {
	case v.Rule == org.ValidateTransfer:
		if one.words.Name != "transferChecked" && one.words.Name != "transferCheckedWithFee" {
			return 0, false
		}
		name = "amount"
	case one.words.Program != "system":
		return 0, false
	}
	value, _ := one.words.Arg(name)
	n, ok := value.(uint64)
	return n, ok
}

// within says why an amount is outside of thresholds; empty if it is not.
func within(v org.InstructionValidation, n uint64) string {
	switch {
	case v.Min != nil && n < *v.Min:
		return fmt.Sprintf("%d is less than the minimum of %d", n, *v.Min)
	case v.Max != nil && n > *v.Max:
		return fmt.Sprintf("%d is more than the maximum of %d", n, *v.Max)
	}
	return ""
}

// receives says whether a call's receiver is on a list: as itself or, for tokens, as the wallet whose associated account
// it is.
func (c *check) receives(list [][32]byte, one call, name string, mint solana.Key) (answer, string) {
	if len(list) == 0 {
		return yes, ""
	}
	to, known := one.keyOf(name)
	if !known {
		return unclear, "the receiver comes out of a lookup table"
	}
	if slices.Contains(list, [32]byte(to)) {
		return yes, ""
	}
	for _, wallet := range list {
		if name != "destination" {
			break
		}
		k, ok := c.tokenAccount(associated{wallet, one.Program, mint})
		if !ok {
			return unclear, fmt.Sprintf("receiver %s is not on the list, and more than %d token accounts of those who are are not looked at", to, maxDerived)
		}
		if k == to {
			return yes, ""
		}
	}
	return no, fmt.Sprintf("receiver %s is not on the list", to)
}

// tokenAccount derives a wallet's account of a token, once; false if that is impossible or too much was derived.
func (c *check) tokenAccount(of associated) (solana.Key, bool) {
	if k, ok := c.accounts[of]; ok {
		return k, true
	}
	if len(c.accounts) >= maxDerived {
		return solana.Key{}, false
	}
	k, err := solana.AssociatedTokenAddress(of.wallet, of.program, of.mint)
	if err == nil {
		c.accounts[of] = k
	}
	return k, err == nil
}

// total is what calls move of one thing: lamports, or the token of a mint.
type total struct {
	mint solana.Key
	sum  uint64 // the most there is, if it is more
}

// totals sums up what calls move, by mint. Mints that come out of lookup tables count as one.
func totals(v org.InstructionValidation, calls []call) []total {
	var all []total
	for _, one := range calls {
		n, ok := amountOf(v, one)
		if !ok {
			continue
		}
		var mint solana.Key
		if v.Rule == org.ValidateTransfer {
			mint, _ = one.keyOf("mint")
		}
		i := slices.IndexFunc(all, func(t total) bool { return t.mint == mint })
		if i < 0 {
			i, all = len(all), append(all, total{mint: mint})
		}
		sum, carry := bits.Add64(all[i].sum, n, 0)
		if carry > 0 {
			sum = math.MaxUint64
		}
		all[i].sum = sum
	}
	return all
}

// exceeds says why all that a matcher matches is more than its maximum together; empty if it is not.
func exceeds(m org.InstructionMatcher, matched []call) string {
	for _, v := range m.Validate {
		for _, t := range totals(v, matched) {
			if v.Max != nil && t.sum > *v.Max {
				return fmt.Sprintf("%d instructions move %d together, more than the maximum of %d", len(matched), t.sum, *v.Max)
			}
		}
	}
	return ""
}
