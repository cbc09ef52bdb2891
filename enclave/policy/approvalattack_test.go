package policy

import (
	"crypto/ed25519"
	"strings"
	"sync"
	"testing"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/wire"
)

const needsApproval = "request.method == 'signTransaction'"

// Who may not approve is told why, and no approval of theirs counts.
func TestWhoMayNotApprove(t *testing.T) {
	r := newRig(t)
	c := r.crew(t, requires(needsApproval, group(1, "security")), allows("request.method == 'approveRequest'"))
	second := newKey(t)
	must[api.Authenticator](t, r, c.key, api.CreateAuthenticator, object{"organizationId": c.id, "username": "agent", "authenticator": keypair("k2", second)})
	c.tag(t, r, "agent", "security")
	connected := newKey(t)
	dapp := object{"type": "CEL", "preset": "DAPP_CONNECTION_USER", "walletId": c.wallet}
	must[api.Organization](t, r, c.key, api.AddUserToOrganization, object{"organizationId": c.id, "user": tagged("dapp", "security", dapp, connected)})
	must[api.Frozen](t, r, c.key, api.Freeze, object{"organizationId": c.id, "username": "sec2"})
	stranger := r.tenant(t)
	w := waits(t, r.call(t, c.agent, api.SignTransaction, c.payment(t, 1)))
	other := waits(t, r.call(t, c.agent, api.SignTransaction, c.payment(t, 2)))
	about := c.about(w)
	swapped := object{"organizationId": c.id, "requestId": w.ID, "requestDigest": other.RequestDigest}
	loud := object{"organizationId": c.id, "requestId": w.ID, "requestDigest": strings.ToUpper(w.RequestDigest)}
	for _, method := range []api.Method{api.ApproveRequest, api.RejectRequest} {
		for _, one := range []struct {
			name   string
			key    ed25519.PrivateKey
			params object
			want   string
		}{
			{"the requester", c.agent, about, api.TypeDenied}, // though with the tag
			{"the requester by another authenticator", second, about, api.TypeDenied},
			{"somebody with another tag", c.as(t, "ops1"), about, api.TypeDenied},
			{"root without the tag", c.key, about, api.TypeDenied},
			{"a connection", connected, about, api.TypeDenied},
			{"somebody frozen", c.as(t, "sec2"), about, api.TypeDenied},
			{"a member of another organization", stranger.key, about, api.TypeNotFound},
			{"a stranger", newKey(t), about, api.TypeUnauthenticated},
			{"another request's digest", c.as(t, "sec1"), swapped, api.TypeInvalid},
			{"another spelling of the digest", c.as(t, "sec1"), loud, api.TypeInvalid},
			{"no such request", c.as(t, "sec1"), object{"organizationId": c.id, "requestId": c.wallet, "requestDigest": w.RequestDigest}, api.TypeNotFound},
			{"the list of requests", c.as(t, "sec1"), object{"organizationId": c.id, "requestId": uuid([16]byte{}), "requestDigest": w.RequestDigest}, api.TypeNotFound},
		} {
			if method == api.RejectRequest && strings.HasPrefix(one.name, "the requester") {
				continue // may: TestWithdraw
			}
			if a := r.call(t, one.key, method, one.params); errorType(a) != one.want {
				t.Errorf("%s by %s: %d %s, want %s", method, one.name, a.Status, a.Result, one.want)
			}
		}
	}
	if a := r.call(t, second, api.ApproveRequest, about); !strings.Contains(string(a.Result), "the request is this user's own") {
		t.Errorf("%s", a.Result)
	}
	if got := c.get(t, r, c.key, w); got.Approval.Status != api.RequestPending || len(got.Approved) != 0 {
		t.Errorf("%+v", got)
	}
}

