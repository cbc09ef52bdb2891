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

// Controls are what an organization sets beside its users.
type Controls struct {
	Frozen             Frozen      `json:"frozen"`
	Rates              Rates       `json:"rates"`
	ServerRates        ServerRates `json:"serverRates"`
	ApprovalExpiryMs   uint64      `json:"approvalExpiryMs"` // that a request waits for approvals; 0 for the server's own
	RequirePolicyTests bool        `json:"requirePolicyTests"`
	Prices             PriceRules  `json:"prices"`
	Contracts          []Contract  `json:"contracts"`
	Counters           []Counter   `json:"counters"`
}

// Counter is usage that is counted because a policy named it.
type Counter struct {
	Scope   string `json:"scope"`
	Asset   string `json:"asset"` // empty when requests are counted
	SinceMs int64  `json:"sinceMs"`
}

// Rates are requests a second, 0 for the server's own.
type Rates struct {
	Organization  uint32 `json:"organization"`
	User          uint32 `json:"user"`          // of each
	Authenticator uint32 `json:"authenticator"` // of each
}

// ServerRates are the server's.
type ServerRates struct {
	Organization uint32 `json:"organization"` // of one that sets nothing; 0 for no limit
	Maximum      uint32 `json:"maximum"`      // that one may set; 0 for any
}

// PriceRules say which prices count.
type PriceRules struct {
	MaxAgeMs uint64   `json:"maxAgeMs"` // 0 for the server's own
	Feeds    []string `json:"feeds"`    // base64url of Ed25519 keys whose statements count
	Table    []Price  `json:"table"`
}

// UpdateControlsParams change what an organization sets. What is absent or null stays; 0 goes back to the server's own.
type UpdateControlsParams struct {
	OrganizationID     string       `json:"organizationId"`
	Rates              *RatesUpdate `json:"rates,omitempty"`
	ApprovalExpiryMs   *uint64      `json:"approvalExpiryMs,omitempty"`
	RequirePolicyTests *bool        `json:"requirePolicyTests,omitempty"`
	Prices             *PriceUpdate `json:"prices,omitempty"`
}

// Organization names the organization in which the request acts.
func (p UpdateControlsParams) Organization() string { return p.OrganizationID }

// RatesUpdate changes rates.
type RatesUpdate struct {
	Organization  *uint32 `json:"organization,omitempty"`
	User          *uint32 `json:"user,omitempty"`
	Authenticator *uint32 `json:"authenticator,omitempty"`
}

// PriceUpdate changes which prices count.
type PriceUpdate struct {
	MaxAgeMs *uint64   `json:"maxAgeMs,omitempty"`
	Feeds    *[]string `json:"feeds,omitempty"` // all of them
}
