package policy

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/redoubt-kms/redoubt/api"
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

// Who writes a policy of rules waits for a place among those who compile, whichever way it is written; presets do not. What
// was written is kept for this request alone.
func TestWritingWaitsForAPlace(t *testing.T) {
	e := &Engine{tries: make(chan struct{}, maxTrying), stopped: make(chan struct{}), compilations: newCompilations()}
	c := &caller{now: 1, compilations: e.compilations}
	rules := api.Raw(`{"type":"CEL","rules":[{"expression":"request.method == 'getAccounts'","outcome":"ALLOW","comment":""}],"constants":[]}`)
	granted := api.Raw(`{"version":"v1","rootAccess":{"type":"NONE"},"rules":[{"expression":"request.method == 'getAccounts'","outcome":"ALLOW","comment":""}],"constants":[]}`)
	ways := map[string]func(context.Context) error{
		"a user": func(ctx context.Context) error {
			_, err := e.newUser(ctx, c, api.NewUser{Username: "ann", Policy: rules}, "")
			return err
		},
		"a policy": func(ctx context.Context) error { _, err := e.newPolicy(ctx, c, rules, ""); return err },
		"a grant":  func(ctx context.Context) error { _, err := e.newGrant(ctx, c, granted, "", ""); return err },
		"a sign-up": func(ctx context.Context) error {
			_, err := e.newOrganization(ctx, c, api.CreateOrganizationParams{OrganizationName: "o", Users: []api.NewUser{{Username: "ann", Policy: rules}}})
			return err
		},
	}
	for range maxTrying {
		e.tries <- struct{}{}
	}
	for name, write := range ways {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		if err := write(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", name, err)
		}
		cancel()
	}
	if _, err := e.newPolicy(t.Context(), c, api.Raw(`{"type":"ROOT"}`), ""); err != nil {
		t.Errorf("a preset waits: %v", err)
	}
	<-e.tries
	for name, write := range ways {
		if err := write(t.Context()); errors.Is(err, context.DeadlineExceeded) || len(e.tries) != maxTrying-1 {
			t.Errorf("%s: %v, %d places are taken", name, err, len(e.tries))
		}
	}
	if len(e.compilations.policies) != 0 || c.compilations.shared != e.compilations || len(c.compilations.policies) == 0 {
		t.Errorf("%d are kept for all, %d for this request", len(e.compilations.policies), len(c.compilations.policies))
	}
}

// A policy is compiled with what names it, not again with every change of the organization.
func TestHasPolicy(t *testing.T) {
	rules := []org.Rule{{Expression: "true", Outcome: org.OutcomeAllow}}
	limit := &org.USDLimit{CentsPerDay: 5}
	o := &org.Organization{Users: []org.User{{Policy: org.Policy{Rules: rules}}, {Policy: org.Policy{USDLimit: limit}}}}
	other := *limit
	for i, c := range []struct {
		o    *org.Organization
		p    org.Policy
		want bool
	}{
		{o, org.Policy{Rules: rules}, true},
		{o, org.Policy{Rules: append([]org.Rule(nil), rules...)}, false},
		{o, org.Policy{USDLimit: limit}, true},
		{o, org.Policy{USDLimit: &other}, false},
		{nil, org.Policy{Rules: rules}, false},
		{nil, org.Policy{}, true},
	} {
		if got := c.o.Has(&c.p); got != c.want {
			t.Errorf("%d: %v", i, got)
		}
	}
}
