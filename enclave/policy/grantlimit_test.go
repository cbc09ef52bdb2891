package policy

import (
	little "encoding/binary"
	"fmt"
	"math/big"
	"testing"

	"github.com/ethereum/go-ethereum/common"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/wire"
)

// A limit in a grant holds for the organization that was granted the wallet, however many users it makes.
func TestGrantLimitHoldsForManyUsers(t *testing.T) {
	r := newRig(t)
	owner, target := r.tenant(t), r.tenant(t)
	w := r.wallet(t, owner)
	for _, scope := range []string{"user", "authenticator", "organization", "wallet"} {
		rule := fmt.Sprintf("request.method == 'signTransaction' && !effects.unknown && usage.spent('ETH', 'month', '%s') <= uint256('10')", scope)
		must[api.Grant](t, r, owner.key, api.GrantOrganizationAccess, between(owner, target, w.WalletID, object{
			"policyName": scope, "policy": rooted("NONE", object{"rules": []object{allows(rule)}, "constants": []any{}}),
		}))
		allowed := 0
		for i := range 4 {
			name := fmt.Sprint(scope, i)
			key := r.agent(t, target, name, allows("true"))
			ask := payment(t, target, w.WalletID, 4, uint64(i))
			ask["policyName"] = scope
			if a := r.call(t, key, api.SignTransaction, ask); a.Status == 200 {
				allowed++
			} else if a.Status != 403 {
				t.Fatalf("%s: %d %s", name, a.Status, a.Result)
			}
		}
		if allowed != 2 {
			t.Errorf("%s: %d payments of 4 within a limit of 10, want 2", scope, allowed)
		}
	}
}

// Where one user is limited by destination, no other's request moves value to more of them than are counted.
func TestUncountedDestinationsAreDenied(t *testing.T) {
	c := newCases(t)
	const multicallABI = `[{"type":"function","name":"multicall","inputs":[{"name":"data","type":"bytes[]"}]}]`
	send := func(n int) uint16 {
		var calls [][]byte
		for i := range n {
			calls = append(calls, pack(t, erc20ABI, "transfer", common.BytesToAddress(little.BigEndian.AppendUint32([]byte{9}, uint32(i))), big.NewInt(1)))
		}
		q := evmCall{chain: 1, to: usdc, data: pack(t, multicallABI, "multicall", calls)}.request(t)
		q.params["organizationId"], q.params["walletId"] = c.id, c.wallet
		return c.call(t, c.tenant.key, q.method, q.params).Status
	}
	if got := send(65); got != 200 {
		t.Fatalf("nothing is counted: %d", got)
	}
	c.agent(t, c.tenant, "limited", allows("request.method == 'signTransaction' && !effects.unknown && usage.spent('ETH', 'day', 'destination') <= uint256('1')"))
	if got := send(64); got != 200 {
		t.Errorf("64 destinations: %d", got)
	}
	if got := send(66); got != 403 {
		t.Errorf("66 destinations: %d", got)
	}
}

// Who was granted a wallet does not learn from their entries how much its owner uses it.
func TestGrantTellsNoTotals(t *testing.T) {
	r := newRig(t)
	owner, target := r.tenant(t), r.tenant(t)
	w := r.wallet(t, owner)
	must[api.Grant](t, r, owner.key, api.GrantOrganizationAccess, between(owner, target, w.WalletID, object{
		"policy": rooted("NONE", object{"rules": []object{allows("request.method == 'signTransaction' && !effects.unknown && usage.spent('ETH', 'day', 'wallet') <= uint256('1000')")}, "constants": []any{}}),
	}))
	r.agent(t, target, "own", allows("usage.spent('ETH', 'day', 'wallet') <= uint256('1000')"))
	for i, k := range []tenant{owner, target} {
		key := k.key
		if i == 1 {
			key = r.agent(t, target, "user", allows("true"))
		}
		if a := r.call(t, key, api.SignTransaction, payment(t, k, w.WalletID, 77, uint64(i))); a.Status != 200 {
			t.Fatalf("%d %s", a.Status, a.Result)
		}
	}
	newest := r.history(t, target, 10)[0]
	totals := []string{}
	for _, c := range newest.Counters {
		totals = append(totals, c.Total)
	}
	if len(totals) != 2 || totals[0] != "77" || totals[1] != "" { // its own counter, and that there is one of the owner's
		t.Errorf("%v", newest.Counters)
	}
	if own := r.history(t, owner, 10)[0]; len(own.Counters) != 1 || own.Counters[0].Total != "77" {
		t.Errorf("%v", own.Counters)
	}
}

// A limit that the old owner of a wallet retains holds from the moment that the new one accepts, who counts what it names from
// then on. Nobody has another organization count what that one did not accept.
func TestRetainedLimit(t *testing.T) {
	r := newRig(t)
	owner, target := r.tenant(t), r.tenant(t)
	w := r.wallet(t, owner)
	limited := rooted("NONE", object{"rules": []object{allows("request.method == 'signTransaction' && !effects.unknown && usage.spent('ETH', 'day', 'wallet') <= uint256('10')")}, "constants": []any{}})
	agent := r.agent(t, owner, "agent", allows("true"))
	offer := func(await bool) wire.Answer {
		return r.call(t, owner.key, api.TransferOrganizationWallet, between(owner, target, w.WalletID, object{"retainPolicy": limited, "awaitAcceptance": await}))
	}
	if a := offer(false); errorPath(a) != "params.retainPolicy" {
		t.Fatalf("%d %s", a.Status, a.Result)
	}
	if a := offer(true); a.Status != 200 {
		t.Fatalf("%d %s", a.Status, a.Result)
	}
	pending := must[api.PendingMigrations](t, r, target.key, api.ListPendingMigrations, object{"organizationId": target.id}).PendingMigrations
	if len(pending) != 1 {
		t.Fatalf("%+v", pending)
	}
	must[api.Grant](t, r, target.key, api.CompleteWalletTransfer, object{"organizationId": target.id, "migrationId": pending[0].MigrationID})
	for i, want := range []uint16{200, 403, 200, 403} {
		wei := []int64{7, 4, 3, 1}[i]
		if a := r.call(t, agent, api.SignTransaction, payment(t, owner, w.WalletID, wei, uint64(i))); a.Status != want {
			t.Errorf("%d wei: %d %s, want %d", wei, a.Status, a.Result, want)
		}
	}
}