// Who asked may take a request back, whatever their policy says of rejectRequest, also by another authenticator; nobody else
// may do it for them, and what was taken back is over for all.
func TestWithdraw(t *testing.T) {
	r := newRig(t)
	c := r.crew(t, requires(needsApproval, group(1, "security")))
	second := newKey(t)
	must[api.Authenticator](t, r, c.key, api.CreateAuthenticator, object{"organizationId": c.id, "username": "agent", "authenticator": keypair("k2", second)})
	for i, key := range []ed25519.PrivateKey{c.agent, second} {
		body := r.body(t, api.SignTransaction, c.payment(t, int64(i+1)))
		w := waits(t, r.send(t, c.agent, body))
		if a := r.call(t, c.key, api.RejectRequest, c.about(w)); errorType(a) != api.TypeDenied {
			t.Errorf("root without the tag: %d %s", a.Status, a.Result)
		}
		if d := must[api.Decided](t, r, key, api.RejectRequest, c.about(w)); d.Approval.Status != api.RequestRejected {
			t.Errorf("%+v", d)
		}
		got := c.get(t, r, c.agent, w)
		if got.Approval.Status != api.RequestRejected || got.Rejected == nil || got.Rejected.Username != "agent" {
			t.Errorf("%+v", got)
		}
		if a := r.call(t, c.as(t, "sec1"), api.ApproveRequest, c.about(w)); errorType(a) != api.TypeConflict {
			t.Errorf("approved all the same: %d %s", a.Status, a.Result)
		}
		if a := r.call(t, key, api.RejectRequest, c.about(w)); errorType(a) != api.TypeConflict {
			t.Errorf("taken back twice: %d %s", a.Status, a.Result)
		}
		if a := r.send(t, c.agent, body); a.Status != 403 || !strings.Contains(string(a.Result), "withdrawn by user") {
			t.Errorf("the same body: %d %s", a.Status, a.Result)
		}
	}
	w := waits(t, r.call(t, c.agent, api.SignTransaction, c.payment(t, 9)))
	must[api.Frozen](t, r, c.key, api.Freeze, object{"organizationId": c.id, "username": "agent"})
	if a := r.call(t, c.agent, api.RejectRequest, c.about(w)); errorType(a) != api.TypeDenied {
		t.Errorf("frozen: %d %s", a.Status, a.Result)
	}
}

// tag gives a user tags.
func (c *crew) tag(t testing.TB, r *rig, name, tags string) {
	t.Helper()
	must[api.Organization](t, r, c.key, api.UpdateUserInOrganization, object{"organizationId": c.id, "username": name, "addTraits": object{"tags": tags}})
}

