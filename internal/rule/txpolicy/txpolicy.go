// Package txpolicy holds transactions against the transaction policy of a grant: rules that bound which instructions of
// Solana somebody else may have signed, to whom, and for how much. It reads and writes policies as the contract has
// them, and has no effects.
package txpolicy

import (
	"fmt"
	"slices"

	"github.com/redoubt-kms/redoubt/chain/solana"
	"github.com/redoubt-kms/redoubt/internal/org"
)

// Denial says which rule a transaction breaks, and by what.
type Denial struct {
	Rule        int    // the place of the rule
	Name        string // what the contract calls it
	Instruction int    // the place of the instruction, -1 when the transaction as a whole is meant
	Reason      string // with the values that were seen
}

// Error says it in a sentence.
func (d *Denial) Error() string {
	where := ""
	if d.Instruction >= 0 {
		where = fmt.Sprintf("instruction %d, ", d.Instruction)
	}
	return fmt.Sprintf("rule %d (%s): %s%s", d.Rule, d.Name, where, d.Reason)
}

// Check says why a transaction must not be signed by an account under a policy: a *Denial of the first rule that does
// not hold. Nil says that all hold.
func Check(p *org.TransactionPolicy, tx *solana.Transaction, signer solana.Key) error {
	if p == nil {
		return nil
	}
	if p.Version != org.TransactionPolicyV0 {
		return &Denial{Name: p.Version, Instruction: -1, Reason: "the policy is of a version that this release does not know"}
	}
	c := &check{tx: tx, signer: signer, calls: read(tx), accounts: map[associated]solana.Key{}}
	for i, r := range p.Solana {
		at, reason := c.rule(r)
		if reason != "" {
			return &Denial{Rule: i, Name: r.Rule, Instruction: at, Reason: reason}
		}
	}
	return nil
}

// whole is the place of what is about no single instruction.
const whole = -1

// check is one transaction that is looked at.
type check struct {
	tx       *solana.Transaction
	signer   solana.Key
	calls    []call
	accounts map[associated]solana.Key // token accounts that were derived already
}

// call is an instruction, in words if it has any.
type call struct {
	solana.Instruction
	at    int
	words solana.Parsed
	named bool
}

func read(tx *solana.Transaction) []call {
	var all []call
	for i, in := range tx.Instructions() {
		words, named := in.Parse()
		all = append(all, call{in, i, words, named})
	}
	return all
}

// rule says where and why a rule does not hold; the reason is empty if it does.
func (c *check) rule(r org.TransactionRule) (at int, reason string) {
	switch r.Rule {
	case org.RuleAllowAll:
		return whole, ""
	case org.RuleBundleSizeLimit: // a request carries one transaction
		if r.Max == nil || *r.Max < 1 {
			return whole, "a request carries 1 transaction, and none is allowed"
		}
		return whole, ""
	case org.RuleNoAddressLookupTables:
		if n := len(c.tx.Lookups()); n > 0 {
			return whole, fmt.Sprintf("the transaction takes accounts out of %d address lookup tables", n)
		}
		return whole, ""
	case org.RuleComputeBudgetLimit:
		return whole, c.budget(r)
	case org.RuleNoSignerAccountUsage:
		return c.signerUsage(r.Instructions)
	case org.RuleInstructionAllowlist:
		return c.allowlist(r.Instructions, func(call) bool { return true })
	case org.RuleInstructionDenylist:
		return c.denylist(r.Instructions)
	}
	return whole, "this release does not know the rule"
}

// budget holds what the network will charge for against the limits, whether it was asked for or is what it grants.
func (c *check) budget(r org.TransactionRule) string {
	b := c.tx.ComputeBudget()
	switch {
	case r.Units != nil && b.UnitLimit > *r.Units:
		return fmt.Sprintf("%d compute units, which stand in the transaction or are what the network grants without a limit; at most %d", b.UnitLimit, *r.Units)
	case r.UnitPrice != nil && b.UnitPrice > *r.UnitPrice:
		return fmt.Sprintf("a price of %d micro-lamports for a compute unit (a priority fee of up to %d lamports), at most %d", b.UnitPrice, b.PriorityMax, *r.UnitPrice)
	}
	return ""
}

// signerUsage wants the instructions that use the signing account to be on the list. That it pays the network's fee is
// no use by an instruction.
func (c *check) signerUsage(list []org.InstructionMatcher) (int, string) {
	uses := func(one call) bool {
		return slices.ContainsFunc(one.Accounts, func(a solana.Account) bool { return a.Resolved && a.Key == c.signer })
	}
	at, reason := c.allowlist(list, uses)
	if reason != "" {
		reason = fmt.Sprintf("it uses the signing account %s: %s", c.signer, reason)
	}
	return at, reason
}
