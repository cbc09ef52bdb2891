package client

import (
	"context"

	"github.com/redoubt-kms/redoubt/api"
)

// Target is what is frozen or freed: a user, a wallet, or, when it is empty, the organization.
type Target struct {
	Username string
	WalletID string
}

func (t Target) params(organization string) api.FreezeParams {
	p := api.FreezeParams{OrganizationID: organization}
	if t.Username != "" {
		p.Username = &t.Username
	}
	if t.WalletID != "" {
		p.WalletID = &t.WalletID
	}
	return p
}

// Freeze stops a user, a wallet or the whole organization. Once it returns, nothing more is signed by or with it, until
// somebody with policy ROOT lifts it. It returns all that is frozen.
func (c *Client) Freeze(ctx context.Context, what Target) (api.Frozen, error) {
	return call[api.Frozen](ctx, c, api.Freeze, what.params(c.Organization))
}

// Unfreeze lifts a freeze. It takes policy ROOT.
func (c *Client) Unfreeze(ctx context.Context, what Target) (api.Frozen, error) {
	return call[api.Frozen](ctx, c, api.Unfreeze, what.params(c.Organization))
}
