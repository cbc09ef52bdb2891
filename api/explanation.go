package api

// Explanation says how a policy came to its decision, rule by rule. Callers that may read the policy get it.
type Explanation struct {
	Outcome string            `json:"outcome"` // ALLOW, DENY or REQUIRE_APPROVAL
	Rules   []RuleExplanation `json:"rules"`
}

// RuleExplanation is what one rule made of the request.
type RuleExplanation struct {
	Rule       int      `json:"rule"` // its place in the policy, from 0
	Outcome    string   `json:"outcome"`
	Comment    string   `json:"comment"`
	Expression string   `json:"expression"`
	Result     string   `json:"result"` // true, false or error
	Error      string   `json:"error,omitempty"`
	Because    []Reason `json:"because,omitempty"`
}

// Reason is a part of an expression that made it what it is, with the values that it saw.
type Reason struct {
	Expression string            `json:"expression"`
	Values     []Seen            `json:"values,omitempty"`
	Limit      *LimitExplanation `json:"limit,omitempty"` // of a comparison with usage
}

// Seen is a sub-expression and its value.
type Seen struct {
	Expression string `json:"expression"`
	Value      string `json:"value"`
}

// LimitExplanation is how a request stands to a limit. Amounts are in the asset's smallest unit, decimal.
type LimitExplanation struct {
	Asset     string `json:"asset,omitempty"` // absent when requests are counted
	Window    string `json:"window"`
	Scope     string `json:"scope"`
	Limit     string `json:"limit"`
	Used      string `json:"used"`      // before this request
	Requested string `json:"requested"` // by this request
	Left      string `json:"left"`
	FreesAt   string `json:"freesAt,omitempty"`     // RFC 3339: when the request would fit, absent when it never does
	CountedAt string `json:"countsSince,omitempty"` // RFC 3339: since when usage is counted
}
