package jose_test

import (
	"encoding/hex"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redoubt-kms/redoubt/internal/jose"
)

// A token holds from when it was issued, and from its nbf if it has one, until its exp, for no longer than it may be old; clocks may
// differ by a minute.
func TestLive(t *testing.T) {
	const now, hour = 1_800_000_000, 3600
	for why, c := range map[string]struct {
		jose.Claims
		want bool
	}{
		"just now":            {jose.Claims{IssuedAt: now, Expires: now + 1}, true},
		"a clock ahead":       {jose.Claims{IssuedAt: now + 60, Expires: now + hour}, true},
		"a clock behind":      {jose.Claims{IssuedAt: now - hour, Expires: now - 59}, true},
		"nbf by a clock":      {jose.Claims{IssuedAt: now, NotBefore: now + 60, Expires: now + hour}, true},
		"as old as may be":    {jose.Claims{IssuedAt: now - hour - 60, Expires: now + 1}, true},
		"expired":             {jose.Claims{IssuedAt: now - hour, Expires: now - 60}, false},
		"of tomorrow":         {jose.Claims{IssuedAt: now + 61, Expires: now + hour}, false},
		"begins tomorrow":     {jose.Claims{IssuedAt: now, NotBefore: now + 61, Expires: now + hour}, false},
		"too old":             {jose.Claims{IssuedAt: now - hour - 61, Expires: now + 1}, false},
		"without iat":         {jose.Claims{Expires: now + 1}, false},
		"without exp":         {jose.Claims{IssuedAt: now}, false},
		"for ever, by itself": {jose.Claims{IssuedAt: now - 2*hour, Expires: 1 << 40}, false},
	} {
		if got := c.Live(now*1000, time.Hour) == nil; got != c.want {
			t.Errorf("%s: live %v", why, got)
		}
	}
}

// Tokens of 8 KiB are read, and no longer ones, though they be signed.
func TestTokenSize(t *testing.T) {
	key := newKey(t)
	sizes := map[bool]int{}
	for n := 5_700; n < 6_200; n++ {
		text, err := jose.Sign(key, jose.TypeSession, claims{"iss": strings.Repeat("x", n)})
		if err != nil {
			t.Fatal(err)
		}
		read, err := jose.Parse(text)
		if (err == nil) != (len(text) <= jose.MaxToken) || err == nil && read.Verify(jose.SingleKey(&key.PublicKey)) != nil {
			t.Fatalf("%d bytes: %v", len(text), err)
		}
		sizes[err == nil]++
	}
	if len(sizes) != 2 {
		t.Errorf("%v", sizes)
	}
}

// One key that must not be there spoils a set, whatever else is in it; a set is at most 64 KiB.
func TestSetsAreSpoilt(t *testing.T) {
	i := newIssuer(t)
	with := func(more string) string { return strings.TrimSuffix(i.set, "]}") + "," + more + "]}" }
	okp := func(x []byte, more string) string {
		return `{"kty":"OKP","crv":"Ed25519","x":"` + b64(x) + `"` + more + `}`
	}
	spoilt := map[string]string{
		"private": okp(i.ed[32:], `,"d":"`+b64(i.ed[:32])+`"`), "weak": `{"kty":"RSA","n":"` + b64(i.rsa.N.Bytes()[:200]) + `","e":"AQAB"}`,
		"secret": `{"kty":"oct","k":"AAAA"}`,
	}
	for _, low := range []string{ // RFC 7748, and points of order 1, 2, 4 and 8 as CCTV lists them
		"0000000000000000000000000000000000000000000000000000000000000000", "0100000000000000000000000000000000000000000000000000000000000000",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
	} {
		x, err := hex.DecodeString(low)
		if err != nil {
			t.Fatal(err)
		}
		spoilt["order "+low[:8]] = okp(x, "")
	}
	for why, key := range spoilt {
		if _, err := jose.ParseKeySet([]byte(with(key))); err == nil {
			t.Errorf("%s: accepted", why)
		}
	}
	for _, n := range []int{jose.MaxKeySet, jose.MaxKeySet + 1} {
		set := slices.Concat([]byte(i.set), []byte(strings.Repeat(" ", n-len(i.set))))
		if _, err := jose.ParseKeySet(set); (err == nil) != (n == jose.MaxKeySet) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}
