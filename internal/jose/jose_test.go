package jose_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/redoubt-kms/redoubt/internal/jose"
)

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

type claims map[string]any

// What we sign we accept, by our key alone, and with every claim as it was.
func TestSign(t *testing.T) {
	key := newKey(t)
	now := time.Now()
	text, err := jose.Sign(key, jose.TypeSession, claims{
		"iss": "https://a", "sub": "passkey:x", "aud": []string{"one", "two"}, "nonce": "n", "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(), "origin": "https://b", "sid": "s",
	})
	if err != nil {
		t.Fatal(err)
	}
	token, err := jose.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	c := token.Claims
	if token.Type != jose.TypeSession || token.Algorithm != "ES256" || token.KeyID != jose.Thumbprint(&key.PublicKey) ||
		c.Issuer != "https://a" || c.Subject != "passkey:x" || len(c.Audience) != 2 || c.Nonce != "n" || c.Origin != "https://b" || c.SessionID != "s" {
		t.Errorf("%+v", token)
	}
	keys, err := jose.ParseKeySet(jose.SingleKey(&key.PublicKey).JSON())
	if err != nil {
		t.Fatal(err)
	}
	if err := token.Verify(keys); err != nil {
		t.Error(err)
	}
	for why, set := range map[string]jose.KeySet{"another key": jose.SingleKey(&newKey(t).PublicKey), "no key": {}} {
		if err := token.Verify(set); !errors.Is(err, jose.ErrToken) {
			t.Errorf("verified by %s: %v", why, err)
		}
	}
	for _, live := range []struct {
		after time.Duration
		age   time.Duration
		want  bool
	}{{0, time.Hour, true}, {time.Hour + 30*time.Second, 2 * time.Hour, true}, {time.Hour + 61*time.Second, 2 * time.Hour, false}, {30 * time.Minute, 20 * time.Minute, false}, {-2 * time.Minute, time.Hour, false}} {
		if got := c.Live(uint64(now.Add(live.after).UnixMilli()), live.age) == nil; got != live.want {
			t.Errorf("%v later, at most %v old: live %v", live.after, live.age, got)
		}
	}
	for i := range len(text) { // no changed character is accepted
		changed := text[:i] + string(text[i]^1) + text[i+1:]
		if token, err := jose.Parse(changed); err == nil && token.Verify(keys) == nil {
			t.Fatalf("accepted with character %d changed", i)
		}
	}
	if _, err := jose.Parse(text + "."); err == nil || strings.Contains(err.Error(), text[:20]) {
		t.Error(err)
	}
}