// What counts is who the approvers, who asks, their policy and the wallet are when it is done.
func TestWhatChangesBeforeTheLastApproval(t *testing.T) {
	r := newRig(t)
	other := r.tenant(t)
	deleteUser := func(name string) func(*testing.T, *crew) {
		return func(t *testing.T, c *crew) {
			must[api.Organization](t, r, c.key, api.DeleteUserFromOrganization, object{"organizationId": c.id, "username": name})
		}
	}
	rules := func(all ...object) func(*testing.T, *crew) {
		return func(t *testing.T, c *crew) {
			must[api.Organization](t, r, c.key, api.UpdateUserInOrganization, object{"organizationId": c.id, "username": "agent", "newPolicy": ruled(all...)})
		}
	}
	freeze := func(params object) func(*testing.T, *crew) {
		return func(t *testing.T, c *crew) {
			params["organizationId"] = c.id
			if _, wallet := params["walletId"]; wallet {
				params["walletId"] = c.wallet
			}
			must[api.Frozen](t, r, c.key, api.Freeze, params)
		}
	}
	two := requires(needsApproval, group(2, "security"))
	denies := object{"expression": needsApproval, "outcome": "DENY", "comment": "not any more"}
	for name, one := range map[string]struct {
		change func(*testing.T, *crew)
		want   string // state after the second approval
		why    string // in the outcome's error
		third  string // state after a third one, empty for none
	}{
		"nothing":                     {func(*testing.T, *crew) {}, api.RequestExecuted, "", ""},
		"an approver is deleted":      {deleteUser("sec1"), api.RequestPending, "", api.RequestExecuted},
		"an approver loses the tag":   {func(t *testing.T, c *crew) { c.tag(t, r, "sec1", "ops") }, api.RequestPending, "", api.RequestExecuted},
		"an approver is frozen":       {freeze(object{"username": "sec1"}), api.RequestPending, "", api.RequestExecuted},
		"who asks is deleted":         {deleteUser("agent"), api.RequestDenied, "no longer a user", ""},
		"who asks is frozen":          {freeze(object{"username": "agent"}), api.RequestDenied, "frozen", ""},
		"the wallet is frozen":        {freeze(object{"walletId": ""}), api.RequestDenied, "frozen", ""},
		"a rule denies":               {rules(two, denies), api.RequestDenied, "not any more", ""},
		"more approvals are required": {rules(requires(needsApproval, group(3, "security"))), api.RequestDenied, "needs approval", ""},
		"other approvals are":         {rules(requires(needsApproval, group(1, "ops"))), api.RequestDenied, "needs approval", ""},
		"fewer approvals are":         {rules(requires(needsApproval, group(1, ""))), api.RequestExecuted, "", ""},
		"nothing allows it":           {rules(allows("false")), api.RequestDenied, "no rule allows", ""},
		"none is required any more":   {rules(allows(needsApproval)), api.RequestExecuted, "", ""},
		"the wallet is given away": {func(t *testing.T, c *crew) {
			must[any](t, r, c.key, api.TransferOrganizationWallet, between(c.tenant, other, c.wallet, nil))
			list := must[api.PendingMigrations](t, r, other.key, api.ListPendingMigrations, object{"organizationId": other.id})
			for _, m := range list.PendingMigrations {
				must[any](t, r, other.key, api.CompleteWalletTransfer, object{"organizationId": other.id, "migrationId": m.MigrationID})
			}
		}, api.RequestFailed, "no such wallet", ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := r.crew(t, two)
			body := r.body(t, api.SignTransaction, c.payment(t, 1))
			w := waits(t, r.send(t, c.agent, body))
			must[api.Decided](t, r, c.as(t, "sec1"), api.ApproveRequest, c.about(w))
			one.change(t, c)
			d := must[api.Decided](t, r, c.as(t, "sec2"), api.ApproveRequest, c.about(w))
			if d.Approval.Status != one.want || (d.Outcome != nil) == (one.want == api.RequestPending) {
				t.Fatalf("%+v", d)
			}
			if d.Outcome != nil && !strings.Contains(string(d.Outcome.Error), one.why) {
				t.Errorf("%s", d.Outcome.Error)
			}
			if one.third != "" {
				d = must[api.Decided](t, r, c.as(t, "both"), api.ApproveRequest, c.about(w))
				if d.Approval.Status != one.third {
					t.Errorf("%+v", d)
				}
			} else if a := r.call(t, c.as(t, "both"), api.ApproveRequest, c.about(w)); errorType(a) != api.TypeConflict {
				t.Errorf("an approval of what is over: %d %s", a.Status, a.Result)
			}
			if got := c.get(t, r, c.key, w); got.Approval.Status != d.Approval.Status || (got.Outcome == nil) != (d.Outcome == nil) {
				t.Errorf("%+v", got)
			}
		})
	}
}

