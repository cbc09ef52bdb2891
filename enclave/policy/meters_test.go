package policy

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain/base58"
	"github.com/redoubt-kms/redoubt/chain/evm"
	"github.com/redoubt-kms/redoubt/chain/solana"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/rule"
	"github.com/redoubt-kms/redoubt/internal/rule/fact"
	"github.com/redoubt-kms/redoubt/internal/usage"
	"github.com/redoubt-kms/redoubt/proof"
)

// lend grants a wallet by rules, which bind users with policy ROOT too.
func (r *rig) lend(t testing.TB, owner, target tenant, wallet, expression string) {
	t.Helper()
	must[api.Grant](t, r, owner.key, api.GrantOrganizationAccess, between(owner, target, wallet, object{
		"policy": rooted("NONE", object{"rules": []object{allows(expression)}, "constants": []any{}}),
	}))
}

// The limit of a grant is counted for the owner of the wallet, by the scopes as the owner sees them, whatever limits the
// users of the grant have themselves.
func TestLimitOfGrant(t *testing.T) {
	for _, c := range []struct {
		scope string
		fits  []bool // twice by one organization, twice by another
	}{
		{"user", []bool{true, false, true, false}}, // both users have one name
		{"organization", []bool{true, false, true, false}},
		{"wallet", []bool{true, false, false, false}},
		{"destination", []bool{true, false, false, false}},
	} {
		r := newRig(t)
		owner, a, b := r.tenant(t), r.tenant(t), r.tenant(t)
		w := r.wallet(t, owner)
		// The users' own limits, which are counted beside the grant's and leave enough.
		own := allows("request.method == 'signTransaction' && usage.spent('ETH', duration('24h')) <= 1000 && usage.count('day', 'organization') <= 9")
		keys := []ed25519.PrivateKey{r.agent(t, a, "agent", own), r.agent(t, b, "agent", own)}
		limit := fmt.Sprintf("request.method == 'signTransaction' && !effects.unknown && usage.spent('ETH', duration('24h'), '%s') <= 10", c.scope)
		r.lend(t, owner, a, w.WalletID, limit)
		r.lend(t, owner, b, w.WalletID, limit)
		for i, want := range c.fits {
			by := []tenant{a, b}[i/2]
			answer := r.call(t, keys[i/2], api.SignTransaction, payment(t, by, w.WalletID, 7, uint64(i)))
			if (answer.Status == 200) != want {
				t.Errorf("scope %s, call %d: %d %s", c.scope, i, answer.Status, answer.Result)
			}
			if !want && !strings.Contains(apiError(t, answer).Message, "limit 10 ETH in 24h0m0s by "+c.scope+", used 7, requested 7, left 3") {
				t.Errorf("scope %s, call %d: %s", c.scope, i, answer.Result)
			}
		}
		// Without a policy of their own that looks, the grant's rules are asked all the same.
		if answer := r.call(t, a.key, api.SignTransaction, payment(t, a, w.WalletID, 11, 9)); answer.Status != 403 {
			t.Errorf("scope %s, root: %d %s", c.scope, answer.Status, answer.Result)
		}
		if c.scope == "organization" || c.scope == "user" {
			continue
		}
		if answer := r.call(t, owner.key, api.SignTransaction, payment(t, owner, w.WalletID, 11, 9)); answer.Status != 200 {
			t.Errorf("scope %s, the owner: %d %s", c.scope, answer.Status, answer.Result)
		}
	}
}

// A root user of the target is let through by the rules of a grant within its limit, and the owner's counters move.
func TestGrantedToRoot(t *testing.T) {
	r := newRig(t)
	owner, target := r.tenant(t), r.tenant(t)
	w := r.wallet(t, owner)
	r.lend(t, owner, target, w.WalletID, "request.method == 'signTransaction' && usage.spent('ETH', 'day', 'wallet') <= 10")
	for i, want := range []uint16{200, 403} {
		if a := r.call(t, target.key, api.SignTransaction, payment(t, target, w.WalletID, 6, uint64(i))); a.Status != want {
			t.Errorf("payment %d: %d %s, want %d", i, a.Status, a.Result, want)
		}
	}
}

// Each authenticator of a user counts by itself where the scope says so.
func TestLimitByAuthenticator(t *testing.T) {
	r := newRig(t)
	o := r.tenant(t)
	w := r.wallet(t, o)
	one, two := newKey(t), newKey(t)
	must[api.Organization](t, r, o.key, api.AddUserToOrganization, object{"organizationId": o.id, "user": object{
		"username": "agent", "authenticators": []any{keypair("1", one), keypair("2", two)},
		"policy": ruled(allows("request.method == 'signTransaction' && usage.count('day', 'authenticator') <= 1")),
	}})
	for i, c := range []struct {
		key  ed25519.PrivateKey
		want uint16
	}{{one, 200}, {two, 200}, {one, 403}, {two, 403}} {
		if a := r.call(t, c.key, api.SignTransaction, payment(t, o, w.WalletID, 1, uint64(i))); a.Status != c.want {
			t.Errorf("%d: %d %s", i, a.Status, a.Result)
		}
	}
}

