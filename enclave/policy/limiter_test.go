package policy

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/proof"
)

// asks is a request of a user at a time.
func asks(organization, user, key byte, rates org.Rates, now uint64) *caller {
	return &caller{
		now: now, organization: proof.ID{organization}, controls: found[org.Controls]{value: &org.Controls{Rates: rates}},
		member: org.Member{User: &org.User{Username: fmt.Sprint("u", user)}, Authenticator: &org.Authenticator{ID: proof.ID{key}}},
	}
}

// Acceptance line A8: over 60 seconds, with callers that come all the time, no second, wherever it begins, holds more
// requests of an organization, of a user or of an authenticator than their limits, and none goes to waste for long. After
// as many seconds as a refusal names, the next request is taken.
func TestRatesHoldInEverySecond(t *testing.T) {
	const begin, windows = 1_795_333_820_985, 60
	rates := org.Rates{Organization: 40, User: 25, Authenticator: 10}
	l, random := newLimiter(60, 600), rand.New(rand.NewPCG(1, 2))
	history := map[string][]uint64{} // times, by subject
	limits := map[string]int{}
	for now := uint64(begin); now < begin+windows*1000; now += uint64(random.IntN(4)) {
		user := byte(random.IntN(3))
		key := user*4 + byte(random.IntN(3))
		c := asks(1, user, key, rates, now)
		err := l.allow(c)
		if limit := (*api.Error)(nil); errors.As(err, &limit) {
			if limit.Type != api.TypeRateLimited || limit.RetryAfter < 1 || limit.RetryAfter > 2 {
				t.Fatalf("%+v", limit)
			}
			continue
		}
		for name, rate := range map[string]uint32{"organization": rates.Organization, c.member.User.Username: rates.User, fmt.Sprint("key", key): rates.Authenticator} {
			history[name], limits[name] = append(history[name], now), int(rate)
		}
	}
	for name, times := range history {
		for i := range times {
			if j := i + limits[name]; j < len(times) && times[j]-times[i] < 1000 {
				t.Fatalf("%s: %d requests from %d to %d", name, limits[name]+1, times[i]-begin, times[j]-begin)
			}
		}
	}
	if n := len(history["organization"]); n < windows*40*9/10 {
		t.Errorf("only %d requests of %d were taken", n, windows*40)
	}
	if len(history) != 1+3+9 {
		t.Errorf("%d subjects", len(history))
	}
}

// Whoever is turned away hears when to come again: then, if nobody else comes, it is taken, and a whole second earlier it
// was not.
func TestRetryAfterIsRight(t *testing.T) {
	for _, burst := range []uint64{0, 40, 300, 990} {
		l := newLimiter(10, 0)
		for i := range uint64(10) {
			if err := l.allow(asks(1, 1, 1, org.Rates{}, 5_000+i*burst/9)); err != nil {
				t.Fatal(err)
			}
		}
		now := 5_000 + burst + 1
		var refused *api.Error
		if err := l.allow(asks(1, 1, 1, org.Rates{}, now)); !errors.As(err, &refused) {
			t.Fatalf("burst %d: the eleventh is taken", burst)
		}
		wait := uint64(refused.RetryAfter) * 1000
		if err := l.allow(asks(1, 1, 1, org.Rates{}, now+wait)); err != nil {
			t.Errorf("burst %d: after %d ms: %v", burst, wait, err)
		}
	}
	l := newLimiter(20, 0)
	c := asks(1, 1, 1, org.Rates{}, 5_000)
	if err := errors.Join(l.allow(c), l.charge(c, 99)); err != nil {
		t.Fatal(err)
	}
	var refused *api.Error
	if err := l.allow(c); !errors.As(err, &refused) || refused.RetryAfter != 5 { // 80 too many, 20 a second, and the second itself
		t.Fatalf("in debt: %+v", refused)
	}
	if err := l.charge(c, 1); err == nil {
		t.Error("more debt")
	}
	c.now += 4_999
	if l.allow(c) == nil {
		t.Error("it is let off its debt")
	}
	c.now++
	if err := l.allow(c); err != nil {
		t.Error(err)
	}
}

