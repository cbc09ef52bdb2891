package policy

import (
	"bytes"
	"context"
	"slices"

	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/rule"
	"github.com/redoubt-kms/redoubt/internal/rule/fact"
	"github.com/redoubt-kms/redoubt/internal/rule/language"
	"github.com/redoubt-kms/redoubt/proof"
)

// reads says whether something has a say in a question that looks at what is signed: rules in CEL or a transaction policy.
func (c *caller) reads(q rule.Question) bool {
	return c.member.User.Policy.ByRules() || q.Grant != nil && (q.Grant.Policy.ByRules() || q.Grant.Transactions != nil)
}

// decide asks the policies about a signature and, when they allow it, reserves what it uses and takes effect: all of that
// in one step as seen by others who use the same counters, so that no two of them count on the same rest of a limit. The
// rules are asked before others are kept away from the counters, and again if those moved meanwhile: they may take long. Only
// who was overtaken several times asks them while others wait.
func (e *Engine) decide(ctx context.Context, c *caller, from access, q rule.Question, s *signature, p *proposal) (rule.Decision, error) {
	q, facts, meters := e.prepareQuestion(c, from, q, s)
	c.effects = nil
	for try := 0; ; try++ {
		if err := meters.fetch(ctx); err != nil {
			return rule.Decision{}, err
		}
		d, done, err := e.decideNow(c, from, q, s.intent, facts, p, meters, try >= patience)
		if !done && err == nil {
			continue
		}
		if err == nil && !d.Allowed {
			shown := effects(facts.Effects())
			c.effects = &shown
		}
		return d, err
	}
}

// patience is how often a request asks the rules again, because others moved its counters, before it has them wait.
const patience = 3

// prepareQuestion gives a question what rules read, and finds the counters that the request moves.
func (e *Engine) prepareQuestion(c *caller, from access, q rule.Question, s *signature) (rule.Question, *fact.Facts, meters) {
	c.read(&q, from.owner.value, s)
	var facts *fact.Facts
	if q.Own != nil {
		facts = q.Own.Facts
	} else {
		facts = c.facts(q, c.controls.value, s)
	}
	return q, facts, e.meters(c, from, q, facts)
}

// decideNow is decide with all counters in memory; false when one of them no longer is, or moved while the rules were asked.
// With held others wait from the beginning.
func (e *Engine) decideNow(c *caller, from access, q rule.Question, in intent, facts *fact.Facts, p *proposal, all meters, held bool) (rule.Decision, bool, error) {
	if held {
		defer e.holdMeters(all)()
	}
	if !all.take() {
		return rule.Decision{}, false, nil
	}
	d := c.judge(q, in)
	if !d.Allowed {
		return d, true, nil
	}
	if !held {
		defer e.holdMeters(all)()
		if !e.untouched(all) {
			return rule.Decision{}, false, nil
		}
	}
	p.entry.Policy = d.Rule
	for _, m := range all {
		if err := m.reserve(p); err != nil {
			return rule.Decision{Rule: "limits", Reason: err.Error()}, true, nil
		}
	}
	p.entry.Effects = effects(facts.Effects())
	err := e.apply(p, func() error {
		for _, m := range all {
			if err := m.unchanged(); err != nil {
				return err
			}
		}
		if err := from.unchanged(e); err != nil {
			return err
		}
		return e.unchanged(c)
	})
	return d, true, err
}

// meters are the counters that a request moves: its own organization's, and those of the owner of a granted wallet.
type meters []*meter

func (e *Engine) meters(c *caller, from access, q rule.Question, facts *fact.Facts) meters {
	var all meters
	if m := e.newMeter(c, c.organization, c.controls.value, from.wallet.value.ID, facts); m != nil {
		m.windows = c.windows(&c.member.User.Policy)
		all = append(all, m)
		if q.Own != nil {
			q.Own.Facts.Usage, q.Own.LimitOf = m, m.limitOf
		}
	}
	if from.grant == nil {
		return all
	}
	if m := e.newMeter(c, from.wallet.value.Organization, from.owner.value, from.wallet.value.ID, facts); m != nil {
		m.windows = c.windows(&from.grant.Policy)
		all = append(all, m)
		if q.Owner != nil {
			q.Owner.Facts.Usage, q.Owner.LimitOf = m, m.limitOf
		}
	}
	return all
}

// windows are those that a policy names.
func (c *caller) windows(p *org.Policy) []language.Counter {
	if !p.ByRules() {
		return nil
	}
	compiled, err := c.compilations.policy(p)
	if err != nil {
		return nil // such a policy allows nothing
	}
	return compiled.Counters()
}

func (all meters) fetch(ctx context.Context) error {
	for _, m := range all {
		if err := m.fetch(ctx); err != nil {
			return err
		}
	}
	return nil
}

// take reads all counters as they are now; false when one of them has to be fetched first.
func (all meters) take() bool {
	for _, m := range all {
		if !m.take() {
			return false
		}
	}
	return true
}

// untouched says whether all counters are still as they were taken.
func (e *Engine) untouched(all meters) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, m := range all {
		if m.unchanged() != nil {
			return false
		}
	}
	return true
}

// holdMeters keeps others away from the counters until the returned function is called. Two organizations are taken in
// one order, so that no two requests wait for each other.
func (e *Engine) holdMeters(all meters) func() {
	var places []proof.ID
	for _, m := range all {
		places = append(places, m.organization)
	}
	slices.SortFunc(places, func(a, b proof.ID) int { return bytes.Compare(a[:], b[:]) })
	places = slices.Compact(places)
	for _, place := range places {
		e.metering.lock(place)
	}
	return func() {
		for _, place := range places {
			e.metering.unlock(place)
		}
	}
}
