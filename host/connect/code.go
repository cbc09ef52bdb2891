package connect

import (
	"context"
	"errors"
	"time"

	"github.com/redoubt-kms/redoubt/host/connect/shelf"
)

// code is what an authorization code stands for. It is kept under the hash of the code.
type code struct {
	ClientID    string `json:"clientId"`
	RedirectURI string `json:"redirectUri"`
	Challenge   string `json:"challenge"` // PKCE, S256
	Session     []byte `json:"session"`   // sealed for the certifier
	Family      string `json:"family"`    // of the refresh tokens that will be made of it
	Used        bool   `json:"used"`
	Replayed    bool   `json:"replayed"`
}

// codeLife is how long a code is good; codeKept how long one that was used is remembered, so that a replay is noticed.
const (
	codeLife = 2 * time.Minute
	codeKept = time.Hour
)

// newCode makes a code for a consent.
func (c *Connect) newCode(ctx context.Context, v code) (string, error) {
	text := random(32)
	v.Family = random(16)
	return text, c.add(ctx, shelf.Codes, digest(text), v, c.Now().Add(codeLife))
}

// replayed notes that a code came again, and revokes what was made of it.
func (c *Connect) replayed(ctx context.Context, key string) error {
	for {
		known, err := load[code](ctx, c, shelf.Codes, key)
		if errors.Is(err, shelf.ErrNone) {
			return nil
		}
		if err != nil {
			return err
		}
		known.value.Replayed = true
		if err = swap(ctx, c, known); errors.Is(err, shelf.ErrChanged) {
			continue
		}
		return errors.Join(err, c.revoke(ctx, known.value.Family))
	}
}
