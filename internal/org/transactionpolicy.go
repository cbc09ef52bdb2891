package org

// TransactionPolicy bounds the transactions of a grant.
type TransactionPolicy struct {
	_       struct{} `cbor:",toarray"`
	Version string   // TransactionPolicyV0
	// Solana are the rules for Solana, all of which must hold; empty for no bounds.
	Solana []TransactionRule
}

// TransactionPolicyV0 is the version of transaction policies.
const TransactionPolicyV0 = "v0"

// TransactionRule is one of them.
type TransactionRule struct {
	_            struct{} `cbor:",toarray"`
	Rule         string
	Max          *uint64              // of BundleSizeLimit
	Units        *uint64              // of ComputeBudgetLimit, nil for any
	UnitPrice    *uint64              // of ComputeBudgetLimit, nil for any
	Instructions []InstructionMatcher // of the lists, and those that NoSignerAccountUsage leaves out
}

// InstructionMatcher describes instructions of a program.
type InstructionMatcher struct {
	_              struct{} `cbor:",toarray"`
	Program        [32]byte
	Match          string   // MatchAny, MatchExact or MatchIn
	Discriminators []uint32 // unless MatchAny; one for MatchExact
	Validate       []InstructionValidation
}

// InstructionValidation bounds what an instruction says.
type InstructionValidation struct {
	_          struct{} `cbor:",toarray"`
	Rule       string
	Min, Max   *uint64    // nil for none
	Recipients [][32]byte // empty for any
	Mints      [][32]byte // empty for any
}

// The rules of transaction policies.
const (
	RuleNoSignerAccountUsage  = "NoSignerAccountUsage"
	RuleBundleSizeLimit       = "BundleSizeLimit"
	RuleComputeBudgetLimit    = "ComputeBudgetLimit"
	RuleNoAddressLookupTables = "NoAddressLookupTables"
	RuleInstructionAllowlist  = "InstructionAllowlist"
	RuleInstructionDenylist   = "InstructionDenylist"
	RuleAllowAll              = "AllowAll"
)

// The validations of instructions.
const (
	ValidateLamports   = "SystemInstructionLamportsThreshold"
	ValidateRecipients = "SystemInstructionRecipientAllowlist"
	ValidateTransfer   = "TransferCheckedConstraints"
)

// How discriminators are matched.
const (
	MatchAny   = "Any"
	MatchExact = "Exact"
	MatchIn    = "In"
)
