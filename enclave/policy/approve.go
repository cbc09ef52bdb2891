package policy

import (
	"context"
	"encoding/hex"
	"slices"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/ledger"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/rule"
	"github.com/redoubt-kms/redoubt/proof"
)

// approveRequest notes an approval and, when it was the last one that was missing, does what was approved. Sent again, it
// does what the first could not finish.
func (e *Engine) approveRequest(ctx context.Context, c *caller, raw []byte) (answer, error) {
	approval, err := effect(e, api.MaxSmallBody, e.approve, nil).run(ctx, c, raw)
	if err != nil || approval.status != 200 {
		return approval, err
	}
	var params api.DecideRequestParams
	if err := decode(raw, &params, "params"); err != nil {
		return answer{}, err
	}
	request, err := parseID(params.RequestID, "params.requestId")
	if err != nil {
		return answer{}, err
	}
	w, done, err := e.carryOut(ctx, c.organization, request)
	if err != nil || w.value == nil || w.value.State == api.RequestPending {
		return approval, err
	}
	if done.status == 0 {
		if done, err = e.outcome(ctx, c.organization, w.value); err != nil {
			return answer{}, err
		}
	}
	if done.retryAfter > 0 {
		return done, nil // it is in the log, and its answer is made when this body comes again
	}
	return e.decided(ctx, c, w.value, approval, done)
}

// decided is the answer to an approval that has the outcome, under the receipt of the approval's entry.
func (e *Engine) decided(ctx context.Context, c *caller, w *org.Waiting, approval, done answer) (answer, error) {
	if err := e.authenticate(ctx, c); err != nil { // as the organization is after it
		return answer{}, err
	}
	a := success(api.Decided{Approval: approvalOf(w, c), Outcome: outcomeResult(w, done)})
	a.submission = done.submission
	a = c.complete(a)
	a.requestID = approval.requestID
	at := slices.IndexFunc(w.Given, func(g org.Given) bool { return g.User == c.member.User.Username })
	if at < 0 {
		return answer{}, ledger.ErrEntry
	}
	return e.signLogged(ctx, a, &ledger.Entry{Index: w.Given[at].Entry, Time: w.Given[at].Time})
}

func outcomeResult(w *org.Waiting, done answer) *api.Outcome {
	o := &api.Outcome{Status: done.status, LogIndex: w.Outcome.Entry}
	if done.status == 200 {
		o.Result = done.body
	} else {
		o.Error = done.body
	}
	return o
}

// approve notes an approval.
func (e *Engine) approve(ctx context.Context, c *caller, params *api.DecideRequestParams) (answer, error) {
	w, d, err := e.approvable(ctx, c, params)
	if err != nil {
		return answer{}, err
	}
	if !d.Allowed {
		return e.deny(ctx, c, w.value.Wallet, d)
	}
	next := w.value.Clone()
	given := c.given()
	if slices.ContainsFunc(w.value.Given, func(old org.Given) bool {
		return old.User == given.User && old.Authenticator == given.Authenticator && slices.Equal(old.Tags, given.Tags)
	}) {
		return answer{}, api.Errorf(api.TypeConflict, "you approved this request already, and one person counts once").At("params.requestId")
	}
	next.Give(given)
	p := c.decide(d, next, params)
	err = e.apply(p, func() error {
		next.Given[len(next.Given)-1].Entry = e.next
		return e.still(c, waitingKey(c.organization, next.ID), w.version)
	})
	if err != nil {
		return answer{}, err
	}
	return e.wait(ctx, p)
}

