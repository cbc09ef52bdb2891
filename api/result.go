package api

// Organization is the unit of access control.
type Organization struct {
	OrganizationID       string   `json:"organizationId"`
	OrganizationName     string   `json:"organizationName"`
	ParentOrganizationID string   `json:"parentOrganizationId,omitempty"`
	Tags                 []string `json:"tags"`
	Users                []User   `json:"users"`
}

// User acts within an organization.
type User struct {
	Username       string            `json:"username"`
	Policy         UserPolicy        `json:"policy"`
	Authenticators []Authenticator   `json:"authenticators"`
	Traits         map[string]string `json:"traits,omitempty"`
	CreatedAtMs    int64             `json:"createdAtMs"`           // Unix milliseconds
	ExpiresAtMs    *int64            `json:"expiresAtMs,omitempty"` // Unix milliseconds
}

// Authenticator is a registered key.
type Authenticator struct {
	ID                string    `json:"id"`
	AuthenticatorName string    `json:"authenticatorName"`
	AuthenticatorKind string    `json:"authenticatorKind"`
	PublicKey         string    `json:"publicKey,omitempty"` // base64url
	Algorithm         Algorithm `json:"algorithm,omitempty"`
	CreatedAtMs       string    `json:"createdAtMs"`           // RFC 3339, as the contract types it
	ExpiresAtMs       string    `json:"expiresAtMs,omitempty"` // RFC 3339

	// Of kind passkey, base64url: what was registered, in its shortest form.
	CredentialID      string   `json:"credentialId,omitempty"`
	AttestationObject string   `json:"attestationObject,omitempty"`
	ClientDataJSON    string   `json:"clientDataJSON,omitempty"`
	Transports        []string `json:"transports,omitempty"`

	TokenSource // of kind oidc
}

// Wallet is a wallet with the accounts that were asked for.
type Wallet struct {
	WalletID   string    `json:"walletId"`
	WalletName string    `json:"walletName"`
	Tags       []string  `json:"tags"`
	Type       string    `json:"type"`              // MNEMONIC or KEYPAIR
	Accounts   []Account `json:"accounts,omitzero"` // of a mnemonic wallet
	Account    *Account  `json:"account,omitempty"` // of a keypair wallet
}

// The types of wallets.
const (
	WalletMnemonic = "MNEMONIC"
	WalletKeypair  = "KEYPAIR"
)

// Account is a derived key with its address.
type Account struct {
	Curve          Curve         `json:"curve"`
	DerivationPath string        `json:"derivationPath,omitempty"`
	AddressFormat  AddressFormat `json:"addressFormat"`
	Address        string        `json:"address"`
	PublicKey      string        `json:"publicKey"` // base58
}

// Wallets is a page of wallets in the order of their creation.
type Wallets struct {
	Wallets    []Wallet `json:"wallets"`
	TotalCount int      `json:"totalCount"`
	Limit      int      `json:"limit"`
	Offset     int      `json:"offset"`
}

// Signature is the result of signing a message or typed data.
type Signature struct {
	Signature string `json:"signature"` // base64url
	Address   string `json:"address"`
	PublicKey string `json:"publicKey"` // base58
}

// ImportEnvelope is a key to encrypt a secret to, and what the server needs to open it. It is used once.
type ImportEnvelope struct {
	Envelope  string `json:"envelope"`  // base64; opaque
	PublicKey string `json:"publicKey"` // base64
}

// ExportedWallet is a wallet's secret, encrypted to the key that asked for it.
type ExportedWallet struct {
	EncryptedBundle string `json:"encryptedBundle"` // base64, docs/spec/envelope.md
}

// SignedTransaction is the result of signTransaction.
type SignedTransaction struct {
	Kind              string `json:"kind"`                        // SOLANA, ETHEREUM, BITCOIN or SUI
	Transaction       string `json:"transaction"`                 // base64url of the serialized signed transaction
	RawTransactionHex string `json:"rawTransactionHex,omitempty"` // of EVM with 0x; of Bitcoin as networks take it, when every input is final
	TransactionID     string `json:"transactionId,omitempty"`     // of Bitcoin, when every input is final
	Signature         string `json:"signature,omitempty"`
	Address           string `json:"address"`
	PublicKey         string `json:"publicKey"` // base58
}

// Prepared is the answer of POST /prepare.
type Prepared struct {
	Transaction string `json:"transaction"`
}

// Simulation is the answer of POST /simulations. It is a node's word.
type Simulation struct {
	Success       bool     `json:"success"`
	SimulationID  string   `json:"simulationId"`
	Logs          []string `json:"logs,omitempty"`          // of Solana
	UnitsConsumed *uint64  `json:"unitsConsumed,omitempty"` // compute units, or gas
	Error         string   `json:"error,omitempty"`
}
