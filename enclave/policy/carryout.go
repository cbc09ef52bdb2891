package policy

import (
	"context"
	"errors"
	"fmt"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/ledger"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/rule"
	"github.com/redoubt-kms/redoubt/proof"
)

// run is one attempt to do what was approved. Its entry and the end of the request are one step, so that of all attempts
// one has an effect.
type run struct {
	organization proof.ID
	waiting      found[org.Waiting]
	roll         found[org.Roll]
	caller       *caller
	failed       bool // what is logged is why it cannot be done
}

// join ends the request with the entry that a proposal is about to become. The engine's lock is held.
func (r *run) join(e *Engine, p *proposal) error {
	w := r.waiting.value
	key := waitingKey(r.organization, w.ID)
	if e.version(key) != r.waiting.version || e.version(rollKey(r.organization)) != r.roll.version {
		return errChanged
	}
	if err := e.unchanged(r.caller); err != nil { // the approvals count in the organization as it was then
		return err
	}
	next := w.Clone()
	switch {
	case p.entry.Decision == ledger.Allowed:
		next.State = api.RequestExecuted
	case r.failed:
		next.State = api.RequestFailed
	default:
		next.State = api.RequestDenied
	}
	next.Outcome = org.Outcome{Entry: e.next, Above: e.head.Index, Time: p.entry.Time, Status: p.entry.Status}
	if p.entry.Permit == (proof.Hash{}) {
		next.Outcome.Body = p.entry.Outcome
	}
	p.put(key, next)
	p.put(rollKey(r.organization), r.roll.value.End(w.ID))
	return nil
}

// carryOut does what a request asks for once its approvals are complete, unless that is done. It returns the request as it
// is then and, when it was done now, its answer.
func (e *Engine) carryOut(ctx context.Context, organization, request proof.ID) (found[org.Waiting], answer, error) {
	for range maxTries {
		w, c, err := e.attempt(ctx, organization, request)
		if err != nil || c == nil {
			return w, answer{}, err
		}
		a, err := e.execute(ctx, c, w.value)
		if errors.Is(err, errChanged) {
			continue
		}
		if err != nil {
			return w, answer{}, err
		}
		w, err = load[org.Waiting](ctx, e, waitingKey(organization, request))
		return w, a, err
	}
	return found[org.Waiting]{}, answer{}, errChanged
}

// attempt looks whether a request can be done now; then it returns a caller who stands for the one who asked.
func (e *Engine) attempt(ctx context.Context, organization, request proof.ID) (found[org.Waiting], *caller, error) {
	r := &run{organization: organization}
	var err error
	if r.waiting, err = load[org.Waiting](ctx, e, waitingKey(organization, request)); err != nil || r.waiting.value == nil {
		return r.waiting, nil, err
	}
	c, err := e.onBehalf(ctx, organization, r.waiting.value)
	if err != nil {
		return r.waiting, nil, err
	}
	w, frozen := r.waiting.value, c.controls.value.Freezes()
	if c.stateOf(w) != api.RequestPending || !w.Fulfilled(w.Groups, c.record.value, frozen, c.now) {
		return r.waiting, nil, nil
	}
	if r.roll, err = load[org.Roll](ctx, e, rollKey(organization)); err != nil {
		return r.waiting, nil, err
	}
	c.approved = func(groups []org.Approval) bool { return w.Fulfilled(groups, c.record.value, frozen, c.now) }
	r.caller, c.replay = c, &replay{key: w.Replay, done: e.replays.over, run: r}
	return r.waiting, c, nil
}

// onBehalf is a caller who stands for the one who asked for a request. Their member has no user when they are gone.
func (e *Engine) onBehalf(ctx context.Context, organization proof.ID, w *org.Waiting) (*caller, error) {
	c := &caller{
		body: w.Body, request: w.Request, requestID: w.RequestID, method: api.Method(w.Method), organization: organization,
		charged: true, compilations: e.compilations, fence: e.rebase.begin,
	}
	var err error
	if c.now, err = e.clock.now(); err != nil {
		return nil, err
	}
	if c.record, err = e.organization(ctx, organization); err != nil {
		return nil, err
	}
	if c.controls, err = load[org.Controls](ctx, e, controlsKey(organization)); err != nil {
		return nil, err
	}
	if m, ok := c.record.value.Member(w.User, w.Authenticator); ok && m.Live(c.now) {
		c.member = m
		c.session, _ = login(m)
	}
	return c, nil
}

// execute asks the policies again, with the approvals, and has the effect. Whatever is final ends the request.
func (e *Engine) execute(ctx context.Context, c *caller, w *org.Waiting) (answer, error) {
	if c.member.User == nil {
		c.member = org.Member{User: &org.User{Username: w.User}, Authenticator: &org.Authenticator{ID: w.Authenticator}} // for the log
		return e.deny(ctx, c, w.Wallet, rule.Decision{Rule: "approvals", Reason: "who asked is no longer a user of the organization, or the authenticator no longer theirs"})
	}
	h, params, err := e.waitingMethod(w)
	if err != nil {
		return answer{}, err
	}
	a, err := h.do(ctx, c, params)
	if c.replay.logged {
		return a, err
	}
	var refused *api.Error
	switch {
	case errors.As(err, &refused) && refused.Status < 500 && refused.Status != api.Status(api.TypeOverloaded):
		a = failure(err, c.requestID)
	case err != nil:
		return answer{}, err // it is tried again
	}
	return e.conclude(ctx, c, w, a, err == nil)
}

