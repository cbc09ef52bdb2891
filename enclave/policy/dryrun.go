package policy

import (
	"context"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/rule"
	"github.com/redoubt-kms/redoubt/proof"
)

// dryRun says what a request would be answered. Nothing is counted, logged or signed.
func (e *Engine) dryRun(ctx context.Context, c *caller, params *api.DryRunParams) (answer, error) {
	if d := c.ask(rule.Question{}); !d.Allowed {
		return e.deny(ctx, c, proof.ID{}, d)
	}
	as, err := c.as(params.Username)
	if err != nil {
		return answer{}, err
	}
	as.method = api.CanonicalMethod(params.Request.Method)
	if _, known := e.method(as.method); !known {
		return answer{}, api.Errorf(api.TypeUnknownMethod, "no such method").At("params.request.method")
	}
	d, facts, err := e.wouldDecide(ctx, as, params.Request.Params)
	if err != nil {
		return answer{}, err
	}
	result := api.DryRunResult{Decision: outcome(d), Rule: d.Rule, Reason: d.Reason, Explanation: d.Explanation}
	if facts != nil {
		result.Effects = effectsResult(effects(facts.Effects()))
	}
	return success(result), nil
}

// as is the caller, or for root any user of the organization, by their first authenticator.
func (c *caller) as(username string) (*caller, error) {
	as := *c
	as.replay, as.charged = nil, true
	if username == "" || username == c.member.User.Username {
		return &as, nil
	}
	if c.member.User.Policy.Type != org.PolicyRoot {
		return nil, api.Errorf(api.TypeInvalid, "only a user with policy ROOT may ask for another user").At("params.username")
	}
	i := c.record.value.User(username)
	if i < 0 {
		return nil, api.Errorf(api.TypeNotFound, "no such user").At("params.username")
	}
	user := &c.record.value.Users[i]
	as.member = org.Member{User: user, Authenticator: &org.Authenticator{}}
	if len(user.Authenticators) > 0 {
		as.member.Authenticator = &user.Authenticators[0]
	}
	return &as, nil
}

func outcome(d rule.Decision) string {
	switch {
	case d.Allowed:
		return org.OutcomeAllow
	case len(d.Approvals) > 0:
		return org.OutcomeApproval
	}
	return org.OutcomeDeny
}
