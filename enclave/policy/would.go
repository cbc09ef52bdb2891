package policy

import (
	"context"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/ledger"
	"github.com/redoubt-kms/redoubt/internal/rule"
	"github.com/redoubt-kms/redoubt/internal/rule/fact"
)

// wouldDecide asks the policies about a request of the caller without any effect. The facts are nil of what signs nothing.
func (e *Engine) wouldDecide(ctx context.Context, c *caller, params []byte) (rule.Decision, *fact.Facts, error) {
	if len(params) == 0 {
		return rule.Decision{}, nil, missing("params.request.params")
	}
	switch c.method { //nolint:exhaustive // the others sign nothing
	case api.SignUtf8Message:
		return wouldSign(ctx, e, c, params, e.utf8Message)
	case api.EthereumSignMessage:
		return wouldSign(ctx, e, c, params, e.personalMessage)
	case api.EthereumSignTypedData:
		return wouldSign(ctx, e, c, params, e.typedData)
	case api.SignRawPayload:
		return wouldSign(ctx, e, c, params, e.rawPayload)
	case api.SignTransaction:
		return wouldSign(ctx, e, c, params, e.transaction)
	}
	q, err := e.plainQuestion(ctx, c, params)
	if err != nil {
		return rule.Decision{}, nil, err
	}
	return c.ask(q), nil, nil
}

// wouldSign asks about a signature.
func wouldSign[P signingParams](ctx context.Context, e *Engine, c *caller, raw []byte, read func(*P, account) (intent, error)) (rule.Decision, *fact.Facts, error) {
	var params P
	if err := decode(raw, &params, "params.request.params"); err != nil {
		return rule.Decision{}, nil, err
	}
	if params.Organization() != uuid(c.organization) {
		return rule.Decision{}, nil, api.Errorf(api.TypeInvalid, "is not the organization that is asked").At("params.request.params.organizationId")
	}
	from, a, err := e.signingAccount(ctx, c, params.Target())
	if err != nil {
		return rule.Decision{}, nil, err
	}
	in, err := read(&params, a)
	if err != nil {
		return rule.Decision{}, nil, err
	}
	in.network = network(any(&params))
	own, err := e.ownAccount(ctx, from.wallet.value, a, in)
	if err != nil {
		return rule.Decision{}, nil, err
	}
	return e.wouldAllow(ctx, c, from, from.question(a), &signature{intent: in, account: own})
}

// wouldAllow is decide without an effect: counters are looked at, not reserved.
func (e *Engine) wouldAllow(ctx context.Context, c *caller, from access, q rule.Question, s *signature) (rule.Decision, *fact.Facts, error) {
	q, facts, all := e.prepareQuestion(c, from, q, s)
	for {
		if err := all.fetch(ctx); err != nil {
			return rule.Decision{}, nil, err
		}
		if !all.take() {
			continue
		}
		d := c.judge(q, s.intent).Explained()
		if d.Allowed && c.history != nil {
			for _, m := range all {
				if err := m.remember(); err != nil {
					return rule.Decision{Rule: "limits", Reason: err.Error()}, facts, nil //nolint:nilerr // it is the decision
				}
			}
		}
		return d, facts, nil
	}
}

// plainQuestion is what policies are asked about a request that signs nothing.
func (e *Engine) plainQuestion(ctx context.Context, c *caller, raw []byte) (rule.Question, error) {
	const path = "params.request.params"
	var members map[string]api.Raw
	if err := decode(raw, &members, path); err != nil {
		return rule.Question{}, err
	}
	var user struct{ Username string }
	text := map[string]string{}
	for _, name := range []string{"walletId", "username", "policyName", "publicKey"} {
		if value, there := members[name]; there && value.Given() {
			var one string
			if err := decode(value, &one, path+"."+name); err != nil {
				return rule.Question{}, err
			}
			text[name] = one
		}
	}
	if added, there := members["user"]; there {
		var one map[string]api.Raw
		if err := decode(added, &one, path+".user"); err != nil {
			return rule.Question{}, err
		}
		if err := decode(one["username"], &user.Username, path+".user.username"); err != nil {
			return rule.Question{}, err
		}
	}
	q := rule.Question{Method: c.method, Target: text["username"] + user.Username, Recipient: recipientKey(text["publicKey"]), PolicyName: text["policyName"]}
	wallet := text["walletId"]
	if wallet == "" {
		return q, nil
	}
	from, err := e.reach(ctx, c, wallet, q.PolicyName)
	if err != nil {
		return q, err
	}
	asked := from.question(account{})
	asked.Method, asked.Target, asked.Recipient = q.Method, q.Target, q.Recipient
	return asked, nil
}

// effectsResult writes effects of the log for people.
func effectsResult(e ledger.Effects) *api.Effects {
	result := &api.Effects{
		Transfers: movements(e.Transfers), Approvals: movements(e.Approvals), AuthorityChanges: []api.AuthorityChange{},
		FeeMax: e.FeeMax, Programs: append([]string{}, e.Programs...), Unknown: e.Unknown,
	}
	for _, a := range e.Authority {
		result.AuthorityChanges = append(result.AuthorityChanges, api.AuthorityChange{Subject: a.Subject, Kind: a.Kind, To: a.To})
	}
	return result
}

func movements(all []ledger.Movement) []api.Movement {
	result := make([]api.Movement, len(all))
	for i, m := range all {
		result[i] = api.Movement{Asset: m.Asset, From: m.From, To: m.To, Amount: m.Amount}
	}
	return result
}
