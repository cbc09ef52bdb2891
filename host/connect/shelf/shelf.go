// Package shelf is what Connect needs of a database: small values under keys, which expire, which one taker takes, and
// which one writer at a time changes. Secrets never reach it: whoever puts a code or a token on the shelf puts it under
// its hash.
package shelf

import (
	"context"
	"errors"
	"time"
)

// Kind parts the keys.
type Kind string

// The kinds of what Connect keeps.
const (
	Apps        Kind = "app"        // by client id
	Credentials Kind = "credential" // public keys of passkeys, by credential id
	Logins      Kind = "login"      // logins that are on their way, by id
	Used        Kind = "used"       // request objects that were used, by hash
	Codes       Kind = "code"       // authorization codes, by hash
	Families    Kind = "family"     // chains of refresh tokens, by id
	Devices     Kind = "device"     // device codes, by hash
	UserCodes   Kind = "usercode"   // where the device code of a user code is, by hash
)

// Kinds lists the kinds.
func Kinds() []Kind {
	return []Kind{Apps, Credentials, Logins, Used, Codes, Families, Devices, UserCodes}
}

// Row is a value on the shelf.
type Row struct {
	Key     string
	Value   []byte
	Version uint64    // 1 when it was added; one more with each swap
	Expires time.Time // from then on the row is not there; the zero value is never. Kept to the millisecond
}

// Bounds of a row. A longer one is refused.
const (
	MaxKey   = 512
	MaxValue = 64 << 10
)

// Errors of a shelf.
var (
	ErrNone    = errors.New("there is no such row")
	ErrTaken   = errors.New("there is such a row already")
	ErrChanged = errors.New("the row was changed by somebody else")
	ErrTooLong = errors.New("the key or the value is too long")
)

// Shelf keeps rows. What it acknowledges is durable. A row that has expired by the time that the caller gives is not there
// for any method, even before it was swept.
type Shelf interface {
	// Get returns a row, or ErrNone.
	Get(ctx context.Context, k Kind, key string, now time.Time) (Row, error)
	// Add puts a row where none is, at version 1, or fails with ErrTaken.
	Add(ctx context.Context, k Kind, r Row, now time.Time) error
	// Swap replaces value and expiry of a row that still has the version of r, and raises the version by one. It fails
	// with ErrChanged when the row has another version or is not there.
	Swap(ctx context.Context, k Kind, r Row, now time.Time) error
	// Take removes a row and returns it, or ErrNone. Of several takers one gets it.
	Take(ctx context.Context, k Kind, key string, now time.Time) (Row, error)
	// List returns up to limit rows with keys after the given one, in ascending order of the keys' bytes.
	List(ctx context.Context, k Kind, after string, limit int, now time.Time) ([]Row, error)
	// Count returns how many rows of a kind there are, those included that expired and were not swept.
	Count(ctx context.Context, k Kind) (int, error)
	// Sweep removes rows of all kinds that have expired, and says how many.
	Sweep(ctx context.Context, now time.Time) (int, error)
	// Close releases the shelf.
	Close() error
}

// Check refuses a key or value that is over the bounds.
func (r Row) Check() error {
	if len(r.Key) > MaxKey || len(r.Value) > MaxValue {
		return ErrTooLong
	}
	return nil
}

// never stands for an expiry that does not come.
const never = 1<<63 - 1

// Millis writes an expiry as Unix milliseconds, for a column that is compared.
func (r Row) Millis() int64 {
	if r.Expires.IsZero() {
		return never
	}
	return r.Expires.UnixMilli()
}

// Expiry reads what Millis wrote.
func Expiry(millis int64) time.Time {
	if millis == never {
		return time.Time{}
	}
	return time.UnixMilli(millis)
}
