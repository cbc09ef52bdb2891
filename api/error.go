package api

import "fmt"

// Error is the body of every answer that is not a 200. The same text stands in several members because clients of
// different generations read different ones.
type Error struct {
	Text      string `json:"error"`
	Message   string `json:"message"`
	Detail    string `json:"detail"`
	Title     string `json:"title"`
	Type      string `json:"type"`
	RequestID string `json:"requestId"`
	Path      string `json:"path,omitempty"`        // of the offending field
	Time      int64  `json:"serverTimeMs,omitzero"` // of request-expired
	Status    int    `json:"-"`
	// RetryAfter are the seconds after which the same body may be sent again; 0 for the usual one.
	RetryAfter uint32 `json:"-"`

	*SpendingLimit
	Explanation   *Explanation   `json:"explanation,omitempty"`   // of policy-denied, for who may read the policy
	ScannerResult *ScannerResult `json:"scannerResult,omitempty"` // of transaction-blocked
}

// SpendingLimit says to clients how a request stands to a connection's limit, in cents, rounded up.
type SpendingLimit struct {
	PreviousSpendCents    int64 `json:"previousSpendCents"`
	TransactionSpendCents int64 `json:"transactionSpendCents"`
	TotalSpendCents       int64 `json:"totalSpendCents"`
	LimitCents            int64 `json:"limitCents"`
}

// ScannerResult says to clients what blocked a transaction.
type ScannerResult struct {
	Rule   string `json:"rule"`   // of the policy
	Reason string `json:"reason"` // for people
}

// Error gives the message.
func (e *Error) Error() string {
	if e.Message == "" {
		return e.Type
	}
	return e.Message
}

// Is lets errors.Is compare by type: an error without a message stands for all of its type.
func (e *Error) Is(target error) bool {
	kind, ok := target.(*Error)
	return ok && kind.Message == "" && kind.Type == e.Type
}

// The types of errors. They are stable: programs may compare them.
const (
	TypeMalformed        = "malformed-request"
	TypeTooLarge         = "request-too-large"
	TypeUnknownMethod    = "unknown-method"
	TypeExpired          = "request-expired"
	TypeInvalid          = "invalid-argument"
	TypeTransaction      = "invalid-transaction"
	TypeUnsupported      = "unsupported"
	TypeUnauthenticated  = "unauthenticated"
	TypeDenied           = "policy-denied"
	TypeSpendingLimit    = "spending-limit-exceeded" // what TypeDenied is where a connection's limit in dollars denies
	TypeBlocked          = "transaction-blocked"     // what TypeDenied is on /prepare, where clients know it by this name
	TypeNotFound         = "not-found"
	TypeConflict         = "conflict"
	TypeLimit            = "limit-reached"
	TypeRateLimited      = "rate-limited"
	TypeOverloaded       = "overloaded"
	TypeUnavailable      = "unavailable"
	TypeInternal         = "internal"
	TypeMethodNotAllowed = "method-not-allowed"
	TypeNoRoute          = "no-such-route"
)

// Types lists the types of errors.
func Types() []string {
	return []string{
		TypeMalformed, TypeTooLarge, TypeUnknownMethod, TypeExpired, TypeInvalid, TypeTransaction, TypeUnsupported,
		TypeUnauthenticated, TypeDenied, TypeSpendingLimit, TypeBlocked, TypeNotFound, TypeConflict, TypeLimit, TypeRateLimited, TypeOverloaded,
		TypeUnavailable, TypeInternal, TypeMethodNotAllowed, TypeNoRoute,
	}
}

// Status returns the HTTP status of a type of error; what is not listed is 400.
func Status(kind string) int {
	switch kind {
	case TypeUnauthenticated:
		return 401
	case TypeDenied, TypeSpendingLimit, TypeBlocked:
		return 403
	case TypeNotFound, TypeNoRoute:
		return 404
	case TypeMethodNotAllowed:
		return 405
	case TypeTooLarge:
		return 413
	case TypeRateLimited, TypeOverloaded:
		return 429
	case TypeInternal:
		return 500
	case TypeUnavailable:
		return 503
	default:
		return 400
	}
}

// Errorf makes an error of a type; its message stands in every member that some client reads.
func Errorf(kind, format string, args ...any) *Error {
	text := fmt.Sprintf(format, args...)
	return &Error{Text: text, Message: text, Detail: text, Title: kind, Type: kind, Status: Status(kind)}
}

// At names the field that is wrong and says so in the message.
func (e *Error) At(path string) *Error {
	again := Errorf(e.Type, "%s: %s", path, e.Message)
	again.Path = path
	return again
}
