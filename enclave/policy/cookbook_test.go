package policy

import (
	"encoding/json"
	"os"
	"regexp"
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
