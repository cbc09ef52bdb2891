package api

// FreezeParams name what to freeze, or to free again: a user, a wallet, or with neither the organization.
type FreezeParams struct {
	OrganizationID string  `json:"organizationId"`
	Username       *string `json:"username,omitempty"`
	WalletID       *string `json:"walletId,omitempty"`
}

// Organization names the organization in which the request acts.
func (p FreezeParams) Organization() string { return p.OrganizationID }

// Frozen is what is frozen in an organization.
type Frozen struct {
	Organization bool     `json:"organization"` // as a whole
	Usernames    []string `json:"usernames"`
	WalletIDs    []string `json:"walletIds"`
}
