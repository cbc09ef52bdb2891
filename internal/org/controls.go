package org

import (
	"slices"

	"github.com/redoubt-kms/redoubt/proof"
)

// Controls is the record of what an organization sets beside its users: what is frozen, how fast it may ask, what
// things cost, which contracts it knows and which usage it counts. An organization that never set anything has none.
type Controls struct {
	_       struct{} `cbor:",toarray"`
	Version uint8    // SchemaVersion
	Frozen  Frozen
	Rates   Rates
	Prices  Prices
	// Contracts whose calls policies can read by name, in the order of chain and address.
	Contracts []Contract
	// Counters are kept from when a policy first named them, in the order of scope and asset.
	Counters       []Counter
	RequireTests   bool   // a policy is taken only with tests of its own that hold
	ApprovalExpiry uint64 // milliseconds that a request waits for approvals; 0 for the default
}

// Frozen is what nobody may use.
type Frozen struct {
	_            struct{} `cbor:",toarray"`
	Organization bool
	Users        []string   // in order
	Wallets      []proof.ID // in order
}

// Rates are requests a second, 0 for the server's own.
type Rates struct {
	_             struct{} `cbor:",toarray"`
	Organization  uint32
	User          uint32
	Authenticator uint32
}

// Prices value assets in US dollars.
type Prices struct {
	_      struct{} `cbor:",toarray"`
	MaxAge uint64   // milliseconds after which a price counts no more; 0 for the default
	Feeds  [][]byte // Ed25519 keys that may set prices, 32 bytes each
	Table  []Price  // in the order of assets
}

// Price is what a whole unit of an asset costs.
type Price struct {
	_        struct{} `cbor:",toarray"`
	Asset    string   // as effects name it
	Decimals uint8    // of the asset: a whole unit is 10^Decimals smallest ones
	MicroUSD uint64   // millionths of a dollar for a whole unit
	At       uint64   // Unix milliseconds
}

// Contract is the interface of a smart contract.
type Contract struct {
	_       struct{} `cbor:",toarray"`
	Chain   string   // CAIP-2, as "eip155:1"
	Address string   // lower case
	Name    string
	Hash    proof.Hash // SHA-256 of ABI
	ABI     []byte     // JSON, as it was registered
}

// Counter names usage that is counted.
type Counter struct {
	_     struct{} `cbor:",toarray"`
	Scope string   // user, authenticator, wallet, destination, organization
	Asset string   // as policies name it; empty counts requests
	Since uint64   // Unix milliseconds
}

// Holds says whether a user or a wallet is frozen, alone or with its organization.
func (f Frozen) Holds(username string, wallet proof.ID) bool {
	return f.Organization || slices.Contains(f.Users, username) || wallet != (proof.ID{}) && slices.Contains(f.Wallets, wallet)
}

// Speeds gives the rates; none where nothing was ever set.
func (c *Controls) Speeds() Rates {
	if c == nil {
		return Rates{}
	}
	return c.Rates
}
