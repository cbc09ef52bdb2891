package policy

import (
	"context"
	"errors"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain/solana"
	"github.com/redoubt-kms/redoubt/internal/id"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/permit"
	"github.com/redoubt-kms/redoubt/internal/rule"
	"github.com/redoubt-kms/redoubt/internal/wire"
)

// prepare serves POST /prepare: it checks that the caller could have the transaction signed and returns it unchanged.
// It changes nothing: its body carries no time, so its stamp can be sent again by whoever sees it.
func (e *Engine) prepare(ctx context.Context, request wire.Request) answer {
	c := &caller{body: request.Body, request: hashOf(request.Body), requestID: id.Random(), method: prepareMethod, compilations: e.compilations, fence: e.rebase.begin}
	a, err := e.prepared(ctx, c, request.Stamp)
	if err != nil {
		return failure(err, c.requestID)
	}
	return a
}

// enterPlain reads a body without method and time, and authenticates the caller.
func enterPlain[P scoped](ctx context.Context, e *Engine, c *caller, header string) (P, error) {
	var params P
	if err := e.checkStamp(c, header); err != nil {
		return params, err
	}
	if err := decode(c.body, &params, ""); err != nil {
		return params, err
	}
	if c.stamp == nil {
		return params, unauthenticated()
	}
	var err error
	if c.now, err = e.clock.now(); err != nil {
		return params, err
	}
	if c.organization, err = parseID(params.Organization(), "organizationId"); err != nil {
		return params, err
	}
	if err := e.authenticate(ctx, c); err != nil {
		return params, err
	}
	return params, e.limiter.allow(c)
}

func (e *Engine) prepared(ctx context.Context, c *caller, header string) (answer, error) {
	params, err := enterPlain[api.PrepareParams](ctx, e, c, header)
	if err != nil {
		return answer{}, err
	}
	b, err := base64Bytes(params.Transaction, "transaction")
	if err != nil {
		return answer{}, err
	}
	tx, err := solana.Parse(b)
	if err != nil {
		return answer{}, api.Errorf(api.TypeTransaction, "does not parse: %v", err).At("transaction")
	}
	d, err := e.preparable(ctx, c, params, tx)
	if err != nil {
		return answer{}, err
	}
	if !d.Allowed {
		denied := &api.Error{}
		if err := c.denial(d); errors.As(err, &denied) && denied.Type == api.TypeSpendingLimit {
			return answer{}, err
		}
		blocked := api.Errorf(api.TypeBlocked, "%s", denied.Message)
		blocked.ScannerResult, blocked.Explanation = &api.ScannerResult{Rule: d.Rule, Reason: d.Reason}, denied.Explanation
		return answer{}, blocked
	}
	var text string
	if err := decode(params.Transaction, &text, "transaction"); err != nil {
		return answer{}, err
	}
	return c.complete(success(api.Prepared{Transaction: text})), nil
}

// preparable asks whether the caller could have a transaction signed. The body names no wallet, and the account only to
// simulate with; a connection has one wallet.
func (e *Engine) preparable(ctx context.Context, c *caller, params api.PrepareParams, tx *solana.Transaction) (rule.Decision, error) {
	wallet := c.member.User.Policy.Wallet
	q := rule.Question{Wallet: wallet}
	if !c.member.User.Policy.ByRules() {
		return c.ask(q), nil
	}
	held, err := e.wallet(ctx, c.organization, wallet)
	if err != nil {
		return rule.Decision{}, err
	}
	from := access{by: c.organization, wallet: held}
	if q.Held = held.value; held.value == nil {
		from.wallet.value = &org.Wallet{} // rules that read the wallet will not find it
	}
	payer := tx.FeePayer()
	s := &signature{intent: intent{kind: permit.PayloadSolana, parsed: tx}, account: wire.Account{PublicKey: payer[:], Address: payer.String()}}
	if c := params.SimulationConfig; c != nil {
		if key, err := solana.ParseKey(c.Account); err == nil {
			s.account = wire.Account{PublicKey: key[:], Address: c.Account}
		}
	}
	if n := params.SubmissionConfig; n != nil {
		s.intent.network = n.Chain + "/" + n.Network
	}
	d, _, err := e.wouldAllow(ctx, c, from, q, s)
	return d, err
}