// An organization may lower its rate, and raise it as far as the server lets it; each has its own.
func TestRatesAreSet(t *testing.T) {
	for name, c := range map[string]struct {
		server, most uint32
		rates        org.Rates
		want         int
	}{
		"the server's": {5, 50, org.Rates{}, 5}, "lower": {5, 50, org.Rates{Organization: 2}, 2}, "higher": {5, 50, org.Rates{Organization: 20}, 20},
		"too high": {5, 50, org.Rates{Organization: 60}, 50}, "none": {0, 0, org.Rates{}, 100}, "own only": {0, 0, org.Rates{Organization: 7}, 7},
		"of a user": {5, 50, org.Rates{User: 3}, 3}, "of a key": {0, 0, org.Rates{Authenticator: 4}, 4}, "of a user, too high": {5, 50, org.Rates{User: 9}, 5},
	} {
		l := newLimiter(c.server, c.most)
		for organization := range byte(2) {
			n := 0
			for range 100 {
				if l.allow(asks(organization, 1, organization, c.rates, 77_000)) == nil {
					n++
				}
			}
			if n != c.want {
				t.Errorf("%s: %d requests, want %d", name, n, c.want)
			}
		}
	}
}

// Settings change by what is named, within bounds, hold at once and outlive a restart.
func TestControls(t *testing.T) {
	r := newFiles(t)
	r.rateLimit = 1000
	r.maxRate = 2000
	r.start(t)
	legacy := newKey(t)
	o := r.tenant(t, user("legacy", preset("LEGACY_USER_ROLE"), legacy))
	with := func(more object) object {
		more["organizationId"] = o.id
		return more
	}
	must[api.Controls](t, r, o.key, api.UpdateOrganizationControls, with(object{"rates": object{"user": 500}, "prices": object{"maxAgeMs": 60_000}}))
	got := must[api.Controls](t, r, o.key, api.UpdateOrganizationControls, with(object{"rates": object{"organization": 1500, "user": nil}, "requirePolicyTests": true, "approvalExpiryMs": 3_600_000}))
	r.restart(t)
	want := api.Controls{
		Frozen: api.Frozen{Usernames: []string{}, WalletIDs: []string{}}, Rates: api.Rates{Organization: 1500, User: 500},
		ServerRates: api.ServerRates{Organization: 1000, Maximum: 2000}, ApprovalExpiryMs: 3_600_000, RequirePolicyTests: true,
		Prices: api.PriceRules{MaxAgeMs: 60_000, Feeds: []string{}, Table: []api.Price{}}, Contracts: []api.Contract{}, Counters: []api.Counter{},
	}
	if again := must[api.Controls](t, r, legacy, api.GetOrganizationControls, with(object{})); fmt.Sprint(again) != fmt.Sprint(want) || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%+v and %+v, want %+v", got, again, want)
	}
	denied(t, "by LEGACY_USER_ROLE", r.call(t, legacy, api.UpdateOrganizationControls, with(object{"requirePolicyTests": false})), "ROOT")
	for path, params := range map[string]object{
		"params": {}, "params.rates.organization": {"rates": object{"organization": 2001}}, "params.rates.authenticator": {"rates": object{"authenticator": -1}},
		"params.approvalExpiryMs": {"approvalExpiryMs": 999}, "params.prices.maxAgeMs": {"prices": object{"maxAgeMs": 30*86_400_000 + 1}},
		"params.prices.other": {"prices": object{"other": 1}}, "params.frozen": {"frozen": object{"organization": true}},
	} {
		if a := r.call(t, o.key, api.UpdateOrganizationControls, with(params)); a.Status != 400 || errorPath(a) != path {
			t.Errorf("%s: %d %s", path, a.Status, a.Result)
		}
	}
	must[api.Controls](t, r, o.key, api.UpdateOrganizationControls, with(object{"rates": object{"authenticator": 1}}))
	limited := false
	for range 50 {
		a := r.call(t, o.key, api.GetOrganization, object{"organizationId": o.id})
		if limited = limited || a.Status == 429 && a.RetryAfter > 0; limited {
			break
		}
	}
	if !limited {
		t.Error("one request a second does not limit")
	}
}
