package policy

import (
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain/evm"
	"github.com/redoubt-kms/redoubt/internal/wire"
)

// agent adds a user whose policy has the given rules to an organization.
func (r *rig) agent(t testing.TB, o tenant, name string, rules ...object) ed25519.PrivateKey {
	t.Helper()
	key := newKey(t)
	must[api.Organization](t, r, o.key, api.AddUserToOrganization, object{"organizationId": o.id, "user": object{
		"username": name, "authenticators": []any{keypair("k", key)}, "policy": ruled(rules...),
	}})
	return key
}

func ruled(rules ...object) object {
	return object{"type": "CEL", "rules": rules, "constants": []any{}}
}

func allows(expression string) object {
	return object{"expression": expression, "outcome": "ALLOW", "comment": "test"}
}

// payment is an EVM transaction of so many wei, each another one.
func payment(t testing.TB, o tenant, wallet string, wei int64, nonce uint64) object {
	t.Helper()
	to := [20]byte{0xde, 0xad}
	tx, err := evm.NewDynamicFee(evm.DynamicFee{
		ChainID: big.NewInt(1), Nonce: nonce, GasLimit: 21000, MaxFeePerGas: new(big.Int), MaxPriorityFeePerGas: new(big.Int), To: &to, Value: big.NewInt(wei),
	})
	if err != nil {
		t.Fatal(err)
	}
	return object{
		"organizationId": o.id, "walletId": wallet, "derivationInfo": "m/44'/60'/0'/0/0",
		"transaction": object{"kind": "RLP_ENCODED", "bytes": "0x" + hex.EncodeToString(tx.Unsigned())},
	}
}

// callData turns a payment into a call of its recipient.
func callData(t testing.TB, p object, data string) object {
	t.Helper()
	b, err := hex.DecodeString(data)
	if err != nil {
		t.Fatal(err)
	}
	to := [20]byte{0xde, 0xad}
	tx, err := evm.NewDynamicFee(evm.DynamicFee{
		ChainID: big.NewInt(1), GasLimit: 100_000, MaxFeePerGas: new(big.Int), MaxPriorityFeePerGas: new(big.Int), To: &to, Value: new(big.Int), Data: b,
	})
	if err != nil {
		t.Fatal(err)
	}
	p["transaction"] = object{"kind": "RLP_ENCODED", "bytes": "0x" + hex.EncodeToString(tx.Unsigned())}
	return p
}

func apiError(t testing.TB, a wire.Answer) api.Error {
	t.Helper()
	var e api.Error
	if err := json.Unmarshal(a.Result, &e); err != nil {
		t.Fatal(err)
	}
	return e
}

// A limit holds over requests, is explained where it denies, counts a retried body once, and survives a restart and a
// policy that is written anew.
func TestLimit(t *testing.T) {
	r := newRig(t)
	o := r.tenant(t)
	w := r.wallet(t, o)
	limit := func(wei string) object {
		return allows("request.method in ['signTransaction', 'getOrganization'] && (request.method == 'getOrganization' || !effects.unknown && usage.spent('ETH', duration('24h')) <= uint256('" + wei + "'))")
	}
	key := r.agent(t, o, "agent", limit("100"))
	first := r.body(t, api.SignTransaction, payment(t, o, w.WalletID, 60, 1))
	for range 3 {
		if a := r.send(t, key, first); a.Status != 200 {
			t.Fatalf("within the limit: %s", a.Result)
		}
	}
	over := func(because string) {
		t.Helper()
		a := r.call(t, key, api.SignTransaction, payment(t, o, w.WalletID, 41, 2))
		e := apiError(t, a)
		if a.Status != 403 || e.Explanation == nil || !strings.Contains(e.Message, because) {
			t.Fatalf("%d %s, want 403 and %q", a.Status, a.Result, because)
		}
	}
	over("limit 100 ETH in 24h0m0s by user, used 60, requested 41, left 40, fits again at ")
	r.restart(t)
	over("used 60, requested 41, left 40")
	must[api.Organization](t, r, o.key, api.UpdateUserInOrganization, object{"organizationId": o.id, "username": "agent", "newPolicy": ruled(limit("99"))})
	over("limit 99 ETH in 24h0m0s by user, used 60, requested 41, left 39")
	if a := r.call(t, key, api.SignTransaction, payment(t, o, w.WalletID, 39, 3)); a.Status != 200 {
		t.Fatalf("up to the limit: %s", a.Result)
	}
	over("used 99, requested 41, left 0")
}

// However many callers race for what a limit leaves, what is signed never exceeds it, and nearly all of it is used.
func TestLimitRace(t *testing.T) {
	r := newRig(t)
	o := r.tenant(t)
	w := r.wallet(t, o)
	const each, most = 7, 1000
	for round := range rounds(3, 200) {
		key := r.agent(t, o, fmt.Sprint("agent", round), allows(
			"request.method == 'signTransaction' && !effects.unknown && usage.spent('ETH', duration('24h')) <= uint256('1000')"))
		var signed, nonce atomic.Int64
		var all sync.WaitGroup
		for range 64 {
			all.Go(func() {
				for range 4 {
					n := nonce.Add(1)
					if a := r.call(t, key, api.SignTransaction, payment(t, o, w.WalletID, each, uint64(n))); a.Status == 200 {
						signed.Add(each)
					} else if a.Status != 403 {
						t.Errorf("%d %s", a.Status, a.Result)
					}
				}
			})
		}
		all.Wait()
		if s := signed.Load(); s > most || s < most*95/100 {
			t.Fatalf("signed %d of %d", s, most)
		}
		must[api.Organization](t, r, o.key, api.DeleteUserFromOrganization, object{"organizationId": o.id, "username": fmt.Sprint("agent", round)})
	}
}

// Scopes count together what belongs together.
func TestLimitScopes(t *testing.T) {
	r := newRig(t)
	o := r.tenant(t)
	w, other := r.wallet(t, o), r.wallet(t, o)
	scoped := func(scope string) object {
		return allows("request.method == 'signTransaction' && !effects.unknown && usage.count('day', '" + scope + "') <= 2")
	}
	for i, c := range []struct {
		scope string
		fits  []bool // first user wallet 1, first user wallet 2, second user wallet 1, again
	}{
		{"user", []bool{true, true, true, false}},
		{"wallet", []bool{true, true, true, false}},
		{"organization", []bool{true, true, false, false}},
		{"destination", []bool{true, true, false, false}},
		{"authenticator", []bool{true, true, true, false}},
	} {
		org := o
		w, other := w, other
		if i > 0 { // counters never forget, so each scope has an organization of its own
			org = r.tenant(t)
			w, other = r.wallet(t, org), r.wallet(t, org)
		}
		a, b := r.agent(t, org, "a", scoped(c.scope)), r.agent(t, org, "b", scoped(c.scope))
		for j, call := range []struct {
			key    ed25519.PrivateKey
			wallet string
		}{{a, w.WalletID}, {a, other.WalletID}, {b, w.WalletID}, {a, w.WalletID}} {
			answer := r.call(t, call.key, api.SignTransaction, payment(t, org, call.wallet, 1, uint64(j)))
			if (answer.Status == 200) != c.fits[j] {
				t.Errorf("scope %s, call %d: %d %s", c.scope, j, answer.Status, answer.Result)
			}
		}
	}
}