// waitingMethod finds what serves a request, with its parameters.
func (e *Engine) waitingMethod(w *org.Waiting) (handler, []byte, error) {
	var envelope api.Request
	if err := decode(w.Body, &envelope, ""); err != nil {
		return handler{}, nil, err
	}
	h, known := e.method(api.Method(w.Method))
	if !known || h.do == nil {
		return handler{}, nil, api.Errorf(api.TypeUnknownMethod, "this release does not serve %s", w.Method)
	}
	return h, envelope.Params, nil
}

// conclude ends a request that had no entry of its own: it cannot be done any more, or nothing was left to do.
func (e *Engine) conclude(ctx context.Context, c *caller, w *org.Waiting, a answer, done bool) (answer, error) {
	c.replay.run.failed = !done
	p := &proposal{entry: c.entry(rule.Decision{Allowed: done, Rule: "approvals"}), body: c.body, answer: c.complete(a), replay: c.replay}
	p.entry.Wallet, p.entry.Status, p.entry.Outcome = w.Wallet, uint16(a.status), a.body //nolint:gosec // a status of HTTP
	if err := e.apply(p, func() error { return e.unchanged(c) }); err != nil {
		return answer{}, err
	}
	return e.wait(ctx, p)
}

// afterWaiting answers who asked and asks again with the same body: that it waits, or what became of it.
func (e *Engine) afterWaiting(ctx context.Context, c *caller, entry *ledger.Entry) (answer, error) {
	w, a, err := e.carryOut(ctx, c.organization, requestOf(entry.Replay))
	switch {
	case err != nil || a.status != 0:
		return a, err
	case w.value == nil || c.stateOf(w.value) == api.RequestPending:
		a = c.complete(answer{status: statusWaiting, body: entry.Outcome})
		return e.signLogged(ctx, a, entry)
	case c.stateOf(w.value) == api.RequestExpired:
		a = c.complete(failure(api.Errorf(api.TypeDenied, "its approvals did not come in time"), c.requestID))
		return e.signLogged(ctx, a, entry)
	}
	return e.outcome(ctx, c.organization, w.value)
}

// outcome makes the answer of a request that ended once more. A signature is made again for the same entry and is the same.
func (e *Engine) outcome(ctx context.Context, organization proof.ID, w *org.Waiting) (answer, error) {
	if err := e.anchored(ctx, w.Outcome.Entry+1); err != nil {
		return answer{}, err
	}
	if len(w.Outcome.Body) > 0 {
		a := answer{status: int(w.Outcome.Status), body: w.Outcome.Body, request: w.Request, requestID: w.RequestID, org: organization}
		return e.signLogged(ctx, a, &ledger.Entry{Index: w.Outcome.Entry, Time: w.Outcome.Time})
	}
	c, err := e.onBehalf(ctx, organization, w)
	if err != nil {
		return answer{}, err
	}
	if c.controls.value.Freezes().Holds(w.User, w.Wallet) {
		return answer{}, api.Errorf(api.TypeDenied, "what was signed is not handed over while the organization, the wallet or who asked is frozen")
	}
	h, params, err := e.waitingMethod(w)
	if err != nil {
		return answer{}, err
	}
	if h.again == nil {
		return answer{}, ledger.ErrEntry
	}
	at, err := e.findEntry(ctx, w.Outcome)
	if err != nil {
		return answer{}, err
	}
	return h.again(ctx, c, params, &replay{key: w.Replay, done: e.replays.over, logged: true, place: at})
}

// The commits among which an entry is looked for: as many as requests that are worked on at once can fill, and more.
const (
	searchedCommits = 256
	searchStep      = 8
)

// findEntry finds the commit that holds the entry of an outcome. It is the host's word: the signer wants to see that the
// entry is in the log.
func (e *Engine) findEntry(ctx context.Context, o org.Outcome) (place, error) {
	for from := o.Above + 1; from <= o.Above+searchedCommits; from += searchStep {
		rows, err := e.rows(ctx, from, searchStep)
		if err != nil {
			return place{}, err
		}
		for _, row := range rows {
			var stored ledger.Commit
			if err := proof.Decode(row.Blob, &stored); err != nil {
				return place{}, err
			}
			if o.Entry >= stored.First && o.Entry-stored.First < uint64(len(stored.Entries)) {
				return place{index: o.Entry, commit: stored.Index, commitment: stored.Entries[o.Entry-stored.First].Commitment}, nil
			}
		}
		if len(rows) < searchStep {
			break
		}
	}
	return place{}, fmt.Errorf("entry %d: %w", o.Entry, ledger.ErrEntry)
}
