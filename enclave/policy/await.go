package policy

import (
	"context"
	"encoding/hex"
	"time"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/ledger"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/rule"
	"github.com/redoubt-kms/redoubt/internal/strictjson"
	"github.com/redoubt-kms/redoubt/proof"
)

// approvalExpiry is how long a request waits where neither the rule nor the organization says.
const approvalExpiry = 24 * time.Hour

// permitted is how long the signer signs for an entry. What came of a request that waited is asked for later than a retry
// comes.
func (c *caller) permitted() time.Duration {
	if c.approved != nil || c.longPermit {
		return api.MaxControl
	}
	return api.ReplayWindow
}

// canWait says whether a request that was not allowed waits for approvals instead of being denied: once, and only where
// it is the policy of the caller's own organization that wants them.
func (e *Engine) canWait(c *caller, d rule.Decision) bool {
	if d.Allowed || len(d.Approvals) == 0 || d.Grant || c.replay == nil || c.approved != nil {
		return false
	}
	h, known := e.method(c.method)
	return known && h.do != nil
}

// await has a request wait for approvals. It has no effect and reserves nothing.
func (e *Engine) await(ctx context.Context, c *caller, wallet proof.ID, d rule.Decision) (answer, error) {
	key := rollKey(c.organization)
	roll, err := load[org.Roll](ctx, e, key)
	if err != nil {
		return answer{}, err
	}
	w := c.waiting(wallet, d)
	line := org.Line{ID: w.ID, Size: uint32(len(w.Body)), Expires: w.Expires} //nolint:gosec // a body is at most api.MaxBody
	next, forgotten, fits := roll.value.Add(line, c.now)
	if !fits {
		return answer{}, api.Errorf(api.TypeLimit, "%d requests of the organization, or requests of %d bytes, wait for approvals already: approve, reject or let expire some",
			org.MaxWaiting, org.MaxWaitingBytes)
	}
	a := success(api.Waiting{Approval: approvalOf(w, c)})
	a.status = statusWaiting
	p := &proposal{entry: c.entry(d), body: c.body, answer: c.complete(a), replay: c.replay}
	p.entry.Decision, p.entry.Wallet, p.entry.Status, p.entry.Outcome = ledger.Waiting, wallet, statusWaiting, a.body
	if c.effects != nil {
		p.entry.Effects = *c.effects
	}
	p.put(waitingKey(c.organization, w.ID), w)
	p.put(key, next)
	for _, old := range forgotten {
		p.put(waitingKey(c.organization, old), nil)
	}
	if err := e.apply(p, func() error { return e.still(c, key, roll.version) }); err != nil {
		return answer{}, err
	}
	return e.wait(ctx, p)
}

// waiting makes the record of a request.
func (c *caller) waiting(wallet proof.ID, d rule.Decision) *org.Waiting {
	lasts := d.Expires
	if lasts == 0 && c.controls.value != nil {
		lasts = c.controls.value.ApprovalExpiry
	}
	if lasts == 0 {
		lasts = uint64(approvalExpiry / time.Millisecond)
	}
	w := &org.Waiting{
		Version: org.SchemaVersion, ID: requestOf(c.replay.key), Body: c.body, Request: c.request, Replay: c.replay.key,
		RequestID: c.requestID, Authenticator: c.member.Authenticator.ID, User: c.member.User.Username, Method: string(c.method),
		Wallet: wallet, Created: c.now, Expires: c.now + lasts, Groups: d.Approvals, Rule: d.Rule, Reason: d.Reason,
		State: api.RequestPending,
	}
	if d.Explanation != nil {
		w.Explanation = encoded(d.Explanation)
	}
	if c.effects != nil {
		w.Effects = encoded(effectsResult(*c.effects))
	}
	return w
}

func waitingKey(organization, request proof.ID) ledger.Key {
	return ledger.NewKey(ledger.KindWaiting, organization, request)
}

// rollKey is the key of the list of an organization's requests. No request has the identifier zero.
func rollKey(organization proof.ID) ledger.Key { return waitingKey(organization, proof.ID{}) }

// stateOf is how a request stands now. What waited when the ledger was restored from a backup may have been done in the
// future that was lost, so it is not done again.
func (c *caller) stateOf(w *org.Waiting) string {
	if w.State == api.RequestPending && (c.now >= w.Expires || w.Created < c.fence) {
		return api.RequestExpired
	}
	return w.State
}

// approvalOf tells how a request stands, as the caller's organization is now.
func approvalOf(w *org.Waiting, c *caller) api.Approval {
	a := api.Approval{
		ID: uuid(w.ID), RequestDigest: hex.EncodeToString(w.Request[:]), Status: c.stateOf(w), Required: []api.ApprovalGroup{},
		ExpiresAtMs: int64(w.Expires), //nolint:gosec // anchored times are small
	}
	for _, g := range w.Groups {
		a.Required = append(a.Required, api.ApprovalGroup{
			Required: int(g.Required), Tag: g.Tag, Given: w.Counting(g, c.record.value, c.controls.value.Freezes(), c.now),
		})
	}
	return a
}

// shown is a request with all that those who are involved may see.
func shown(w *org.Waiting, c *caller) (api.ApprovalRequest, error) {
	var envelope api.Request
	if err := decode(w.Body, &envelope, ""); err != nil {
		return api.ApprovalRequest{}, err
	}
	r := api.ApprovalRequest{
		Approval: approvalOf(w, c), Method: api.Method(w.Method), Requester: w.User, CreatedAtMs: int64(w.Created), //nolint:gosec // anchored times are small
		Rule: w.Rule, Reason: w.Reason, Params: envelope.Params, Approved: []api.Deed{},
	}
	if w.Wallet != (proof.ID{}) {
		r.WalletID = uuid(w.Wallet)
	}
	for _, g := range w.Given {
		r.Approved = append(r.Approved, deed(g))
	}
	if w.Rejected != nil {
		d := deed(*w.Rejected)
		r.Rejected = &d
	}
	if len(w.Effects) > 0 {
		r.Effects = &api.Effects{}
		if err := strictjson.Decode(w.Effects, r.Effects); err != nil {
			return r, err
		}
	}
	asked := w.User == c.member.User.Username // who may not read their policy does not read it here
	if len(w.Explanation) > 0 && (!asked || c.ask(rule.Question{Method: api.GetOrganization}).Allowed) {
		r.Explanation = &api.Explanation{}
		return r, strictjson.Decode(w.Explanation, r.Explanation)
	}
	return r, nil
}

func deed(g org.Given) api.Deed {
	return api.Deed{Username: g.User, AuthenticatorID: uuid(g.Authenticator), AtMs: int64(g.Time), LogIndex: g.Entry} //nolint:gosec // anchored times are small
}