// One veto ends it, and who asked hears whose.
func TestRejection(t *testing.T) {
	r := newRig(t)
	c := r.crew(t, requires(needsApproval, group(2, "security")))
	body := r.body(t, api.SignTransaction, c.payment(t, 1))
	w := waits(t, r.send(t, c.agent, body))
	must[api.Decided](t, r, c.as(t, "sec1"), api.ApproveRequest, c.about(w))
	sent := r.body(t, api.RejectRequest, c.about(w))
	first := r.send(t, c.as(t, "sec2"), sent)
	for range 2 {
		if again := r.send(t, c.as(t, "sec2"), sent); first.Status != 200 || string(again.Result) != string(first.Result) {
			t.Fatalf("%s and %s", first.Result, again.Result)
		}
		if a := r.send(t, c.agent, body); a.Status != 403 || !strings.Contains(string(a.Result), `rejected by user \"sec2\"`) || entryOf(t, a) != entryOf(t, first) {
			t.Errorf("%d %s", a.Status, a.Result)
		}
		if a := r.call(t, c.as(t, "both"), api.ApproveRequest, c.about(w)); errorType(a) != api.TypeConflict {
			t.Errorf("an approval after the veto: %d %s", a.Status, a.Result)
		}
		r.restart(t)
	}
	if got := c.get(t, r, c.agent, w); got.Approval.Status != api.RequestRejected || got.Rejected.Username != "sec2" {
		t.Errorf("%+v", got)
	}
}

// However many approve at once what one approval would allow, and however many ask again meanwhile, there is one effect.
func TestApprovalRace(t *testing.T) {
	r := newRig(t)
	c := r.crew(t, requires("request.method in ['signTransaction', 'createWallet']", group(1, "")))
	names := []string{"sec1", "sec2", "ops1", "ops2", "both", "none", "root"}
	for round := range rounds(8, 400) {
		method, params := api.SignTransaction, c.payment(t, 1)
		if round%2 == 1 {
			method, params = api.CreateWallet, object{"organizationId": c.id, "walletName": "made"}
		}
		body := r.body(t, method, params)
		w := waits(t, r.send(t, c.agent, body))
		before := r.entries(t)
		var all sync.WaitGroup
		var mu sync.Mutex
		outcomes, approved := map[string]bool{}, uint64(0)
		for _, name := range names {
			all.Go(func() {
				a := r.call(t, c.as(t, name), api.ApproveRequest, c.about(w))
				if a.Status != 200 && errorType(a) != api.TypeConflict {
					t.Errorf("%d %s", a.Status, a.Result)
				}
				mu.Lock()
				defer mu.Unlock()
				if a.Status == 200 {
					approved++
				}
			})
			all.Go(func() {
				if a := r.send(t, c.agent, body); a.Status == 200 {
					mu.Lock()
					defer mu.Unlock()
					outcomes[string(a.Result)] = true
				} else if a.Status != 202 {
					t.Errorf("%d %s", a.Status, a.Result)
				}
			})
		}
		all.Wait()
		final := c.get(t, r, c.key, w)
		outcomes[string(final.Outcome.Result)] = true
		if grown := r.entries(t) - before; len(outcomes) != 1 || grown != approved+1 {
			t.Fatalf("%d outcomes, %d approvals and %d entries", len(outcomes), approved, grown)
		}
	}
	want := rounds(8, 400)/2 + 1
	if list := must[api.Wallets](t, r, c.key, api.GetOrganizationWallets, object{"organizationId": c.id}); list.TotalCount != want {
		t.Errorf("%d wallets, want %d", list.TotalCount, want)
	}
}

