package policy

import (
	"fmt"
	"testing"

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
