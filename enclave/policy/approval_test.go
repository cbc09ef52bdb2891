package policy

import (
	"crypto/ed25519"
	"encoding/json"
	"strings"
	"testing"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/wire"
)

// crew is an organization whose agent signs payments only with approvals.
type crew struct {
	tenant
	agent  ed25519.PrivateKey
	people map[string]ed25519.PrivateKey
	wallet string
	nonce  uint64
}

func requires(expression string, groups ...object) object {
	return object{"expression": expression, "outcome": "REQUIRE_APPROVAL", "comment": "four eyes", "approvals": groups}
}

func group(required int, tag string) object { return object{"required": required, "tag": tag} }

func tagged(name, tags string, policy object, keys ...ed25519.PrivateKey) object {
	u := user(name, policy, keys...)
	u["traits"] = object{"tags": tags}
	return u
}

// crew makes an organization with users sec1, sec2 (tag security), ops1, ops2 (tag ops), both (both tags), none (no tag).
func (r *rig) crew(t testing.TB, rules ...object) *crew {
	t.Helper()
	c := &crew{people: map[string]ed25519.PrivateKey{}}
	var users []object
	for name, tags := range map[string]string{"sec1": "security", "sec2": "security", "ops1": "ops", "ops2": "ops", "both": "ops,security", "none": "x"} {
		c.people[name] = newKey(t)
		users = append(users, tagged(name, tags, preset("LEGACY_USER_ROLE"), c.people[name]))
	}
	c.tenant = r.tenant(t, users...)
	c.people["root"] = c.key
	c.wallet = r.wallet(t, c.tenant).WalletID
	c.agent = r.agent(t, c.tenant, "agent", rules...)
	return c
}

func (c *crew) payment(t testing.TB, wei int64) object {
	c.nonce++
	return payment(t, c.tenant, c.wallet, wei, c.nonce)
}

// waits reads the approval of a request that waits.
func waits(t testing.TB, a wire.Answer) api.Approval {
	t.Helper()
	var w api.Waiting
	if err := json.Unmarshal(a.Result, &w); err != nil || a.Status != 202 || a.Receipt == "" {
		t.Fatalf("%d %s, want 202 under a receipt", a.Status, a.Result)
	}
	return w.Approval
}

func (c *crew) about(a api.Approval) object {
	return object{"organizationId": c.id, "requestId": a.ID, "requestDigest": a.RequestDigest}
}

func (c *crew) as(t testing.TB, name string) ed25519.PrivateKey {
	t.Helper()
	if c.people[name] == nil {
		t.Fatalf("no %s", name)
	}
	return c.people[name]
}

// A signature waits for its approvals, each person counts once, in both groups when they hold both tags, and it is made once.
func TestApproval(t *testing.T) {
	r := newRig(t)
	c := r.crew(t, requires("request.method == 'signTransaction'", group(2, "security"), group(2, "ops")))
	body := r.body(t, api.SignTransaction, c.payment(t, 5))
	first := r.send(t, c.agent, body)
	w := waits(t, first)
	again := func(status uint16) wire.Answer {
		t.Helper()
		a := r.send(t, c.agent, body)
		if a.Status != status || status == 202 && string(a.Result) != string(first.Result) {
			t.Fatalf("a retry: %d %s", a.Status, a.Result)
		}
		return a
	}
	again(202)
	approve := func(name string) (api.Decided, []byte) {
		t.Helper()
		sent := r.body(t, api.ApproveRequest, c.about(w))
		a := r.send(t, c.as(t, name), sent)
		var d api.Decided
		if err := json.Unmarshal(a.Result, &d); err != nil || a.Status != 200 || a.Receipt == "" {
			t.Fatalf("%s: %d %s", name, a.Status, a.Result)
		}
		return d, sent
	}
	for _, name := range []string{"both", "sec1"} {
		if d, _ := approve(name); d.Approval.Status != api.RequestPending || d.Outcome != nil {
			t.Fatalf("%s: %+v", name, d)
		}
		if a := r.call(t, c.as(t, name), api.ApproveRequest, c.about(w)); errorType(a) != api.TypeConflict {
			t.Fatalf("%s twice: %d %s", name, a.Status, a.Result)
		}
		r.restart(t)
		again(202)
	}
	before := r.entries(t)
	last, sent := approve("ops1")
	if last.Approval.Status != api.RequestExecuted || last.Outcome == nil || last.Outcome.Status != 200 {
		t.Fatalf("%+v", last)
	}
	if grown := r.entries(t) - before; grown != 2 {
		t.Errorf("%d entries for the last approval and the signature", grown)
	}
	if got := last.Approval.Required; strings.Join(got[0].Given, " ") != "both sec1" || strings.Join(got[1].Given, " ") != "both ops1" {
		t.Errorf("%+v", got)
	}
	for range 2 {
		if a := again(200); string(a.Result) != string(last.Outcome.Result) || entryOf(t, a) != last.Outcome.LogIndex {
			t.Errorf("the original body: %s, want %s", a.Result, last.Outcome.Result)
		}
		var d api.Decided
		a := r.send(t, c.as(t, "ops1"), sent)
		if json.Unmarshal(a.Result, &d) != nil || string(d.Outcome.Result) != string(last.Outcome.Result) {
			t.Errorf("the approval again: %d %s", a.Status, a.Result)
		}
		for _, key := range []ed25519.PrivateKey{c.agent, c.key, c.as(t, "sec2")} {
			if got := c.get(t, r, key, w); string(got.Outcome.Result) != string(last.Outcome.Result) || got.Method != api.SignTransaction || got.Effects.Transfers[0].Amount != "5" {
				t.Errorf("getRequest: %+v", got)
			}
		}
		if grown := r.entries(t) - before; grown != 2 {
			t.Errorf("%d entries after retries", grown)
		}
		r.restart(t)
	}
	if a := r.call(t, c.as(t, "none"), api.GetRequest, object{"organizationId": c.id, "requestId": w.ID}); a.Status != 403 {
		t.Errorf("somebody who is not involved: %d %s", a.Status, a.Result)
	}
}

func (c *crew) get(t testing.TB, r *rig, key ed25519.PrivateKey, w api.Approval) api.ApprovalRequest {
	t.Helper()
	return must[api.ApprovalRequest](t, r, key, api.GetRequest, object{"organizationId": c.id, "requestId": w.ID})
}
