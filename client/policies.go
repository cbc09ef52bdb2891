package client

import (
	"context"

	"github.com/redoubt-kms/redoubt/api"
)

// DryRun asks what a request would be answered, without any effect: by the caller's policy, another user's if root asks,
// or by one that nobody has yet.
func (c *Client) DryRun(ctx context.Context, p api.DryRunParams) (api.DryRunResult, error) {
	p.OrganizationID = c.Organization
	return call[api.DryRunResult](ctx, c, api.DryRun, p)
}

// SetPrices says what assets cost. It takes policy ROOT, or the statement of a feed that root named.
func (c *Client) SetPrices(ctx context.Context, prices []api.Price, feed *api.FeedStatement) (api.Prices, error) {
	return call[api.Prices](ctx, c, api.SetPrices, api.SetPricesParams{OrganizationID: c.Organization, Prices: prices, Feed: feed})
}

// RegisterContract tells the interface of a contract, a JSON ABI, so that policies read its calls by name. It takes policy
// ROOT. Without ABI the contract is forgotten.
func (c *Client) RegisterContract(ctx context.Context, contract api.RegisterContractParams) (api.Contract, error) {
	contract.OrganizationID = c.Organization
	return call[api.Contract](ctx, c, api.RegisterContract, contract)
}

// ReplayPolicy says which decisions about a user's past requests another policy would have changed.
func (c *Client) ReplayPolicy(ctx context.Context, p api.ReplayPolicyParams) (api.PolicyReplay, error) {
	p.OrganizationID = c.Organization
	return call[api.PolicyReplay](ctx, c, api.ReplayPolicy, p)
}