// A change waits, too, and is made as the one who asked.
func TestChangesWait(t *testing.T) {
	r := newRig(t)
	c := r.crew(t, requires("request.method in ['addUserToOrganization', 'exportWallet', 'deleteUserFromOrganization']", group(1, "ops")))
	key := newKey(t)
	body := r.body(t, api.AddUserToOrganization, object{"organizationId": c.id, "user": user("new", preset("DENY_ALL"), key)})
	w := waits(t, r.send(t, c.agent, body))
	if n := len(must[api.Organization](t, r, c.key, api.GetOrganization, object{"organizationId": c.id}).Users); n != 8 {
		t.Fatalf("%d users before the approval", n)
	}
	d := must[api.Decided](t, r, c.as(t, "ops2"), api.ApproveRequest, c.about(w))
	if d.Outcome == nil || d.Outcome.Status != 200 {
		t.Fatalf("%+v", d)
	}
	r.restart(t)
	if a := r.send(t, c.agent, body); a.Status != 200 || string(a.Result) != string(d.Outcome.Result) {
		t.Errorf("%d %s", a.Status, a.Result)
	}
	if n := len(must[api.Organization](t, r, c.key, api.GetOrganization, object{"organizationId": c.id}).Users); n != 9 {
		t.Errorf("%d users after the approval", n)
	}
	w = waits(t, r.call(t, c.agent, api.DeleteUserFromOrganization, object{"organizationId": c.id, "username": "new"}))
	must[api.Organization](t, r, c.key, api.DeleteUserFromOrganization, object{"organizationId": c.id, "username": "new"})
	d = must[api.Decided](t, r, c.as(t, "ops2"), api.ApproveRequest, c.about(w))
	if d.Approval.Status != api.RequestFailed || d.Outcome.Status != 404 {
		t.Errorf("what is gone by then: %+v", d)
	}
	if a := r.call(t, c.key, api.GrantOrganizationAccess, between(c.tenant, r.tenant(t), c.wallet, object{"policy": object{
		"version": "v1", "rootAccess": object{"type": "NONE"}, "rules": []any{requires("true", group(1, ""))}, "constants": []any{},
	}})); errorType(a) != api.TypeUnsupported || !strings.Contains(errorPath(a), "rules[0].outcome") {
		t.Errorf("a grant that requires approvals: %d %s", a.Status, a.Result)
	}
}

// Of many requests that come to wait at once each is listed.
func TestRequestsThatWaitAtOnce(t *testing.T) {
	r := newRig(t)
	c := r.crew(t, requires(needsApproval, group(1, "security")))
	var bodies [][]byte
	for range 40 {
		bodies = append(bodies, r.body(t, api.SignTransaction, c.payment(t, 1)))
	}
	for _, a := range together(len(bodies), func(i int) wire.Answer { return r.send(t, c.agent, bodies[i]) }) {
		waits(t, a)
	}
	if list := must[api.Requests](t, r, c.agent, api.ListRequests, object{"organizationId": c.id}); list.TotalCount != len(bodies) {
		t.Errorf("%d are listed, of %d", list.TotalCount, len(bodies))
	}
}

// A request by a grant waits for the approvals of the organization that asks, and ends with the grant.
func TestGrantEndsWhileItWaits(t *testing.T) {
	r := newRig(t)
	owner, c := r.tenant(t), r.crew(t, requires(needsApproval, group(1, "security")))
	lent := r.wallet(t, owner).WalletID
	grant := func() {
		must[api.Grant](t, r, owner.key, api.GrantOrganizationAccess, between(owner, c.tenant, lent, object{"policy": scopes("owner")}))
	}
	grant()
	kept := waits(t, r.call(t, c.agent, api.SignTransaction, payment(t, c.tenant, lent, 1, 1)))
	ended := waits(t, r.call(t, c.agent, api.SignTransaction, payment(t, c.tenant, lent, 1, 2)))
	if d := must[api.Decided](t, r, c.as(t, "sec1"), api.ApproveRequest, c.about(kept)); d.Approval.Status != api.RequestExecuted {
		t.Errorf("%+v", d)
	}
	must[api.Frozen](t, r, owner.key, api.Freeze, object{"organizationId": owner.id, "walletId": lent})
	if got := c.get(t, r, c.agent, kept); got.Outcome == nil || got.Outcome.Status != 403 || len(got.Outcome.Result) != 0 {
		t.Errorf("a signature with a wallet that its owner froze: %+v", got.Outcome)
	}
	must[api.Frozen](t, r, owner.key, api.Unfreeze, object{"organizationId": owner.id, "walletId": lent})
	must[api.Grant](t, r, owner.key, api.RevokeOrganizationAccess, between(owner, c.tenant, lent, nil))
	if d := must[api.Decided](t, r, c.as(t, "sec1"), api.ApproveRequest, c.about(ended)); d.Approval.Status != api.RequestFailed || d.Outcome.Status != 404 {
		t.Errorf("%+v", d)
	}
}
