package rule

import (
	"fmt"
	"strings"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/rule/fact"
	"github.com/redoubt-kms/redoubt/internal/rule/language"
)

// Reading is what rules in CEL need of a request.
type Reading struct {
	Facts *fact.Facts
	// Compiled returns the compiled form of a policy.
	Compiled func(*org.Policy) (*language.Policy, error)
	// LimitOf explains how the request stands to a limit; nil when it cannot.
	LimitOf language.LimitOf
}

// byRules asks the rules of a full policy.
func byRules(p *org.Policy, q Question, r *Reading) Decision {
	const name = "rules"
	if r == nil || r.Facts == nil {
		return deny(name, "the rules cannot be asked here")
	}
	if p.Environment > language.Version {
		return deny(name, "the policy was written for a later release")
	}
	compiled, err := r.Compiled(p)
	if err != nil {
		return deny(name, "the policy no longer compiles: "+err.Error())
	}
	r.Facts.Request.Method = q.Method // raw bytes are asked about twice: as what they are called, and as what they are
	v := compiled.Evaluate(r.Facts)
	d := Decision{Allowed: v.Allowed(), Rule: ruleName(v), Approvals: v.Approvals, Expires: v.Expires}
	if d.Allowed {
		return d
	}
	if v.Outcome == org.OutcomeApproval && q.Approved != nil && q.Approved(v.Approvals) {
		return Decision{Allowed: true, Rule: d.Rule + Approved}
	}
	d.explain = func(d *Decision) {
		r.Facts.Request.Method = q.Method
		explanation := compiled.Explain(r.Facts, v, r.LimitOf)
		d.Explanation, d.Reason = &explanation, reason(v, explanation)
	}
	return d
}

// ruleName names what decided, as the log keeps it.
func ruleName(v language.Verdict) string {
	switch {
	case v.Rule < 0:
		return "no rule"
	case v.Comment == "":
		return fmt.Sprintf("rule %d", v.Rule)
	}
	return fmt.Sprintf("rule %d (%s)", v.Rule, v.Comment)
}

// reason says in a sentence or two why a request is not allowed.
func reason(v language.Verdict, e api.Explanation) string {
	switch {
	case v.Outcome == org.OutcomeApproval:
		return "it needs approval by " + approvers(v.Approvals)
	case v.Err != nil && v.Outcome == org.OutcomeDeny:
		return fmt.Sprintf("the rule cannot be evaluated (%v), and what restricts denies then", v.Err)
	case v.Outcome == org.OutcomeDeny:
		return "the rule denies it" + because(e.Rules)
	case len(e.Rules) == 0:
		return "no rule allows anything"
	}
	return "no rule allows it" + because(e.Rules)
}

// because tells of the rules that come closest: those whose fewest parts failed.
func because(rules []api.RuleExplanation) string {
	var best *api.RuleExplanation
	for i := range rules {
		r := &rules[i]
		if len(r.Because) > 0 && (best == nil || len(r.Because) < len(best.Because)) {
			best = r
		}
	}
	if best == nil {
		return ""
	}
	var parts []string
	for _, why := range best.Because {
		parts = append(parts, partText(why, best.Result))
		if len(parts) == 3 {
			break
		}
	}
	text := fmt.Sprintf("; rule %d", best.Rule)
	if best.Comment != "" {
		text += " (" + best.Comment + ")"
	}
	if best.Error != "" {
		return text + " fails: " + best.Error
	}
	return text + ": " + strings.Join(parts, "; ")
}

func partText(why api.Reason, result string) string {
	if l := why.Limit; l != nil {
		text := fmt.Sprintf("limit %s %s in %s by %s, used %s, requested %s, left %s", l.Limit, l.Asset, l.Window, l.Scope, l.Used, l.Requested, l.Left)
		if l.FreesAt != "" {
			text += ", fits again at " + l.FreesAt
		}
		return text
	}
	text := why.Expression + " is " + result
	var seen []string
	for _, v := range why.Values {
		if v.Expression != why.Expression {
			seen = append(seen, v.Expression+" = "+v.Value)
		}
	}
	if len(seen) > 0 {
		text += " (" + strings.Join(seen, ", ") + ")"
	}
	return text
}

func approvers(all []org.Approval) string {
	var parts []string
	for _, a := range all {
		who := "another user"
		if a.Tag != "" {
			who = fmt.Sprintf("a user with tag %q", a.Tag)
		}
		if a.Required > 1 {
			who = strings.Replace(strings.Replace(who, "another user", "other users", 1), "a user", "users", 1)
		}
		parts = append(parts, fmt.Sprintf("%d %s", a.Required, strings.TrimPrefix(who, "a ")))
	}
	return strings.Join(parts, " and ")
}
