package api

// SetPricesParams say what assets cost. Root sets them; or anybody brings a statement of a feed that root named.
type SetPricesParams struct {
	OrganizationID string         `json:"organizationId"`
	Prices         []Price        `json:"prices"`
	Feed           *FeedStatement `json:"feed,omitempty"`
}

// Organization names the organization in which the request acts.
func (p SetPricesParams) Organization() string { return p.OrganizationID }

// Price is what a whole unit of an asset costs.
type Price struct {
	Asset    string `json:"asset"`          // as policies name it: ETH, SOL, or CAIP-19
	Decimals int    `json:"decimals"`       // a whole unit is 10^decimals smallest ones
	USD      string `json:"usd"`            // decimal, at most six places
	AtMs     int64  `json:"atMs,omitempty"` // in answers
}

// FeedStatement is a feed's signature over prices: Ed25519 over the text of docs/spec/policy.md.
type FeedStatement struct {
	PublicKey string `json:"publicKey"` // base64url, 32 bytes
	TimeMs    int64  `json:"timeMs"`    // of the prices
	Signature string `json:"signature"` // base64url, 64 bytes
}

// Prices are an organization's.
type Prices struct {
	Prices []Price `json:"prices"`
}

// RegisterContractParams tell the interface of a contract, so that policies read its calls by name. An empty ABI removes it.
type RegisterContractParams struct {
	OrganizationID string `json:"organizationId"`
	Chain          string `json:"chain"`   // CAIP-2, as eip155:1
	Address        string `json:"address"` // 0x and 40 hexadecimal digits
	Name           string `json:"name,omitempty"`
	ABI            Raw    `json:"abi,omitempty"` // JSON ABI, as compilers write it
}

// Organization names the organization in which the request acts.
func (p RegisterContractParams) Organization() string { return p.OrganizationID }

// Contract is a registered interface.
type Contract struct {
	Chain   string `json:"chain"`
	Address string `json:"address"`
	Name    string `json:"name"`
	ABIHash string `json:"abiHash"` // hexadecimal SHA-256 of the ABI as it was registered
}

// DryRunParams ask what a request would be answered, without any effect.
type DryRunParams struct {
	OrganizationID string  `json:"organizationId"`
	Username       string  `json:"username,omitempty"` // who would send it; the caller, unless root asks for somebody else
	Request        Request `json:"request"`            // as it would be sent; its time does not matter

	Policy Raw            `json:"policy,omitempty"` // UserPolicy that they would have; absent for the one that they have
	TimeMs *int64         `json:"timeMs,omitempty"` // when they would send it; absent for now
	Usage  []AssumedUsage `json:"usage,omitempty"`  // what would have been used; absent for what was
}

// AssumedUsage is what a request is to be judged as if it had been used before.
type AssumedUsage struct {
	Asset  string `json:"asset,omitempty"` // absent for requests
	Window string `json:"window"`          // as 24h, or day with a time zone
	Scope  string `json:"scope,omitempty"` // user unless it says otherwise
	Used   string `json:"used"`            // decimal, in the smallest unit
}

// PolicyTest is a case that a policy must decide as expected.
type PolicyTest struct {
	Name    string         `json:"name"`
	Expect  string         `json:"expect"`            // ALLOW, DENY or REQUIRE_APPROVAL
	Because string         `json:"because,omitempty"` // text that the reason must hold
	Request Request        `json:"request"`
	TimeMs  *int64         `json:"timeMs,omitempty"`
	Usage   []AssumedUsage `json:"usage,omitempty"`
}

// Organization names the organization in which the request acts.
func (p DryRunParams) Organization() string { return p.OrganizationID }

// DryRunResult is what policies say of a request.
type DryRunResult struct {
	Decision    string       `json:"decision"` // ALLOW, DENY or REQUIRE_APPROVAL
	Rule        string       `json:"rule"`
	Reason      string       `json:"reason,omitempty"`
	Effects     *Effects     `json:"effects,omitempty"`
	Explanation *Explanation `json:"explanation,omitempty"`
	Warnings    []string     `json:"warnings,omitempty"` // of the linter, about the policy that was sent along
}

// Effects are what a payload does if it is signed, as policies read it. Amounts are decimal, in the smallest unit.
type Effects struct {
	Transfers        []Movement        `json:"transfers"`
	Approvals        []Movement        `json:"approvals"`
	AuthorityChanges []AuthorityChange `json:"authorityChanges"`
	FeeMax           string            `json:"feeMax"`
	Programs         []string          `json:"programs"`
	Unknown          bool              `json:"unknown"`
}

// Movement is a transfer, or an approval of one.
type Movement struct {
	Asset  string `json:"asset"`
	From   string `json:"from"`
	To     string `json:"to"`
	Amount string `json:"amount"` // "unlimited" for an approval without limit
}

// AuthorityChange hands over control.
type AuthorityChange struct {
	Subject string `json:"subject"`
	Kind    string `json:"kind"`
	To      string `json:"to"`
}
