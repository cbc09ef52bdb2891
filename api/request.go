package api

// Request is the envelope of every call: a POST body stamped as a whole.
type Request struct {
	Method      Method `json:"method"`
	Params      Raw    `json:"params"`
	TimestampMs int64  `json:"timestampMs"` // Unix milliseconds
}

// CreateOrganizationParams create an organization with its first users.
type CreateOrganizationParams struct {
	OrganizationName     string    `json:"organizationName"`
	ParentOrganizationID string    `json:"parentOrganizationId,omitempty"` // the stamp is then by somebody who may found for the parent
	Users                []NewUser `json:"users"`
	Tags                 []string  `json:"tags,omitempty"`
}

// NewUser is a user to create.
type NewUser struct {
	Username       string             `json:"username"`
	Authenticators []NewAuthenticator `json:"authenticators"`
	Policy         Raw                `json:"policy"` // UserPolicy
	Traits         map[string]string  `json:"traits,omitempty"`
	ExpiresInMs    *int64             `json:"expiresInMs,omitempty"`
}

// UserPolicy says what a user may do: ROOT, or CEL by a preset.
type UserPolicy struct {
	Type      string `json:"type"`                // ROOT or CEL
	Preset    string `json:"preset,omitempty"`    // ALLOW_ALL, DENY_ALL, LEGACY_USER_ROLE, DAPP_CONNECTION_USER
	WalletID  string `json:"walletId,omitempty"`  // of DAPP_CONNECTION_USER
	USDLimit  Raw    `json:"usdLimit,omitempty"`  // USDLimit
	Rules     Raw    `json:"rules,omitempty"`     // list of PolicyRule, of a full policy
	Constants Raw    `json:"constants,omitempty"` // list of PolicyConstant
	Tests     Raw    `json:"tests,omitempty"`     // list of PolicyTest, where the organization requires them

	Warnings []string `json:"warnings,omitempty"` // in answers: what the linter says of the rules
}

// PolicyRule is one rule of a full policy.
type PolicyRule struct {
	Expression  string           `json:"expression"` // CEL, docs/spec/policy.md
	Outcome     string           `json:"outcome"`    // ALLOW, DENY or REQUIRE_APPROVAL
	Comment     string           `json:"comment"`
	Approvals   []PolicyApproval `json:"approvals,omitempty"`   // of REQUIRE_APPROVAL: all of them are needed
	ExpiresInMs int64            `json:"expiresInMs,omitempty"` // how long a request waits for them
}

// PolicyApproval says how many users must approve, and with which tag.
type PolicyApproval struct {
	Required int    `json:"required"`
	Tag      string `json:"tag,omitempty"`
}

// PolicyConstant is a value that rules use by name.
type PolicyConstant struct {
	Name    string `json:"name"`
	Value   Raw    `json:"value"` // text, whole number, boolean, or list or object of them
	Comment string `json:"comment"`
}

// USDLimit bounds what a connection spends in a day. The memory account is the one of Lighthouse that clients name; the
// limit itself is kept by the policy engine.
type USDLimit struct {
	UsdCentsLimitPerDay int64  `json:"usdCentsLimitPerDay"`
	MemoryAccount       string `json:"memoryAccount"`
	MemoryID            int    `json:"memoryId"`
	MemoryBump          int    `json:"memoryBump"`
}

// NewAuthenticator is a key to register. PublicKey is a base64url string as clients send it, or the array of bytes
// that the published contract types it as.
type NewAuthenticator struct {
	AuthenticatorName string    `json:"authenticatorName"`
	AuthenticatorKind string    `json:"authenticatorKind"` // keypair, passkey or oidc
	PublicKey         Raw       `json:"publicKey,omitempty"`
	Algorithm         Algorithm `json:"algorithm,omitempty"`
	ExpiresInMs       *int64    `json:"expiresInMs,omitempty"`

	// Of kind passkey, base64url: what the browser's credential says, as it came.
	CredentialID      string   `json:"credentialId,omitempty"`
	AttestationObject string   `json:"attestationObject,omitempty"`
	ClientDataJSON    string   `json:"clientDataJSON,omitempty"`
	Transports        []string `json:"transports,omitempty"`

	TokenSource // of kind oidc
}

// TokenSource says which tokens an authenticator of kind oidc takes: exactly one of the first three says which keys sign them.
type TokenSource struct {
	JWKSet        Raw            `json:"jwkSet,omitempty"`
	JWKSURL       string         `json:"jwksUrl,omitempty"`
	IssuerURL     string         `json:"issuerUrl,omitempty"`
	IDTokenClaims *IDTokenClaims `json:"idTokenClaims,omitempty"`
}

