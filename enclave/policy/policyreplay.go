package policy

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/ledger"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/rule"
	"github.com/redoubt-kms/redoubt/internal/usage"
	"github.com/redoubt-kms/redoubt/proof"
)

// maxReplayed bounds how many requests one replay asks again, and maxWalked how many entries it passes to find them.
const (
	maxReplayed = 1_000
	maxWalked   = 20_000
)

// sent is a request of the log, with its body.
type sent struct {
	entry ledger.Entry
	body  []byte
}

// replayPolicy asks a policy again about what a user asked for before. Usage is that of the replay alone.
func (e *Engine) replayPolicy(ctx context.Context, c *caller, params *api.ReplayPolicyParams) (answer, error) {
	if d := c.ask(rule.Question{Target: params.Username}); !d.Allowed {
		return e.deny(ctx, c, proof.ID{}, d)
	}
	if params.Limit < 0 || params.Limit > maxReplayed {
		return answer{}, api.Errorf(api.TypeInvalid, "want 1 to %d", maxReplayed).At("params.limit")
	}
	as, err := c.as(params.Username)
	if err != nil {
		return answer{}, err
	}
	policy, err := e.newPolicy(ctx, as, params.Policy, "params.policy")
	if err != nil {
		return answer{}, err
	}
	leave, err := e.trying(ctx)
	if err != nil {
		return answer{}, err
	}
	defer leave()
	if _, err := as.suppose(&policy); err != nil {
		return answer{}, err
	}
	requests, whole, err := e.requestsOf(ctx, c, params)
	if err != nil {
		return answer{}, err
	}
	result := api.PolicyReplay{Examined: len(requests), Whole: whole, Changes: []api.ReplayedChange{}, Skipped: []api.ReplayedChange{}}
	history := map[ledger.Key]*usage.Series{}
	for _, one := range slices.Backward(requests) {
		shown := api.ReplayedChange{
			Sequence: one.entry.Sequence, TimeMs: int64(one.entry.Time), Method: api.Method(one.entry.Method), Was: one.entry.Decision.String(),
		}
		d, err := e.ask(ctx, as, one, history)
		if err != nil {
			if ctx.Err() != nil {
				return answer{}, ctx.Err()
			}
			shown.Reason = err.Error()
			result.Skipped = append(result.Skipped, shown)
			continue
		}
		if !sameDecision(&one.entry, d) {
			shown.Would, shown.Rule, shown.Reason = outcome(d), d.Rule, d.Reason
			result.Changes = append(result.Changes, shown)
		}
	}
	return success(result), nil
}

// sameDecision says whether a policy decides as it was decided. A request that waited for approvals has two entries: that it
// waits, and what came of it when they were given.
func sameDecision(entry *ledger.Entry, d rule.Decision) bool {
	waits := !d.Allowed && len(d.Approvals) > 0
	switch {
	case entry.Decision == ledger.Waiting:
		return waits
	case strings.HasSuffix(entry.Policy, rule.Approved):
		return waits || d.Allowed
	}
	return d.Allowed == (entry.Decision == ledger.Allowed)
}

// ask asks about one request as of its own time.
func (e *Engine) ask(ctx context.Context, as *caller, one sent, history map[ledger.Key]*usage.Series) (rule.Decision, error) {
	if one.body == nil {
		return rule.Decision{}, errors.New("its body was pruned")
	}
	var request api.Request
	if err := decode(one.body, &request, ""); err != nil {
		return rule.Decision{}, err
	}
	again, at := *as, int64(one.entry.Time)
	again.history = history
	if one.entry.Caller != again.member.Authenticator.ID {
		again.member.Authenticator = keyOf(again.member.User, one.entry.Caller)
	}
	d, _, err := e.try(ctx, &again, attempt{request: request, time: &at}, "request")
	return d, err
}

// keyOf finds the key by which a user sent a request; one that is gone is nobody's.
func keyOf(u *org.User, id proof.ID) *org.Authenticator {
	for i := range u.Authenticators {
		if u.Authenticators[i].ID == id {
			return &u.Authenticators[i]
		}
	}
	return &org.Authenticator{ID: id}
}

// requestsOf collects what a user asked for, newest first, as far back as is wanted.
func (e *Engine) requestsOf(ctx context.Context, c *caller, params *api.ReplayPolicyParams) ([]sent, bool, error) {
	end, err := load[org.Activity](ctx, e, activityKey(c.organization))
	if err != nil || end.value == nil {
		return nil, true, err
	}
	at, limit := link{end.value.Count, end.value.Commit}, params.Limit
	if limit == 0 {
		limit = maxReplayed
	}
	if err := e.anchoredCommit(ctx, at.commit); err != nil {
		return nil, false, err
	}
	w := &walk{engine: e, organization: c.organization}
	var found []sent
	for walked := 0; at.sequence > 0; at.sequence, walked = at.sequence-1, walked+1 {
		if len(found) >= limit || walked >= maxWalked {
			return found, false, nil
		}
		entry, encoded, err := w.entry(ctx, at)
		if err != nil {
			return nil, false, err
		}
		if int64(entry.Time) < params.SinceMs {
			break
		}
		if _, err := w.prove(ctx, entry.Index, encoded, false); err != nil { // those of others too: they say where the next is
			return nil, false, err
		}
		if entry.User == params.Username && !api.Method(entry.Method).Reads() {
			body, err := w.body(ctx, entry.Index)
			if err != nil {
				return nil, false, err
			}
			if body != nil && hashOf(body) != entry.Request {
				return nil, false, ledger.ErrEntry
			}
			found = append(found, sent{entry, body})
		}
		at.commit = entry.Previous
	}
	return found, true, nil
}
