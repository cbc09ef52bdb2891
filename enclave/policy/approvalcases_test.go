package policy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/redoubt-kms/redoubt/api"
)

// Policies are changed with one approval of security and two of ops, each person counting once unless they hold both tags.
func TestSecurityAndOpsApprove(t *testing.T) {
	r := newRig(t)
	c := r.crew(t, requires("request.method == 'updateUserInOrganization'", group(1, "security"), group(2, "ops")))
	for approvers, want := range map[string]string{
		"sec1 ops1 ops2": api.RequestExecuted,
		"ops2 ops1 sec2": api.RequestExecuted,
		"both ops1":      api.RequestExecuted, // who holds both tags counts for both
		"both":           api.RequestPending,
		"ops1 ops2":      api.RequestPending, // 0 of security
		"sec1 sec2 ops1": api.RequestPending,
		"both sec1 sec2": api.RequestPending,
	} {
		w := waits(t, r.call(t, c.agent, api.UpdateUserInOrganization, object{"organizationId": c.id, "username": "none", "newPolicy": preset("DENY_ALL")}))
		var last api.Decided
		for name := range strings.FieldsSeq(approvers) {
			last = must[api.Decided](t, r, c.as(t, name), api.ApproveRequest, c.about(w))
		}
		if last.Approval.Status != want {
			t.Errorf("%s: %+v", approvers, last)
		}
	}
}

// A budget with three doors: little goes by itself, more with one approval, much with two of three of finance; a daily limit
// over all of them holds when it is done, and the kill switch stops it at once.
func TestBudgetWithApprovals(t *testing.T) {
	r := newRig(t)
	const pays = "request.method == 'signTransaction'"
	above := func(wei int) string {
		return fmt.Sprintf(" && effects.transfers.exists(t, t.amount > uint256('%d'))", wei)
	}
	c := r.crew(t,
		object{"expression": pays + " && (effects.unknown || usage.spent('ETH', duration('24h')) > uint256('30000'))", "outcome": "DENY", "comment": "30000 a day"},
		object{"expression": pays + " && usage.count('1h') > 20", "outcome": "DENY", "comment": "20 an hour"},
		requires(pays+above(1000), group(1, "")),
		requires(pays+above(10000), group(2, "security")),
		allows(pays),
	)
	pay := func(wei int64, approvers ...string) (status string) {
		t.Helper()
		a := r.call(t, c.agent, api.SignTransaction, c.payment(t, wei))
		if a.Status != 202 {
			return fmt.Sprint(a.Status)
		}
		w := waits(t, a)
		status = api.RequestPending
		for _, name := range approvers {
			status = must[api.Decided](t, r, c.as(t, name), api.ApproveRequest, c.about(w)).Approval.Status
		}
		return status
	}
	for i, one := range []struct {
		wei       int64
		approvers []string
		want      string
	}{
		{1000, nil, "200"},
		{1001, nil, api.RequestPending},
		{1001, []string{"none"}, api.RequestExecuted},
		{10001, []string{"none"}, api.RequestPending},
		{10001, []string{"sec1"}, api.RequestPending},
		{10001, []string{"sec1", "none"}, api.RequestPending},
		{10001, []string{"sec1", "sec2"}, api.RequestExecuted},
		{18000, nil, "403"}, // 12002 are used
	} {
		if got := pay(one.wei, one.approvers...); got != one.want {
			t.Errorf("payment %d of %d: %s, want %s", i, one.wei, got, one.want)
		}
	}
	first := waits(t, r.call(t, c.agent, api.SignTransaction, c.payment(t, 9000)))
	second := waits(t, r.call(t, c.agent, api.SignTransaction, c.payment(t, 9500)))
	if d := must[api.Decided](t, r, c.as(t, "ops1"), api.ApproveRequest, c.about(first)); d.Outcome.Status != 200 {
		t.Errorf("%s", d.Outcome.Error)
	}
	if d := must[api.Decided](t, r, c.as(t, "ops1"), api.ApproveRequest, c.about(second)); d.Approval.Status != api.RequestDenied || !strings.Contains(string(d.Outcome.Error), "used 21002, requested 9500, left 8998") {
		t.Errorf("what no longer fits when it is done: %+v %s", d.Approval, d.Outcome.Error)
	}
	third := waits(t, r.call(t, c.agent, api.SignTransaction, c.payment(t, 2000)))
	must[api.Frozen](t, r, c.key, api.Freeze, object{"organizationId": c.id})
	if a := r.call(t, c.as(t, "ops1"), api.ApproveRequest, c.about(third)); a.Status != 403 {
		t.Errorf("an approval in a frozen organization: %d %s", a.Status, a.Result)
	}
	if d := must[api.Decided](t, r, c.as(t, "ops1"), api.RejectRequest, c.about(third)); d.Approval.Status != api.RequestRejected {
		t.Errorf("%+v", d)
	}
}

// A replay takes what was approved for approved, and shows what would no longer wait.
func TestReplayOfWhatWaited(t *testing.T) {
	r := newRig(t)
	four := requires(needsApproval, group(1, "security"))
	c := r.crew(t, four)
	w := waits(t, r.call(t, c.agent, api.SignTransaction, c.payment(t, 5)))
	must[api.Decided](t, r, c.as(t, "sec1"), api.ApproveRequest, c.about(w))
	for name, one := range map[string]struct {
		policy object
		want   string // what changes, oldest first
	}{
		"the same":         {ruled(four), ""},
		"other approvers":  {ruled(requires(needsApproval, group(2, "ops"))), ""},
		"nothing allowed":  {ruled(allows("request.method == 'getAccounts'")), "waiting allowed"},
		"no approval":      {ruled(allows(needsApproval)), "waiting"},
		"everything, root": {object{"type": "ROOT"}, "waiting"},
	} {
		got := must[api.PolicyReplay](t, r, c.key, api.ReplayPolicy, object{"organizationId": c.id, "username": "agent", "policy": one.policy})
		var was []string
		for _, change := range got.Changes {
			was = append(was, change.Was)
		}
		if strings.Join(was, " ") != one.want || len(got.Skipped) != 0 || got.Examined != 2 {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
