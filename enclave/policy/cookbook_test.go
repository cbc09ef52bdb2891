package policy

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/redoubt-kms/redoubt/api"
)

// Every policy of the cookbook compiles without a warning and holds its own tests.
func TestCookbook(t *testing.T) {
	text, err := os.ReadFile("../../docs/spec/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	c := newCases(t)
	policies, tests := 0, 0
	for _, found := range regexp.MustCompile("(?s)### ([^\n]+)\n\n```json\n(.*?)```").FindAllSubmatch(text, -1) {
		t.Run(string(found[1]), func(t *testing.T) {
			var policy object
			var file struct{ Tests []api.PolicyTest }
			if err := json.Unmarshal(found[2], &policy); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(found[2], &file); err != nil {
				t.Fatal(err)
			}
			delete(policy, "tests")
			for _, test := range file.Tests {
				var params object
				if err := json.Unmarshal(test.Request.Params, &params); err != nil {
					t.Fatal(err)
				}
				d := c.outcomeOf(t, policy, request{test.Request.Method, params}, object{"usage": test.Usage})
				if d.Decision != test.Expect || len(d.Warnings) > 0 {
					t.Errorf("%s: %s, want %s: %s %v", test.Name, d.Decision, test.Expect, d.Reason, d.Warnings)
				}
				tests++
			}
		})
		policies++
	}
	if policies != 20 || tests != 39 {
		t.Errorf("%d policies with %d tests, want 20 and 39", policies, tests)
	}
}

// What approvals.md shows is so: its rule compiles and wants what it says, and the answer of a request that waits has the members
// that are written there, and no others.
func TestApprovalSnippets(t *testing.T) {
	text, err := os.ReadFile("../../docs/spec/approvals.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?s)```\n(.*?)```").FindAllSubmatch(text, -1)
	if len(found) != 2 {
		t.Fatalf("%d snippets, want 2", len(found))
	}
	var rule object
	var shown struct{ Approval object }
	if json.Unmarshal(found[0][1], &rule) != nil || json.Unmarshal(found[1][1], &shown) != nil {
		t.Fatalf("%s\n%s", found[0][1], found[1][1])
	}
	r := newRig(t)
	c := r.crew(t, allows("request.method == 'signTransaction'"), rule)
	must[api.Prices](t, r, c.key, api.SetPrices, object{"organizationId": c.id, "prices": []any{object{"asset": "ETH", "decimals": 18, "usd": "3000"}}})
	if a := r.call(t, c.agent, api.SignTransaction, c.payment(t, 1e15)); a.Status != 200 {
		t.Errorf("three dollars: %d %s", a.Status, a.Result)
	}
	a := r.call(t, c.agent, api.SignTransaction, c.payment(t, 1e18))
	w := waits(t, a)
	if len(w.Required) != 2 || w.Required[0].Tag != "security" || w.Required[1].Required != 2 || w.Required[1].Tag != "ops" {
		t.Errorf("%+v", w.Required)
	}
	var got struct{ Approval object }
	if err := json.Unmarshal(a.Result, &got); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(slices.Sorted(maps.Keys(got.Approval)), slices.Sorted(maps.Keys(shown.Approval))) {
		t.Errorf("%v, written %v", got.Approval, shown.Approval)
	}
}
