package api

// ActivityParams ask for an organization's own entries in the log, newest first.
type ActivityParams struct {
	OrganizationID string `json:"organizationId"`
	Cursor         string `json:"cursor,omitempty"` // Next of the page before; absent for the newest
	Limit          int    `json:"limit,omitempty"`  // entries, at most 100; 20 when absent
	Proof          bool   `json:"proof,omitempty"`  // with what proves each entry
}

// Organization names the organization in which the request acts.
func (p ActivityParams) Organization() string { return p.OrganizationID }

// Activity is a page of entries. Their sequences are consecutive, from Count of the newest down to 1: none is left out.
type Activity struct {
	Entries []ActivityEntry `json:"entries"`
	Count   uint64          `json:"count"`             // entries of the organization when the page was made
	Next    string          `json:"next,omitempty"`    // cursor of the page after; absent on the last one
	Receipt string          `json:"receipt,omitempty"` // base64url of the receipt whose head the proofs lead to
}

// ActivityEntry is one entry of the log.
type ActivityEntry struct {
	Sequence    uint64         `json:"sequence"` // within the organization, from 1
	Index       uint64         `json:"index"`    // in the log
	TimeMs      int64          `json:"timeMs"`
	Method      Method         `json:"method"`
	Username    string         `json:"username,omitempty"`
	CallerID    string         `json:"callerId,omitempty"` // authenticator
	WalletID    string         `json:"walletId,omitempty"`
	Decision    string         `json:"decision"` // allowed, denied or waiting
	Status      int            `json:"status"`
	Policy      string         `json:"policy"` // what decided
	Version     uint64         `json:"policyVersion"`
	Environment int            `json:"environment"`
	RequestHash string         `json:"requestHash"` // hexadecimal SHA-256 of the body
	RequestID   string         `json:"requestId"`
	Effects     *Effects       `json:"effects,omitempty"`
	Counters    []ActivityUse  `json:"counters,omitempty"`
	Explanation Raw            `json:"explanation,omitzero"`
	Proof       *ActivityProof `json:"proof,omitempty"`
}

// ActivityUse is a counter after an entry.
type ActivityUse struct {
	Subject string `json:"subject"`
	Asset   string `json:"asset,omitempty"`
	Minute  uint64 `json:"minute"` // Unix minutes in which Total was used so far
	Total   string `json:"total"`
}

// ActivityProof shows that an entry is in the log: SHA-256(salt ‖ entry) is the commitment of its leaf.
type ActivityProof struct {
	Entry string   `json:"entry"` // base64url, docs/spec/ledger.md
	Salt  string   `json:"salt"`  // base64url
	Path  []string `json:"path"`  // base64url, from the leaf up
}

// ReplayPolicyParams ask which decisions about a user's requests another policy would have changed.
type ReplayPolicyParams struct {
	OrganizationID string `json:"organizationId"`
	Username       string `json:"username"`
	Policy         Raw    `json:"policy"`            // UserPolicy
	SinceMs        int64  `json:"sinceMs,omitempty"` // Unix milliseconds; absent for as far as Limit reaches
	Limit          int    `json:"limit,omitempty"`   // requests of the user, newest first, at most 1,000; 1,000 when absent
}

// Organization names the organization in which the request acts.
func (p ReplayPolicyParams) Organization() string { return p.OrganizationID }

// PolicyReplay is what another policy would have decided, from the oldest request on. Usage is counted from that one.
type PolicyReplay struct {
	Examined int              `json:"examined"`
	Whole    bool             `json:"whole"` // it goes back as far as was asked
	Changes  []ReplayedChange `json:"changes"`
	Skipped  []ReplayedChange `json:"skipped"` // what cannot be asked again, with the reason
}

// ReplayedChange is one request of the past.
type ReplayedChange struct {
	Sequence uint64 `json:"sequence"`
	TimeMs   int64  `json:"timeMs"`
	Method   Method `json:"method"`
	Was      string `json:"was"`             // allowed or denied
	Would    string `json:"would,omitempty"` // ALLOW, DENY or REQUIRE_APPROVAL
	Rule     string `json:"rule,omitempty"`
	Reason   string `json:"reason,omitempty"`
}
