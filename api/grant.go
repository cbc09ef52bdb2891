package api

// GrantParams let an organization use a wallet of another one.
type GrantParams struct {
	OwnerOrganizationID  string `json:"ownerOrganizationId"`
	TargetOrganizationID string `json:"targetOrganizationId"`
	WalletID             string `json:"walletId"`
	Policy               Raw    `json:"policy"`               // OrganizationPolicy
	PolicyName           string `json:"policyName,omitempty"` // names a further grant, which only requests that name it use
	TransactionPolicy    Raw    `json:"transactionPolicy,omitempty"`
}

// RevokeParams end a grant: the one of that name, or the one without.
type RevokeParams struct {
	OwnerOrganizationID  string `json:"ownerOrganizationId"`
	TargetOrganizationID string `json:"targetOrganizationId"`
	WalletID             string `json:"walletId"`
	TargetPolicyName     string `json:"targetPolicyName,omitempty"`
}

// GrantsParams list the grants of a wallet to an organization. Members of either organization may ask.
type GrantsParams struct {
	OwnerOrganizationID  string `json:"ownerOrganizationId"`
	TargetOrganizationID string `json:"targetOrganizationId"`
	WalletID             string `json:"walletId"`
	Limit                *int   `json:"limit,omitempty"`
	Offset               *int   `json:"offset,omitempty"`
}

// TransferParams give a wallet to another organization.
type TransferParams struct {
	OwnerOrganizationID  string `json:"ownerOrganizationId"`
	TargetOrganizationID string `json:"targetOrganizationId"`
	WalletID             string `json:"walletId"`
	RetainPolicy         Raw    `json:"retainPolicy,omitempty"` // OrganizationPolicy: what the old owner may still do
	AwaitAcceptance      bool   `json:"awaitAcceptance,omitempty"`
}

// CompleteTransferParams accept a wallet that awaits acceptance.
type CompleteTransferParams struct {
	OrganizationID string `json:"organizationId"`
	MigrationID    string `json:"migrationId"`
}

// OrganizationPolicy says what a grant allows: by scopes (v0), or by a policy as users have it (v1).
type OrganizationPolicy struct {
	Version             string   `json:"version"` // v0 or v1
	Scopes              []string `json:"scopes,omitempty"`
	DerivationAllowlist Raw      `json:"derivationAllowlist,omitempty"` // list of DerivationInfo or path; absent for any

	RootAccess *RootAccess `json:"rootAccess,omitempty"`
	Preset     string      `json:"preset,omitempty"`
	WalletID   string      `json:"walletId,omitempty"`
	USDLimit   Raw         `json:"usdLimit,omitempty"`
	Rules      Raw         `json:"rules,omitempty"`
	Constants  Raw         `json:"constants,omitempty"`
}

// RootAccess says when users with policy ROOT of the organization that was granted access may do everything.
type RootAccess struct {
	Type        string `json:"type"`                  // ALWAYS, NONE or AFTER_TIMESTAMP
	TimestampMs *int64 `json:"timestampMs,omitempty"` // Unix milliseconds, of AFTER_TIMESTAMP
}

// Grant is what one organization may do with a wallet of another.
type Grant struct {
	OrganizationID     string             `json:"organizationId"` // that may use the wallet
	WalletID           string             `json:"walletId"`
	OrganizationPolicy OrganizationPolicy `json:"organizationPolicy"`
	PolicyName         string             `json:"policyName,omitempty"`
	TransactionPolicy  *TransactionPolicy `json:"transactionPolicy,omitempty"`
	DeletedAtMs        *int64             `json:"deletedAtMs,omitempty"` // Unix milliseconds, of one that was revoked
	MigrationID        string             `json:"migrationId,omitempty"` // of a transfer that awaits acceptance
}

// Grants is a page of grants.
type Grants struct {
	Grants     []Grant `json:"grants"`
	TotalCount int     `json:"totalCount"`
	Limit      int     `json:"limit"`
	Offset     int     `json:"offset"`
}

// PendingMigrations are the wallets that an organization may accept.
type PendingMigrations struct {
	PendingMigrations []PendingMigration `json:"pendingMigrations"`
}

// PendingMigration is a wallet that awaits acceptance.
type PendingMigration struct {
	MigrationID         string `json:"migrationId"`
	OwnerOrganizationID string `json:"ownerOrganizationId"`
	WalletID            string `json:"walletId"`
	WalletName          string `json:"walletName"`
	CreatedAtMs         int64  `json:"createdAtMs"` // Unix milliseconds
	ExpiresAtMs         int64  `json:"expiresAtMs"` // Unix milliseconds
}