// reject ends a request: one veto of anybody who might approve is enough, and so is that of who asked.
func (e *Engine) reject(ctx context.Context, c *caller, params *api.DecideRequestParams) (answer, error) {
	w, d, err := e.approvable(ctx, c, params)
	if err != nil {
		return answer{}, err
	}
	if !d.Allowed {
		return e.deny(ctx, c, w.value.Wallet, d)
	}
	roll, err := load[org.Roll](ctx, e, rollKey(c.organization))
	if err != nil {
		return answer{}, err
	}
	next := w.value.Clone()
	given := c.given()
	next.State, next.Rejected = api.RequestRejected, &given
	said := "rejected by user %q"
	if given.User == next.User {
		said = "withdrawn by user %q, who asked for it"
	}
	told := failure(api.Errorf(api.TypeDenied, said, given.User), next.RequestID)
	next.Outcome = org.Outcome{Time: c.now, Status: uint16(told.status), Body: told.body} //nolint:gosec // a status of HTTP
	p := c.decide(d, next, params)
	p.put(rollKey(c.organization), roll.value.End(next.ID))
	err = e.apply(p, func() error {
		given.Entry, next.Outcome.Entry = e.next, e.next
		if e.version(rollKey(c.organization)) != roll.version {
			return errChanged
		}
		return e.still(c, waitingKey(c.organization, next.ID), w.version)
	})
	if err != nil {
		return answer{}, err
	}
	return e.wait(ctx, p)
}

// given is what the caller says, with who they are now.
func (c *caller) given() org.Given {
	return org.Given{
		User: c.member.User.Username, Authenticator: c.member.Authenticator.ID, Tags: slices.Clone(c.member.User.Tags()), Time: c.now,
	}
}

// decide starts the entry of an approval or a rejection.
func (c *caller) decide(d rule.Decision, next *org.Waiting, params *api.DecideRequestParams) *proposal {
	p := c.change(d, api.Decided{Approval: approvalOf(next, c)})
	p.entry.Wallet = next.Wallet
	p.entry.Effects.Authority = []ledger.AuthorityChange{{Subject: uuid(next.ID), Kind: string(c.method), To: "sha256:" + params.RequestDigest}}
	p.put(waitingKey(c.organization, next.ID), next)
	return p
}

// approvable finds a request that the caller wants to approve or reject, and says whether they may.
func (e *Engine) approvable(ctx context.Context, c *caller, params *api.DecideRequestParams) (found[org.Waiting], rule.Decision, error) {
	w, err := e.waitingRequest(ctx, c, params.RequestID)
	if err != nil {
		return w, rule.Decision{}, err
	}
	if params.RequestDigest != hex.EncodeToString(w.value.Request[:]) {
		return w, rule.Decision{}, api.Errorf(api.TypeInvalid, "not the digest of this request: look at what it asks for (getRequest)").At("params.requestDigest")
	}
	asked := c.member.User.Username == w.value.User
	d := c.ask(rule.Question{Asked: asked})
	switch {
	case !d.Allowed:
		return w, d, nil
	case asked && c.method == api.RejectRequest:
	case asked:
		return w, rule.Decision{Rule: "approvers", Reason: "the request is this user's own, by whichever authenticator"}, nil
	case !w.value.MayApprove(c.member.User):
		return w, rule.Decision{Rule: "approvers", Reason: "the user has no tag of those who may approve this request"}, nil
	}
	if state := c.stateOf(w.value); state != api.RequestPending {
		return w, d, api.Errorf(api.TypeConflict, "the request no longer waits: it is %s", state).At("params.requestId")
	}
	return w, d, nil
}

// waitingRequest finds a request of the caller's organization.
func (e *Engine) waitingRequest(ctx context.Context, c *caller, text string) (found[org.Waiting], error) {
	request, err := parseID(text, "params.requestId")
	if err != nil {
		return found[org.Waiting]{}, err
	}
	if request == (proof.ID{}) {
		return found[org.Waiting]{}, noRequest()
	}
	w, err := load[org.Waiting](ctx, e, waitingKey(c.organization, request))
	if err == nil && w.value == nil {
		err = noRequest()
	}
	return w, err
}

func noRequest() error {
	return api.Errorf(api.TypeNotFound, "no such request of the organization waits or waited for approvals, or it is long over").At("params.requestId")
}
