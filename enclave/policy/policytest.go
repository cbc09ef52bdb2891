package policy

import (
	"context"
	"strings"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/org"
)

// maxPolicyTests bounds the cases that come with a policy.
const maxPolicyTests = 64

// testPolicy runs the cases that come with a new policy of a user, as that user. An organization may require them.
func (e *Engine) testPolicy(ctx context.Context, c *caller, user org.User, raw api.Raw, path string) error {
	var members map[string]api.Raw
	if err := decode(raw, &members, path); err != nil {
		return err
	}
	var tests []api.PolicyTest
	if written := members["tests"]; written.Given() {
		if err := decode(written, &tests, path+".tests"); err != nil {
			return err
		}
	}
	if len(tests) == 0 && user.Policy.Full() && c.controls.value.Next().RequireTests {
		return api.Errorf(api.TypeInvalid, "the organization takes a policy of rules only with tests that hold").At(path + ".tests")
	}
	if len(tests) > maxPolicyTests {
		return api.Errorf(api.TypeLimit, "at most %d tests", maxPolicyTests).At(path + ".tests")
	}
	if len(tests) == 0 {
		return nil
	}
	leave, err := e.trying(ctx)
	if err != nil {
		return err
	}
	defer leave()
	c.compileApart() // once for all cases
	as := *c
	for i, test := range tests {
		if err := e.testCase(ctx, &as, user, test, element(path+".tests", i)); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) testCase(ctx context.Context, c *caller, user org.User, test api.PolicyTest, path string) error {
	as := *c
	as.replay, as.charged = nil, true
	as.member = org.Member{User: &user, Authenticator: c.member.Authenticator}
	if len(user.Authenticators) > 0 {
		as.member.Authenticator = &user.Authenticators[0]
	}
	if _, err := as.suppose(&user.Policy); err != nil {
		return err
	}
	d, _, err := e.try(ctx, &as, attempt{test.Request, test.TimeMs, test.Usage}, path)
	if err != nil {
		return err
	}
	if got := outcome(d); got != test.Expect {
		return api.Errorf(api.TypeInvalid, "test %q: the policy says %s, not %s (%s %s)", test.Name, got, test.Expect, d.Rule, d.Reason).At(path)
	}
	if !strings.Contains(d.Reason, test.Because) {
		return api.Errorf(api.TypeInvalid, "test %q: the reason is %q, without %q", test.Name, d.Reason, test.Because).At(path)
	}
	return nil
}
