package policy

import (
	little "encoding/binary"
	"fmt"
	"math/big"
	"testing"

	"github.com/ethereum/go-ethereum/common"

	"github.com/redoubt-kms/redoubt/api"
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
