package policy

import (
	"testing"
	"time"

	"github.com/redoubt-kms/redoubt/internal/org"
)

// An issuer changes its keys: a token by a new one is taken once the keys were asked for anew, which happens at most once a minute,
// and one by an old key is not taken any more.
func TestIssuerChangesItsKeys(t *testing.T) {
	r := deaf(t)
	from := org.OIDC{Version: 1, Source: org.SourceIssuer, Keys: keysURL, Issuer: keysURL, Subject: "alice", Audience: []string{"app"}}
	comes := func() error {
		t.Helper()
		c := r.tokenOf(t, object{"iss": keysURL, "sub": "alice", "aud": "app"})
		c.bound(t, from)
		return r.authenticateToken(t.Context(), c)
	}
	asks := func(want int64, why string) {
		t.Helper()
		if n := r.asked.Load(); n != want {
			t.Errorf("%s: %d fetches, want %d", why, n, want)
		}
	}
	if err := comes(); err != nil {
		t.Fatal(err)
	}
	asks(1, "the first token")
	old := r.key
	r.mu.Lock()
	r.key = newP256(t)
	r.mu.Unlock()
	if err := comes(); err == nil {
		t.Error("a new key within the minute of the old one is taken")
	}
	asks(1, "a new key within the minute")
	r.at(keysAgain + time.Second)
	if err := comes(); err != nil {
		t.Errorf("a new key: %v", err)
	}
	asks(2, "a new key after a minute")
	r.mu.Lock()
	r.key = old
	r.mu.Unlock()
	if err := comes(); err == nil {
		t.Error("the old key is still taken")
	}
}
