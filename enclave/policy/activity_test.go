package policy

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/redoubt-kms/redoubt/api"
)

// history reads all pages of an organization's entries, newest first.
func (r *rig) history(t testing.TB, o tenant, limit int) []api.ActivityEntry {
	t.Helper()
	var all []api.ActivityEntry
	for cursor := ""; ; {
		params := object{"organizationId": o.id, "limit": limit}
		if cursor != "" {
			params["cursor"] = cursor
		}
		page := must[api.Activity](t, r, o.key, api.GetOrganizationActivity, params)
		all = append(all, page.Entries...)
		if cursor = page.Next; cursor == "" {
			return all
		}
	}
}

// Every entry of an organization is listed once, with what was decided and why, also after a restart.
func TestActivity(t *testing.T) {
	r := newRig(t)
	o, other := r.tenant(t), r.tenant(t)
	w := r.wallet(t, o)
	agent := r.agent(t, o, "agent", allows("request.method == 'signTransaction' && !effects.unknown && usage.spent('ETH', 'day') <= uint256('10')"))
	r.wallet(t, other)
	if a := r.call(t, agent, api.SignTransaction, payment(t, o, w.WalletID, 7, 1)); a.Status != 200 {
		t.Fatalf("%s", a.Result)
	}
	if a := r.call(t, agent, api.SignTransaction, payment(t, o, w.WalletID, 7, 2)); a.Status != 403 {
		t.Fatalf("%s", a.Result)
	}
	want := []string{"signTransaction denied", "signTransaction allowed", "addUserToOrganization allowed", "createWallet allowed", "createOrganization allowed"}
	for range 2 {
		var got []string
		all := r.history(t, o, 2)
		for i, e := range all {
			got = append(got, string(e.Method)+" "+e.Decision)
			if e.Sequence != uint64(len(all)-i) {
				t.Errorf("entry %d is number %d", i, e.Sequence)
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%v", got)
		}
		denied, allowed := all[0], all[1]
		var why api.Explanation
		if err := json.Unmarshal(denied.Explanation, &why); err != nil || why.Rules[0].Because[0].Limit == nil || why.Rules[0].Because[0].Limit.Used != "7" {
			t.Errorf("%s, %v", denied.Explanation, err)
		}
		if denied.Effects == nil || len(denied.Effects.Transfers) != 1 || denied.Effects.Transfers[0].Amount != "7" || len(denied.Counters) != 0 {
			t.Errorf("what was denied: %+v", denied.Effects)
		}
		if allowed.Username != "agent" || len(allowed.Effects.Transfers) != 1 || allowed.Effects.Transfers[0].Amount != "7" ||
			len(allowed.Counters) != 1 || allowed.Counters[0].Total != "7" || allowed.WalletID != w.WalletID || allowed.Status != 200 {
			t.Errorf("%+v", allowed)
		}
		r.restart(t)
	}
	for path, params := range map[string]object{
		"params.limit": {"limit": 101}, "params.cursor": {"cursor": "9.1"},
	} {
		params["organizationId"] = o.id
		if a := r.call(t, o.key, api.GetOrganizationActivity, params); errorPath(a) != path {
			t.Errorf("%s: %s", path, a.Result)
		}
	}
	for _, cursor := range []string{"x", "3.0", "3.999", "03.2", "3.2 "} {
		if a := r.call(t, o.key, api.GetOrganizationActivity, object{"organizationId": o.id, "cursor": cursor}); errorPath(a) != "params.cursor" {
			t.Errorf("cursor %q: %s", cursor, a.Result)
		}
	}
	if a := r.call(t, agent, api.GetOrganizationActivity, object{"organizationId": o.id}); a.Status != 403 {
		t.Errorf("an agent reads everything: %s", a.Result)
	}
}

// A page of entries that explain a lot is shorter than was asked for, so that it fits into an answer; the list is whole.
func TestActivityPagesAreBounded(t *testing.T) {
	r := newRig(t)
	o := r.tenant(t)
	w := r.wallet(t, o)
	var rules []object
	for range 14 {
		rules = append(rules, allows(strings.TrimSuffix(strings.Repeat("org.name+k==k||", 250), "||")))
	}
	policy := ruled(rules...)
	policy["constants"] = []object{{"name": "k", "value": strings.Repeat("x", 200)}}
	agent := newKey(t)
	must[api.Organization](t, r, o.key, api.AddUserToOrganization, object{"organizationId": o.id, "user": user("agent", policy, agent)})
	for i := range 40 {
		if a := r.call(t, agent, api.SignUtf8Message, utf8Params(o, w.WalletID, fmt.Sprint(i))); a.Status != 403 {
			t.Fatalf("%d %s", a.Status, a.Result)
		}
	}
	a := r.call(t, o.key, api.GetOrganizationActivity, object{"organizationId": o.id, "limit": 100, "proof": true})
	var page api.Activity
	if err := json.Unmarshal(a.Result, &page); err != nil || a.Status != 200 || page.Next == "" || len(page.Entries) == 0 || len(a.Result) > 2*maxActivityBytes {
		t.Errorf("%d: %d entries of %d bytes, next %q, %v", a.Status, len(page.Entries), len(a.Result), page.Next, err)
	}
	check(t, r.history(t, o, 100), 43)
}

// Pages that are taken while others write hold together: no entry twice, none left out.
func TestActivityUnderLoad(t *testing.T) {
	r := newRig(t)
	o := r.tenant(t)
	w := r.wallet(t, o)
	const callers, each = 8, 60
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			for j := range each {
				if a := r.call(t, o.key, api.SignUtf8Message, utf8Params(o, w.WalletID, fmt.Sprint(i, " ", j))); a.Status != 200 {
					t.Errorf("%s", a.Result)
				}
			}
		})
	}
	for range 5 {
		check(t, r.history(t, o, 17), 0)
	}
	all.Wait()
	check(t, r.history(t, o, 100), callers*each+2)
}

// check holds a list against being whole.
func check(t *testing.T, all []api.ActivityEntry, want int) {
	t.Helper()
	if want > 0 && len(all) != want {
		t.Errorf("%d entries, want %d", len(all), want)
	}
	for i, e := range all {
		if e.Sequence != uint64(len(all)-i) || i > 0 && e.Index >= all[i-1].Index {
			t.Fatalf("entry %d of %d is number %d, index %d", i, len(all), e.Sequence, e.Index)
		}
	}
}
