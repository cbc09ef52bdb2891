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

// Controls reads what the organization sets beside its users.
func (c *Client) Controls(ctx context.Context) (api.Controls, error) {
	return call[api.Controls](ctx, c, api.GetOrganizationControls, api.OrganizationParams{OrganizationID: c.Organization})
}

// UpdateControls changes the settings that the update names. It takes policy ROOT.
func (c *Client) UpdateControls(ctx context.Context, update api.UpdateControlsParams) (api.Controls, error) {
	update.OrganizationID = c.Organization
	return call[api.Controls](ctx, c, api.UpdateOrganizationControls, update)
}
