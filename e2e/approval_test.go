package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redoubt-kms/redoubt/internal/failpoint"
)

// crew is a tenant whose agent may do nothing without one of finance.
type crew struct {
	*tenant
	agent, ann *key
}

func newCrew(t *testing.T, s *server) *crew {
	t.Helper()
	c := &crew{tenant: newTenant(t, s), agent: newKey(s), ann: newKey(s)}
	rule := object{
		"expression": "request.method in ['createWallet', 'signTransaction']", "outcome": "REQUIRE_APPROVAL", "comment": "four eyes",
		"approvals": []object{{"required": 1, "tag": "finance"}},
	}
	for name, user := range map[string]object{
		"agent": {"policy": object{"type": "CEL", "rules": []object{rule}, "constants": []object{}}, "authenticators": []object{c.agent.authenticator("k")}},
		"ann":   {"policy": object{"type": "CEL", "preset": "LEGACY_USER_ROLE"}, "traits": object{"tags": "finance"}, "authenticators": []object{c.ann.authenticator("k")}},
	} {
		user["username"] = name
		c.root.must(t, "addUserToOrganization", object{"organizationId": c.id, "user": user}, "organizationId")
	}
	return c
}

// waits wants a 202 and gives the parameters of its approval.
func (c *crew) waits(t *testing.T, a answer) object {
	t.Helper()
	var told struct {
		Approval struct{ ID, RequestDigest string }
	}
	if err := json.Unmarshal(a.raw, &told); err != nil || a.status != 202 || a.receipt == "" {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	return object{"organizationId": c.id, "requestId": told.Approval.ID, "requestDigest": told.Approval.RequestDigest}
}

// What waits is not broadcast; the answer to the last approval is, and so is nothing else.
func TestApprovedTransactionIsBroadcastOnce(t *testing.T) {
	var sent atomic.Int32
	node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var call struct{ Method string }
		_ = json.NewDecoder(r.Body).Decode(&call)
		if call.Method == "eth_sendRawTransaction" {
			sent.Add(1)
		}
		fmt.Fprint(w, `{"result":"0xabc"}`)
	}))
	defer node.Close()
	s := start(t, filepath.Join(t.TempDir(), "data"), "--rpc", "ethereum/sepolia="+node.URL)
	c := newCrew(t, s)
	b := body("signTransaction", object{
		"organizationId": c.id, "walletId": c.wallet, "submissionConfig": object{"chain": "ethereum", "network": "sepolia"},
		"derivationInfo": "m/44'/60'/0'/0/0", "transaction": object{
			"kind": "EIP_1559", "chainId": 11155111, "nonce": 1, "gasLimit": 21000, "maxFeePerGas": 1, "maxPriorityFeePerGas": 1,
			"to": "0x000000000000000000000000000000000000dEaD", "value": "0",
		},
	}, time.Now())
	var about object
	for range 2 {
		a, err := c.agent.send(b)
		if err != nil {
			t.Fatal(err)
		}
		about = c.waits(t, a)
	}
	if n := sent.Load(); n != 0 {
		t.Errorf("%d broadcasts of what waits", n)
	}
	a := c.ann.call(t, "approveRequest", about)
	if a.status != 200 || !bytes.Contains(a.raw, []byte(`"rpc_submission_result":{"result":"0xabc"}`)) || sent.Load() != 1 {
		t.Errorf("%d broadcasts: %d %s", sent.Load(), a.status, a.raw)
	}
	shown := c.agent.call(t, "getRequest", object{"organizationId": c.id, "requestId": about["requestId"]})
	if shown.status != 200 || !bytes.Contains(shown.raw, []byte(`"rawTransactionHex":"0x02`)) || sent.Load() != 1 {
		t.Errorf("%d broadcasts: %d %s", sent.Load(), shown.status, shown.raw)
	}
}

// A process dies at each step of an approval, and of what it approves. Sent again, the same approval finishes it, and it
// happens once.
func TestApprovalSurvivesEveryDeath(t *testing.T) {
	b := newTagged(t)
	s, err := b.start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.kill() })
	c := newCrew(t, s)
	wallets := 1
	for round := range scale(5, 40) {
		steps := []failpoint.Step{
			failpoint.PolicyBeforeApply, failpoint.PolicyAfterQueue, failpoint.PolicyAfterCommit, failpoint.PolicyAfterAnchor,
			failpoint.PolicyBeforeReply, failpoint.PolicyBeforeSeal, failpoint.HostAfterAppend, failpoint.CertifierAfterSync,
		}
		step, pass := steps[round%len(steps)], 2-round/len(steps)%2 // the second pass is that of what is approved
		original := body("createWallet", object{"organizationId": c.id, "walletName": fmt.Sprint("w", round)}, time.Now())
		a, err := c.agent.send(original)
		if err != nil {
			t.Fatal(err)
		}
		approval := body("approveRequest", c.waits(t, a), time.Now())
		b.arm(t, step, "crash", pass)
		if a, err := c.ann.send(approval); err == nil && a.status == 200 && b.fired() {
			t.Logf("%s: answered before the death", step)
		}
		if !b.fired() {
			t.Fatalf("%s was not passed %d times", step, pass)
		}
		s.kill()
		if s, err = b.start(); err != nil {
			t.Fatal(err)
		}
		for _, k := range []*key{c.root, c.agent, c.ann} {
			k.server = s
		}
		eventually(t, func() bool { a, err := c.ann.send(approval); return err == nil && a.status == 200 })
		a, err = c.ann.send(approval)
		if err != nil || !strings.Contains(string(a.raw), `"executed"`) {
			t.Fatalf("%s: %d %s", step, a.status, a.raw)
		}
		var told struct {
			Outcome struct{ Result json.RawMessage }
		}
		again, err := c.agent.send(original)
		if err != nil || again.status != 200 || json.Unmarshal(a.result, &told) != nil || !bytes.Equal(again.result, told.Outcome.Result) {
			t.Errorf("%s: %d %s, and the approval says %s", step, again.status, again.raw, a.raw)
		}
		wallets++
		list := c.root.call(t, "getOrganizationWallets", object{"organizationId": c.id})
		if want := fmt.Sprintf(`"totalCount":%d,`, wallets); !bytes.Contains(list.raw, []byte(want)) {
			t.Fatalf("%s: want %s %s", step, want, list.raw)
		}
	}
}
