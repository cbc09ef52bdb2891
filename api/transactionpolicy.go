package api

// TransactionPolicy says which transactions a grant is for, beside what its policy allows.
type TransactionPolicy struct {
	Version string        `json:"version"`          // v0
	Solana  *SolanaPolicy `json:"solana,omitempty"` // absent or null for no bounds
}

// SolanaPolicy bounds transactions of Solana: all rules must hold.
type SolanaPolicy struct {
	Rules []TransactionRule `json:"rules"`
}

// TransactionRule is one rule; which members it has, Rule says.
type TransactionRule struct {
	Rule                string               `json:"rule"`
	Max                 *int64               `json:"max,omitempty"`                 // of BundleSizeLimit
	MaxComputeUnits     *int64               `json:"maxComputeUnits,omitempty"`     // of ComputeBudgetLimit
	MaxComputeUnitPrice *int64               `json:"maxComputeUnitPrice,omitempty"` // of ComputeBudgetLimit, micro-lamports
	Allowlist           []InstructionMatcher `json:"allowlist,omitempty"`           // of NoSignerAccountUsage
	Instructions        []InstructionMatcher `json:"instructions,omitempty"`        // of InstructionAllowlist and InstructionDenylist
}

// InstructionMatcher describes instructions of a program.
type InstructionMatcher struct {
	ProgramID     string                  `json:"programId"`
	Discriminator Raw                     `json:"discriminator"` // "Any", {"Exact":n} or {"In":[n,…]}
	Validate      []InstructionValidation `json:"validate,omitempty"`
}

// DiscriminatorMatcher is a discriminator that is not "Any".
type DiscriminatorMatcher struct {
	Exact *int64  `json:"Exact,omitempty"`
	In    []int64 `json:"In,omitempty"`
}

// InstructionValidation bounds what an instruction says; which members it has, Rule says.
type InstructionValidation struct {
	Rule               string   `json:"rule"`
	Min                *int64   `json:"min,omitempty"`                // of the two with amounts
	Max                *int64   `json:"max,omitempty"`                // of the two with amounts
	Allowlist          []string `json:"allowlist,omitempty"`          // of SystemInstructionRecipientAllowlist
	MintAllowlist      []string `json:"mintAllowlist,omitempty"`      // of TransferCheckedConstraints
	RecipientAllowlist []string `json:"recipientAllowlist,omitempty"` // of TransferCheckedConstraints
}
