package policy

import (
	"testing"

	"github.com/redoubt-kms/redoubt/api"
)

// Whoever founds an organization may give its users rules, and what they name is counted from the start.
func TestSignUpWithRules(t *testing.T) {
	r := newRig(t)
	key := newKey(t)
	o := r.tenant(t, user("agent", ruled(allows("request.method == 'signTransaction' && !effects.unknown && usage.spent('ETH', 'day') <= uint256('5')")), key))
	w := r.wallet(t, o)
	for i, want := range []uint16{200, 403} {
		if a := r.call(t, key, api.SignTransaction, payment(t, o, w.WalletID, 4, uint64(i))); a.Status != want {
			t.Errorf("payment %d: %d %s", i, a.Status, a.Result)
		}
	}
}
