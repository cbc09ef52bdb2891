package policy

import (
	"cmp"
	"context"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/rule"
	"github.com/redoubt-kms/redoubt/internal/rule/amount"
	"github.com/redoubt-kms/redoubt/internal/rule/fact"
	"github.com/redoubt-kms/redoubt/internal/rule/language"
	"github.com/redoubt-kms/redoubt/internal/usage"
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
	var warnings []string
	if params.Policy.Given() {
		if !c.ask(rule.Question{Method: api.ReplayPolicy, Target: params.Username}).Allowed { // rules can be asked about anything that they may read
			return answer{}, api.Errorf(api.TypeDenied, "supposing another policy takes the right to replayPolicy: its rules could read all usage and every wallet").At("params.policy")
		}
		policy, err := e.newPolicy(ctx, as, params.Policy, "params.policy")
		if err != nil {
			return answer{}, err
		}
		leave, err := e.trying(ctx)
		if err != nil {
			return answer{}, err
		}
		defer leave()
		if warnings, err = as.suppose(&policy); err != nil {
			return answer{}, err
		}
	}
	d, facts, err := e.try(ctx, as, attempt{params.Request, params.TimeMs, params.Usage}, "params")
	if err != nil {
		return answer{}, err
	}
	result := api.DryRunResult{Decision: outcome(d), Rule: d.Rule, Reason: d.Reason, Explanation: c.explanation(d), Warnings: warnings}
	if facts != nil && (outcome(d) != org.OutcomeDeny || c.sees(facts.Wallet)) {
		result.Effects = effectsResult(effects(facts.Effects()))
	}
	return success(result), nil
}

// sees says whether the caller may look at a wallet's accounts, which effects name.
func (c *caller) sees(w *org.Wallet) bool {
	return w != nil && c.ask(rule.Question{Method: api.GetAccounts, Wallet: w.ID, Held: w}).Allowed
}

// maxTrying bounds how many requests compile policies that nobody has, or ask one about the past, at a time.
const maxTrying = 2

// trying waits for a place among them; they take long, and others' requests go first.
func (e *Engine) trying(ctx context.Context) (leave func(), err error) {
	select {
	case e.tries <- struct{}{}:
		return func() { <-e.tries }, nil
	case <-e.stopped:
		return nil, errStopped
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// attempt is a request that is only tried.
type attempt struct {
	request api.Request
	time    *int64
	usage   []api.AssumedUsage
}

// try decides about a request without an effect.
func (e *Engine) try(ctx context.Context, as *caller, a attempt, path string) (rule.Decision, *fact.Facts, error) {
	as.method = api.CanonicalMethod(a.request.Method)
	if _, known := e.method(as.method); !known {
		return rule.Decision{}, nil, api.Errorf(api.TypeUnknownMethod, "no such method").At(path + ".request.method")
	}
	if a.time != nil {
		if *a.time <= 0 || *a.time > 1<<53 {
			return rule.Decision{}, nil, api.Errorf(api.TypeInvalid, "want Unix milliseconds").At(path + ".timeMs")
		}
		as.now = uint64(*a.time)
	}
	var err error
	if as.assumed, err = assume(a.usage, path+".usage"); err != nil {
		return rule.Decision{}, nil, err
	}
	return e.wouldDecide(ctx, as, a.request.Params)
}

// suppose gives the caller another policy, with all that it names counted.
func (c *caller) suppose(policy *org.Policy) ([]string, error) {
	user := *c.member.User
	user.Policy = *policy
	c.member.User = &user
	if !policy.ByRules() {
		return nil, nil
	}
	c.compileApart()
	compiled, err := c.compilations.policy(&user.Policy)
	if err != nil {
		return nil, refused(err, "params.policy")
	}
	next := c.controls.value.Next()
	for _, named := range compiled.Counters() {
		add(&next.Counters, org.Counter{Scope: named.Scope, Asset: named.Asset, Since: c.now})
	}
	c.controls.value = next
	var warnings []string
	for _, f := range compiled.Findings() {
		warnings = append(warnings, f.Error())
	}
	return warnings, nil
}

// assume reads what is to be taken as used.
func assume(all []api.AssumedUsage, path string) (map[language.Counter]*amount.Amount, error) {
	if len(all) > maxCounters {
		return nil, api.Errorf(api.TypeLimit, "at most %d", maxCounters).At(path)
	}
	assumed := map[language.Counter]*amount.Amount{}
	for i, u := range all {
		used, err := amount.Parse(u.Used)
		if err != nil {
			return nil, api.Errorf(api.TypeInvalid, "%v", err).At(element(path, i) + ".used")
		}
		window, err := usage.Canonical(u.Window)
		if err != nil {
			return nil, api.Errorf(api.TypeInvalid, "%v", err).At(element(path, i) + ".window")
		}
		assumed[language.Counter{Asset: fact.Asset(u.Asset), Window: window, Scope: cmp.Or(u.Scope, string(usage.User))}] = used
	}
	return assumed, nil
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
