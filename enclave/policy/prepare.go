package policy

import (
	"context"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain/solana"
	"github.com/redoubt-kms/redoubt/internal/id"
	"github.com/redoubt-kms/redoubt/internal/rule"
	"github.com/redoubt-kms/redoubt/internal/wire"
)

// prepare serves POST /prepare: it checks that the caller could have the transaction signed and returns it unchanged.
// It changes nothing: its body carries no time, so its stamp can be sent again by whoever sees it.
func (e *Engine) prepare(ctx context.Context, request wire.Request) answer {
	c := &caller{body: request.Body, request: hashOf(request.Body), requestID: id.Random(), method: prepareMethod}
	a, err := e.prepared(ctx, c, request.Stamp)
	if err != nil {
		return failure(err, c.requestID)
	}
	return a
}

// enterPlain reads a body without method and time, and authenticates the caller.
func enterPlain[P scoped](ctx context.Context, e *Engine, c *caller, header string) (P, error) {
	var params P
	if err := c.checkStamp(header); err != nil {
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
	wallet := c.member.User.Policy.Wallet // /prepare names no wallet; a connection has only one
	if d := c.ask(rule.Question{Wallet: wallet}); !d.Allowed {
		blocked := api.Errorf(api.TypeBlocked, "%v", c.denial(d))
		blocked.ScannerResult = &api.ScannerResult{Rule: d.Rule, Reason: d.Reason}
		return answer{}, blocked
	}
	b, err := base64Bytes(params.Transaction, "transaction")
	if err != nil {
		return answer{}, err
	}
	if _, err := solana.Parse(b); err != nil {
		return answer{}, api.Errorf(api.TypeTransaction, "does not parse: %v", err).At("transaction")
	}
	var text string
	if err := decode(params.Transaction, &text, "transaction"); err != nil {
		return answer{}, err
	}
	return c.complete(success(api.Prepared{Transaction: text})), nil
}
