package connect

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/redoubt-kms/redoubt/host/connect/shelf"
)

// capacity bounds how many rows of a kind there are.
func capacity(k shelf.Kind) int {
	switch k {
	case shelf.Apps, shelf.Families:
		return 1 << 20
	case shelf.Credentials:
		return 1 << 22
	case shelf.Logins, shelf.Used, shelf.Codes, shelf.Devices, shelf.UserCodes:
		return 1 << 17
	default:
		return 0
	}
}

// record is a value of the shelf, read.
type record[T any] struct {
	kind  shelf.Kind
	row   shelf.Row
	value T
}

// load reads a record; shelf.ErrNone when there is none.
func load[T any](ctx context.Context, c *Connect, k shelf.Kind, key string) (record[T], error) {
	row, err := c.Shelf.Get(ctx, k, key, c.Now())
	return decode[T](k, row, err)
}

// take reads and removes a record.
func take[T any](ctx context.Context, c *Connect, k shelf.Kind, key string) (record[T], error) {
	row, err := c.Shelf.Take(ctx, k, key, c.Now())
	return decode[T](k, row, err)
}

func decode[T any](k shelf.Kind, row shelf.Row, err error) (record[T], error) {
	r := record[T]{kind: k, row: row}
	if err == nil {
		err = json.Unmarshal(row.Value, &r.value)
	}
	if err != nil && !errors.Is(err, shelf.ErrNone) {
		err = &unreached{err}
	}
	return r, err
}

// add puts a value where none is. It expires at a time, or never when that is zero.
func (c *Connect) add(ctx context.Context, k shelf.Kind, key string, v any, expires time.Time) error {
	value, err := json.Marshal(v)
	if err != nil {
		return err
	}
	c.mu.Lock()
	full := c.counts[k] >= capacity(k)
	c.mu.Unlock()
	if full {
		return &fault{status: http.StatusServiceUnavailable, code: unavailable, description: "too many at once; try again later"}
	}
	err = c.Shelf.Add(ctx, k, shelf.Row{Key: key, Value: value, Expires: expires}, c.Now())
	if errors.Is(err, shelf.ErrTaken) {
		return err
	}
	if err != nil {
		return &unreached{err}
	}
	c.mu.Lock()
	c.counts[k]++
	c.mu.Unlock()
	return nil
}

// swap writes a record back, if nobody else did in between: else shelf.ErrChanged.
func swap[T any](ctx context.Context, c *Connect, r record[T]) error {
	value, err := json.Marshal(r.value)
	if err != nil {
		return err
	}
	r.row.Value = value
	err = c.Shelf.Swap(ctx, r.kind, r.row, c.Now())
	if err != nil && !errors.Is(err, shelf.ErrChanged) {
		err = &unreached{err}
	}
	return err
}

// random returns n random bytes in base64url.
func random(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return b64(b)
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// unb64 reads base64url without padding, and only the one spelling of its bytes.
func unb64(s string) ([]byte, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || b64(b) != s { // the decoder skips line breaks
		return nil, errors.New("not base64url")
	}
	return b, nil
}

// digest is what a secret is kept under.
func digest(secret string) string {
	h := sha256.Sum256([]byte(secret))
	return b64(h[:])
}