// Amounts and requests of one user are two counters, and so are two assets; entries tell of them and of what allowed.
func TestCountersAreApart(t *testing.T) {
	r := newRig(t)
	o := r.tenant(t)
	w := r.wallet(t, o)
	key := r.agent(t, o, "agent", allows("request.method == 'signTransaction' && !effects.unknown && usage.spent('ETH', 'day') <= 100 && usage.count('day') <= 3 && usage.spent('SOL', 'day') <= 100"))
	for i := range 3 {
		if a := r.call(t, key, api.SignTransaction, payment(t, o, w.WalletID, 30, uint64(i))); a.Status != 200 {
			t.Fatalf("payment %d: %s", i, a.Result)
		}
	}
	if a := r.call(t, key, api.SignTransaction, payment(t, o, w.WalletID, 1, 3)); a.Status != 403 || !strings.Contains(apiError(t, a).Message, "limit 3  in day by user, used 3, requested 1, left 0") {
		t.Errorf("%d %s", a.Status, a.Result)
	}
	all := r.history(t, o, 100)
	denied, allowed := all[0], all[1]
	if denied.Policy != "no rule" || len(denied.Counters) != 0 || allowed.Policy != "rule 0 (test)" || allowed.Effects == nil || len(allowed.Counters) != 2 {
		t.Fatalf("%+v, %+v", denied, allowed)
	}
	for i, want := range []string{"3", "90"} {
		if c := allowed.Counters[i]; c.Total != want || !strings.HasPrefix(c.Subject, "user:") {
			t.Errorf("counter %d: %+v", i, c)
		}
	}
}

// toTwo pays two accounts on Solana in one transaction.
func toTwo(t testing.TB, from string, first, second uint16) []byte {
	t.Helper()
	payer, err := base58.Decode(from)
	if err != nil {
		t.Fatal(err)
	}
	raw := slices.Concat([]byte{1, 0, 1, 4}, payer, slices.Repeat([]byte{7}, 32), slices.Repeat([]byte{8}, 32), make([]byte, 32), slices.Repeat([]byte{9}, 32), []byte{2})
	for i, n := range []uint16{first, second} {
		raw = append(raw, 3, 2, 0, byte(i+1), 12, 2, 0, 0, 0, byte(n), byte(n>>8), 0, 0, 0, 0, 0, 0)
	}
	if _, err := solana.Parse(raw); err != nil {
		t.Fatal(err)
	}
	return raw
}

// Of several destinations each has its own limit, in the asset and in dollars, and no fee; the largest counts.
func TestLimitOfDestinations(t *testing.T) {
	for _, limit := range []string{"usage.spent('SOL', 'day', 'destination') <= 100", "usage.spent('USD', 'day', 'destination') <= 100"} {
		r := newRig(t)
		o := r.tenant(t)
		w := r.wallet(t, o)
		// A lamport is a millionth of a dollar.
		must[api.Prices](t, r, o.key, api.SetPrices, object{"organizationId": o.id, "prices": []any{
			object{"asset": "SOL", "decimals": 9, "usd": "1000"}, object{"asset": "ETH", "decimals": 18, "usd": "1"},
		}})
		key := r.agent(t, o, "agent", allows("request.method == 'signTransaction' && !effects.unknown && "+limit))
		for i, c := range []struct {
			first, second uint16
			want          uint16
		}{{60, 100, 200}, {40, 1, 403}, {41, 0, 403}, {40, 0, 200}, {0, 1, 403}, {1, 0, 403}} {
			a := r.call(t, key, api.SignTransaction, object{
				"organizationId": o.id, "walletId": w.WalletID, "derivationInfo": solanaPath,
				"transaction": base64.RawURLEncoding.EncodeToString(toTwo(t, w.Accounts[0].Address, c.first, c.second)),
			})
			if a.Status != c.want {
				t.Errorf("%s, %d: %d %s", limit, i, a.Status, a.Result)
			}
		}
	}
}

// What cannot be counted is not signed, whoever asks: a counter never runs over.
func TestCounterOverflow(t *testing.T) {
	r := newRig(t)
	o := r.tenant(t)
	w := r.wallet(t, o)
	r.agent(t, o, "agent", allows("request.method == 'signTransaction' && usage.spent('ETH', 'day', 'wallet') <= 10"))
	most := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1))
	for i, c := range []struct {
		wei  *big.Int
		want uint16
	}{{most, 200}, {big.NewInt(1), 403}, {new(big.Int), 200}} {
		to := [20]byte{0xde, 0xad}
		tx, err := evm.NewDynamicFee(evm.DynamicFee{ChainID: big.NewInt(1), Nonce: uint64(i), GasLimit: 21000, MaxFeePerGas: new(big.Int), MaxPriorityFeePerGas: new(big.Int), To: &to, Value: c.wei})
		if err != nil {
			t.Fatal(err)
		}
		p := payment(t, o, w.WalletID, 1, 0)
		p["transaction"] = object{"kind": "RLP_ENCODED", "bytes": fmt.Sprintf("0x%x", tx.Unsigned())}
		if a := r.call(t, o.key, api.SignTransaction, p); a.Status != c.want {
			t.Errorf("%d: %d %s", i, a.Status, a.Result)
		}
	}
}