// TakesTokens says whether anything of it is there.
func (s TokenSource) TakesTokens() bool {
	return s.JWKSet.Given() || s.JWKSURL != "" || s.IssuerURL != "" || s.IDTokenClaims != nil
}

// IDTokenClaims are what tokens must say.
type IDTokenClaims struct {
	Subject  string   `json:"sub"`
	Issuer   string   `json:"iss,omitempty"`
	Audience []string `json:"aud,omitempty"` // of which the token names one
}

// OrganizationParams name an organization.
type OrganizationParams struct {
	OrganizationID string `json:"organizationId"`
}

// AddUserParams add a user.
type AddUserParams struct {
	OrganizationID   string  `json:"organizationId"`
	ReplaceExpirable bool    `json:"replaceExpirable,omitempty"`
	User             NewUser `json:"user"`
}

// UpdateUserParams change a user's policy and traits. What is absent stays.
type UpdateUserParams struct {
	OrganizationID string            `json:"organizationId"`
	Username       string            `json:"username"`
	NewPolicy      Raw               `json:"newPolicy,omitempty"` // UserPolicy
	AddTraits      map[string]string `json:"addTraits,omitempty"` // a trait that is there gets the new value
	RemoveTraits   []string          `json:"removeTraits,omitempty"`
}

// DeleteUserParams remove a user with all of their keys.
type DeleteUserParams struct {
	OrganizationID string `json:"organizationId"`
	Username       string `json:"username"`
}

// CreateAuthenticatorParams register a key for a user.
type CreateAuthenticatorParams struct {
	OrganizationID    string           `json:"organizationId"`
	Username          string           `json:"username"`
	AuthenticatorName string           `json:"authenticatorName,omitempty"` // sent by clients beside the one inside
	Authenticator     NewAuthenticator `json:"authenticator"`
	ReplaceExpirable  bool             `json:"replaceExpirable,omitempty"`
}

// UpdateAuthenticatorParams rename a key or move its expiry. What is absent stays.
type UpdateAuthenticatorParams struct {
	OrganizationID  string              `json:"organizationId"`
	Username        string              `json:"username"`
	AuthenticatorID string              `json:"authenticatorId"`
	Authenticator   AuthenticatorUpdate `json:"authenticator"`
}

// AuthenticatorUpdate is what may change of an authenticator.
type AuthenticatorUpdate struct {
	AuthenticatorName *string `json:"authenticatorName,omitempty"`
	ExpiresInMs       *int64  `json:"expiresInMs,omitempty"` // from now
}

// PhantomOrganizationParams may repeat the key of the stamp, base64url.
type PhantomOrganizationParams struct {
	PublicKey string `json:"publicKey,omitempty"`
}

// DeleteAuthenticatorParams remove a key.
type DeleteAuthenticatorParams struct {
	OrganizationID  string `json:"organizationId"`
	Username        string `json:"username"`
	AuthenticatorID string `json:"authenticatorId"`
}

// CreateWalletParams create a wallet: by a mnemonic, or, when Curve is present, by one keypair.
type CreateWalletParams struct {
	OrganizationID string   `json:"organizationId"`
	WalletName     string   `json:"walletName"`
	Tags           []string `json:"tags,omitempty"`
	WalletParameters
}

// WalletParameters say which secret a wallet has and which of its accounts are wanted.
type WalletParameters struct {
	Accounts       []Raw         `json:"accounts,omitempty"`       // DerivationInfo or path
	MnemonicLength *int          `json:"mnemonicLength,omitempty"` // words: 12, 15, 18, 21 or 24
	Curve          Curve         `json:"curve,omitempty"`          // Ed25519 or K256
	AddressFormat  AddressFormat `json:"addressFormat,omitempty"`
}

// TaggedWalletParams get, or get or create, the wallet with a tag.
type TaggedWalletParams struct {
	OrganizationID  string `json:"organizationId"`
	WalletName      string `json:"walletName,omitempty"`
	Tag             string `json:"tag"`
	DerivationPaths []Raw  `json:"derivationPaths,omitempty"` // clients send these instead of accounts
	WalletParameters
}

// WalletsParams list wallets.
type WalletsParams struct {
	OrganizationID string `json:"organizationId"`
	Limit          *int   `json:"limit,omitempty"`
	Offset         *int   `json:"offset,omitempty"`
}

