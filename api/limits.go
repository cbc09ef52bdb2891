package api

import "time"

// Limits of the contract and of this server.
const (
	MaxBody       = 256 << 10 // bytes of any request body
	MaxSmallBody  = 64 << 10  // bytes of the body of a method that carries no transaction, typed data or raw payload
	MaxStamp      = 16 << 10  // bytes of the header X-Phantom-Stamp
	MaxName       = 64        // characters of the name of an organization, a user, an authenticator or a wallet
	MaxTag        = 128       // characters of a tag
	MaxTags       = 32        // tags of an organization or a wallet
	MaxUsers      = 100       // users of an organization
	MaxKeys       = 10        // authenticators of a user
	MaxTraits     = 32        // traits of a user
	MaxGrantees   = 32        // organizations that one wallet is granted to
	MaxGrants     = 8         // grants of one wallet to one organization
	MaxPending    = 100       // wallets that await acceptance by one organization
	MaxAccounts   = 64        // accounts of one request
	MaxPage       = 100       // wallets of one page
	DefaultPage   = 20        // wallets of a page when no limit is given
	MaxExpiry     = 10 * 365 * 24 * time.Hour
	PendingExpiry = 7 * 24 * time.Hour // how long a transfer awaits acceptance
	ImportWindow  = 15 * time.Minute   // how long an import envelope can be used
	MaxFrozen     = 1000               // users, and wallets, that are frozen one by one in an organization
	MinControl    = time.Second        // the least time that an organization may set
	MaxControl    = 30 * 24 * time.Hour
	MaxImports    = 64               // import envelopes of an organization that wait to be used
	RequestWindow = 5 * time.Minute  // how far timestampMs may be from the server's time
	ReplayWindow  = 11 * time.Minute // how long the answer to a request is remembered
)

// The headers of the contract.
const (
	HeaderStamp   = "X-Phantom-Stamp"
	HeaderReceipt = "X-Redoubt-Receipt"
)