// Those who use the same counters wait for each other, and for nobody else; two organizations are taken in one order, and
// one that is both once.
func TestHoldMeters(t *testing.T) {
	e := &Engine{}
	id := func(last byte) proof.ID { return proof.ID{15: last} }
	of := func(last byte) *meter { return &meter{organization: id(last)} }
	for _, c := range []struct {
		all  meters
		held []byte
	}{
		{meters{of(5)}, []byte{5}},
		{meters{of(5), of(2)}, []byte{2, 5}},
		{meters{of(2), of(5)}, []byte{2, 5}},
		{meters{of(5), of(5)}, []byte{5}},
	} {
		done := make(chan func())
		first := c.held[0]
		e.metering.lock(id(first)) // somebody else has the first that is to be taken
		go func() { done <- e.holdMeters(c.all) }()
		for range 100 { // meanwhile nothing else is taken
			time.Sleep(100 * time.Microsecond)
			for _, other := range []byte{2, 5, 69} {
				if other == first {
					continue
				}
				if held(e, id(other)) {
					t.Fatalf("%v: place %d is held, and %d waited for", c.held, other, first)
				}
			}
		}
		e.metering.unlock(id(first))
		var unlock func()
		select {
		case unlock = <-done:
		case <-time.After(time.Minute):
			t.Fatalf("%v: it waits for itself", c.held)
		}
		for _, place := range []byte{2, 5, 69} {
			if got := held(e, id(place)); got != slices.Contains(c.held, place) {
				t.Errorf("%v: place %d is held: %v", c.held, place, got)
			}
		}
		unlock()
		if len(e.metering.all) != 0 {
			t.Errorf("%v: %d are left", c.held, len(e.metering.all))
		}
	}
}

// held says whether somebody has an organization's counters.
func held(e *Engine, organization proof.ID) bool {
	e.metering.mu.Lock()
	defer e.metering.mu.Unlock()
	one := e.metering.all[organization]
	if one == nil || !one.mu.TryLock() {
		return one != nil
	}
	one.mu.Unlock()
	return false
}

// The calendar windows that a policy names, the user's or the grant's, are kept from the first request on, those of the
// same asset and scope and no others; a counter that moves meanwhile is seen.
func TestMetersKeepWindows(t *testing.T) {
	policyOf := func(expression string) org.Policy {
		return org.Policy{Type: org.PolicyCEL, Rules: []org.Rule{{Expression: expression, Outcome: org.OutcomeAllow}}}
	}
	counters := []org.Counter{{Scope: "user", Asset: ""}, {Scope: "user", Asset: "ETH"}, {Scope: "wallet", Asset: ""}}
	controls := &org.Controls{Counters: counters}
	to := [20]byte{1}
	tx, err := evm.NewDynamicFee(evm.DynamicFee{ChainID: big.NewInt(1), GasLimit: 21000, MaxFeePerGas: new(big.Int), MaxPriorityFeePerGas: new(big.Int), To: &to, Value: big.NewInt(5)})
	if err != nil {
		t.Fatal(err)
	}
	e := &Engine{compilations: newCompilations()}
	c := &caller{now: 1_795_333_820_985, organization: proof.ID{1}, compilations: e.compilations}
	c.controls.value = controls
	c.member.User = &org.User{Username: "ann", Policy: policyOf("usage.spent('ETH', 'week') <= 9 && usage.count(duration('1h')) <= 9")}
	c.member.Authenticator = &org.Authenticator{ID: proof.ID{4}}
	from := access{grant: &org.Grant{Policy: policyOf("usage.count('month', 'wallet') <= 9")}}
	from.wallet.value = &org.Wallet{ID: proof.ID{2}, Organization: proof.ID{3}}
	from.owner.value = controls
	facts := &fact.Facts{Payload: tx, Address: "0x"}
	all := e.meters(c, from, rule.Question{}, facts)
	if len(all) != 2 || all[0].organization != (proof.ID{1}) || all[1].organization != (proof.ID{3}) {
		t.Fatalf("%+v", all)
	}
	for i, want := range []map[string]string{{"user:ETH": "week"}, {"wallet:": "month"}} {
		p := &proposal{}
		if err := all[i].reserve(p); err != nil || len(p.changes) != 3 || len(p.entry.Counters) != 3 {
			t.Fatalf("%+v, %v", p, err)
		}
		for j, change := range p.changes {
			kept := ""
			series, ok := change.value.(*usage.Series)
			if !ok || series.Since != counters[j].Since {
				t.Fatalf("%+v", change)
			}
			for _, calendar := range series.Calendars {
				kept += calendar.Window
			}
			if name := counters[j].Scope + ":" + counters[j].Asset; kept != want[name] {
				t.Errorf("meter %d, %s: keeps %q, want %q", i, name, kept, want[name])
			}
		}
	}
}