// AccountsParams name a wallet and the accounts to derive.
type AccountsParams struct {
	OrganizationID string `json:"organizationId"`
	WalletID       string `json:"walletId"`
	Accounts       []Raw  `json:"accounts"` // DerivationInfo or path
	PolicyName     string `json:"policyName,omitempty"`
}

// DerivationInfo names an account of a wallet. On the wire it is this object or the path alone.
type DerivationInfo struct {
	DerivationPath string        `json:"derivationPath"`
	Curve          Curve         `json:"curve,omitempty"`
	AddressFormat  AddressFormat `json:"addressFormat,omitempty"`
}

// Signing is what every signing call names.
type Signing struct {
	OrganizationID string `json:"organizationId"`
	WalletID       string `json:"walletId"`
	DerivationInfo Raw    `json:"derivationInfo,omitempty"` // DerivationInfo or path; absent for a keypair wallet
	PolicyName     string `json:"policyName,omitempty"`
	Curve          Curve  `json:"-"` // of the key, where it does not follow from the path
}

// SignMessageParams sign text (signUtf8Message) or base64 bytes (ethereumSignMessage).
type SignMessageParams struct {
	Signing
	Message   *string   `json:"message"` // nil when it is missing, which is not the same as an empty text
	Algorithm Algorithm `json:"algorithm,omitempty"`
}

// SignRawPayloadParams sign bytes as they are.
type SignRawPayloadParams struct {
	Signing
	Payload   string    `json:"payload"` // base64
	Algorithm Algorithm `json:"algorithm"`
}

// SignTypedDataParams sign EIP-712 typed data.
type SignTypedDataParams struct {
	Signing
	TypedData Raw `json:"typedData"`
}

// SignTransactionParams sign, and with SubmissionConfig broadcast, a transaction.
type SignTransactionParams struct {
	Signing
	Transaction      Raw               `json:"transaction"` // base64url string, or TransactionObject
	SubmissionConfig *SubmissionConfig `json:"submissionConfig,omitempty"`
	SimulationConfig *SimulationConfig `json:"simulationConfig,omitempty"`
}

// InitWalletImportParams ask for a key to which a wallet's secret can be encrypted.
type InitWalletImportParams struct {
	OrganizationID string `json:"organizationId"`
	KEM            string `json:"kem,omitempty"` // KEMX25519, when left out, or KEMHybrid; not in the contract
}

// The key encapsulations of imports. Those of exports follow from the key.
const (
	KEMX25519 = "X25519"
	KEMHybrid = "X25519MLKEM768"
)

// CompleteImportWalletParams hand over a secret. The wallet has a mnemonic, or, when Curve is present, one keypair.
type CompleteImportWalletParams struct {
	OrganizationID  string         `json:"organizationId"`
	ImportEnvelope  ImportEnvelope `json:"importEnvelope"`
	EncryptedSecret string         `json:"encryptedSecret"` // base64, docs/spec/envelope.md
	WalletName      string         `json:"walletName"`
	Tags            []string       `json:"tags,omitempty"`
	WalletParameters
}

// ExportWalletParams ask for the secret of a wallet, encrypted to a key.
type ExportWalletParams struct {
	OrganizationID string `json:"organizationId"`
	WalletID       string `json:"walletId"`
	PublicKey      string `json:"publicKey"` // base64: 32 bytes of X25519, or 1,216 of the hybrid
	PolicyName     string `json:"policyName,omitempty"`
}

// SubmissionConfig names the network to broadcast to.
type SubmissionConfig struct {
	Chain   string `json:"chain"`
	Network string `json:"network"`
}

// SimulationConfig is advisory.
type SimulationConfig struct {
	Account string `json:"account,omitempty"`
}

// PrepareParams are the body of POST /prepare. It has no method and no timestamp.
type PrepareParams struct {
	Transaction            Raw               `json:"transaction"`
	OrganizationID         string            `json:"organizationId"`
	SubmissionConfig       *SubmissionConfig `json:"submissionConfig,omitempty"`
	SimulationConfig       *SimulationConfig `json:"simulationConfig,omitempty"`
	AuthenticatorPublicKey string            `json:"authenticatorPublicKey,omitempty"` // base58
}

// SimulateParams are the body of POST /simulations. It has no method and no timestamp.
type SimulateParams struct {
	Transaction    Raw    `json:"transaction"` // array of bytes, or base64url as elsewhere
	OrganizationID string `json:"organizationId"`
	WalletID       string `json:"walletId"`
	DerivationInfo Raw    `json:"derivationInfo,omitempty"` // DerivationInfo or path; absent for a keypair wallet
	PolicyName     string `json:"policyName,omitempty"`
}
