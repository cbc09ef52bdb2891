package policy

import (
	"strings"
	"testing"

	"github.com/redoubt-kms/redoubt/internal/org"
)

// heavy is a policy of about 50,000 parts.
func heavy() *org.Policy {
	p := &org.Policy{Type: org.PolicyCEL, Constants: []org.Constant{{Name: "k", Value: []byte("[" + strings.Repeat(`"a",`, 1000) + `"a"]`)}}}
	for range 10 {
		p.Rules = append(p.Rules, org.Rule{Expression: strings.TrimSuffix(strings.Repeat("tx.chain in k||", 5), "||"), Outcome: org.OutcomeAllow})
	}
	return p
}

// However many policies come, what is kept of them is bounded by what they take, not by their number.
func TestCompilationsAreBounded(t *testing.T) {
	k := newCompilations()
	var newest *org.Policy
	for range 25 {
		newest = heavy()
		if _, err := k.policy(newest); err != nil {
			t.Fatal(err)
		}
		parts := 0
		for _, one := range k.policies {
			parts += one.Parts()
		}
		if parts != k.parts || parts > maxParts {
			t.Fatalf("%d policies of %d parts are kept, counted as %d", len(k.policies), parts, k.parts)
		}
	}
	if k.find(&newest.Rules[0]) == nil || len(k.policies) < 2 {
		t.Errorf("the newest of %d is not kept", len(k.policies))
	}
	one, supposed := k.forOne(), heavy()
	for _, p := range []*org.Policy{newest, supposed} {
		if _, err := one.policy(p); err != nil {
			t.Fatal(err)
		}
	}
	if k.find(&supposed.Rules[0]) != nil || len(one.policies) != 1 {
		t.Errorf("what one request supposed is kept for all, or what all have was made anew: %d", len(one.policies))
	}
}
