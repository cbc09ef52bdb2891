package language

import (
	"fmt"

	"cel.dev/cel-go/common/types"

	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/rule/fact"
)

// Verdict is what a policy says of a request. The zero value denies.
type Verdict struct {
	Outcome   string // ALLOW, DENY or REQUIRE_APPROVAL; empty when nothing matched, which denies
	Rule      int    // that decided, -1 when none did
	Comment   string // of that rule
	Err       error  // with which the deciding rule ended
	Approvals []org.Approval
	Expires   uint64 // milliseconds for approvals, the least of the rules that want some
}

// Allowed says whether the request may go ahead by itself.
func (v Verdict) Allowed() bool { return v.Outcome == org.OutcomeAllow }

// Evaluate decides: a rule that denies overrides all others, one that requires approval those that allow, and when
// nothing allows the request is denied. An error counts as no match for a rule that allows and as a denial for the
// others: what was written to restrict must not fail open.
func (p *Policy) Evaluate(f *fact.Facts) Verdict {
	waiting, cost := Verdict{Rule: -1}, p.budget()
	for _, r := range p.rules {
		if r.Outcome == org.OutcomeAllow {
			continue
		}
		matched, err := r.matches(f, cost)
		switch {
		case err != nil:
			return Verdict{Outcome: org.OutcomeDeny, Rule: r.index, Comment: r.Comment, Err: err}
		case matched && r.Outcome == org.OutcomeDeny:
			return Verdict{Outcome: org.OutcomeDeny, Rule: r.index, Comment: r.Comment}
		case matched:
			waiting.require(r)
		}
	}
	if waiting.Outcome != "" {
		return waiting
	}
	verdict := Verdict{Rule: -1}
	for _, r := range p.rules {
		if r.Outcome != org.OutcomeAllow {
			continue
		}
		matched, err := r.matches(f, cost)
		if matched {
			return Verdict{Outcome: org.OutcomeAllow, Rule: r.index, Comment: r.Comment}
		}
		if err != nil && verdict.Err == nil {
			verdict.Err = fmt.Errorf("rule %d: %w", r.index, err)
		}
	}
	return verdict
}

// require adds what a rule wants to what others want already.
func (v *Verdict) require(r *rule) {
	if v.Outcome == "" {
		v.Outcome, v.Rule, v.Comment, v.Expires = org.OutcomeApproval, r.index, r.Comment, r.Expires
	} else if r.Expires != 0 && (v.Expires == 0 || r.Expires < v.Expires) {
		v.Expires = r.Expires
	}
	v.Approvals = append(v.Approvals, r.Approvals...)
}

// matches evaluates one rule.
func (r *rule) matches(f *fact.Facts, cost *budget) (bool, error) {
	if !r.guard.passes(f) {
		return false, nil
	}
	out, err := cost.evaluate(r, f)
	if err != nil {
		return false, err
	}
	matched, ok := out.(types.Bool)
	if !ok {
		return false, fmt.Errorf("it evaluates to %s, not to true or false", out.Type().TypeName())
	}
	return bool(matched), nil
}
