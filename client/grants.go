package client

import (
	"context"

	"github.com/redoubt-kms/redoubt/api"
)

// IdentityOrganization gets the organization that belongs to the client's own key, and makes it when there is none.
func (c *Client) IdentityOrganization(ctx context.Context) (api.Organization, error) {
	return call[api.Organization](ctx, c, api.GetOrCreatePhantomOrganization, api.PhantomOrganizationParams{})
}

// FindIdentityOrganization gets the organization that belongs to the client's own key, or nil.
func (c *Client) FindIdentityOrganization(ctx context.Context) (*api.Organization, error) {
	return call[*api.Organization](ctx, c, api.GetPhantomOrganization, api.PhantomOrganizationParams{})
}

// Grant lets another organization use a wallet; with a name, for requests that name it, else for those that name none.
// What transactions holds, an api.TransactionPolicy in JSON unless it is nil, bounds the transactions of the grant.
func (c *Client) Grant(ctx context.Context, target, wallet, name string, policy, transactions api.Raw) (api.Grant, error) {
	p := api.GrantParams{
		OwnerOrganizationID: c.Organization, TargetOrganizationID: target, WalletID: wallet, PolicyName: name, Policy: policy,
		TransactionPolicy: transactions,
	}
	return call[api.Grant](ctx, c, api.GrantOrganizationAccess, p)
}

// Revoke ends a grant. Once it returns, nothing is signed by it any more.
func (c *Client) Revoke(ctx context.Context, target, wallet, name string) (api.Grant, error) {
	p := api.RevokeParams{OwnerOrganizationID: c.Organization, TargetOrganizationID: target, WalletID: wallet, TargetPolicyName: name}
	return call[api.Grant](ctx, c, api.RevokeOrganizationAccess, p)
}

// Grants lists the grants of an owner's wallet to an organization; the client is a member of one of the two.
func (c *Client) Grants(ctx context.Context, owner, target, wallet string) (api.Grants, error) {
	p := api.GrantsParams{OwnerOrganizationID: owner, TargetOrganizationID: target, WalletID: wallet}
	return call[api.Grants](ctx, c, api.GetWalletAccessGrants, p)
}

// Transfer gives a wallet to another organization. What retain holds, unless it is nil, the client's organization may
// still do. With awaitAcceptance nothing changes until the other one accepts.
func (c *Client) Transfer(ctx context.Context, target, wallet string, retain api.Raw, awaitAcceptance bool) (api.Grant, error) {
	p := api.TransferParams{
		OwnerOrganizationID: c.Organization, TargetOrganizationID: target, WalletID: wallet, RetainPolicy: retain, AwaitAcceptance: awaitAcceptance,
	}
	return call[api.Grant](ctx, c, api.TransferOrganizationWallet, p)
}

// PendingTransfers lists the wallets that the client's organization may accept.
func (c *Client) PendingTransfers(ctx context.Context) ([]api.PendingMigration, error) {
	list, err := call[api.PendingMigrations](ctx, c, api.ListPendingMigrations, api.OrganizationParams{OrganizationID: c.Organization})
	return list.PendingMigrations, err
}

// AcceptTransfer takes a wallet that awaits acceptance.
func (c *Client) AcceptTransfer(ctx context.Context, migration string) (api.Grant, error) {
	return call[api.Grant](ctx, c, api.CompleteWalletTransfer, api.CompleteTransferParams{OrganizationID: c.Organization, MigrationID: migration})
}
