package wire

// Counters tell how much each enclave did since it started, and how much it holds. They tell nothing of whom: no name,
// no identifier, no amount. The host asks the policy engine, which asks the others.
const (
	KindCertifierCounters Kind = 16 // Empty → CertifierCounters
	KindSignerCounters    Kind = 23 // Empty → SignerCounters
	KindCounters          Kind = 34 // Empty → PolicyCounters
)

// PolicyCounters are those of the policy engine, with those of the enclaves that answer it.
type PolicyCounters struct {
	_ struct{} `cbor:",toarray"`
	// Of the log, counted when an entry is stored.
	Allowed uint64 // entries of what was allowed
	Denied  uint64 // entries of denials by policy
	Commits uint64
	Changed uint64 // records that were stored, each once a commit
	// Of caches.
	Repeated      uint64 // requests that were sent before
	RecordHits    uint64
	RecordMisses  uint64
	AccountHits   uint64
	AccountMisses uint64
	// Of the moment.
	Queued     uint64 // entries that wait for a commit
	Records    uint64 // in the index
	IndexBytes uint64 // of the index's items, without the tree that holds them
	HeadIndex  uint64 // newest stored head
	LogSize    uint64 // its entries
	HeadTime   uint64 // of the newest receipt, Unix milliseconds

	Signer    *SignerCounters    // nil when it does not answer
	Certifier *CertifierCounters // nil when it does not answer
}

// SignerCounters are those of the signer.
type SignerCounters struct {
	_                  struct{} `cbor:",toarray"`
	Ed25519            uint64   // orders signed, by algorithm: a Bitcoin transaction is one, whatever its inputs
	Secp256k1          uint64
	Secp256k1Keccak256 uint64
	Secp256k1Schnorr   uint64
	Secp256r1          uint64
	Unsigned           uint64 // orders that it did not sign
	SeedHits           uint64 // wallets that it held opened
	SeedMisses         uint64
	Held               uint64 // wallets that it holds opened now
}

// CertifierCounters are those of the certifier.
type CertifierCounters struct {
	_        struct{} `cbor:",toarray"`
	Anchors  uint64   // times that the anchor moved
	Heads    uint64   // heads that it moved along
	Receipts uint64   // receipts, also those that only tell the time
	Admitted uint64   // enclaves
	Refused  uint64   // evidence that did not fit
	// Of logins.
	Begun      uint64 // challenges
	Passkeys   uint64 // people who signed in, by the way
	Outside    uint64 // by the token of an outside provider
	Codes      uint64 // by a code that was sent
	Unsigned   uint64 // evidence of people that did not hold
	Authorized uint64 // sessions of apps
	Minted     uint64 // times that tokens were made
	Keys       uint64 // sets of keys that were fetched
	KeysFailed uint64 // that could not be
}
