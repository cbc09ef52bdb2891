package policy

import (
	"crypto/ed25519"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redoubt-kms/redoubt/api"
)

// A dry run tells no more than who asks could learn without it: no other wallet's addresses, no policy that they may not
// read, and nothing that rules of their own would read for them.
func TestDryRunDisclosesNothing(t *testing.T) {
	r := newRig(t)
	o := r.tenant(t)
	own, other := r.wallet(t, o), r.wallet(t, o)
	app := r.connection(t, o, own.WalletID, 1000)
	blind := r.agent(t, o, "blind", allows("request.method == 'dryRun' || request.method == 'signTransaction' && tx.evm.value < 1"))
	try := func(wallet string) object {
		return object{"organizationId": o.id, "request": object{"method": api.SignTransaction, "params": payment(t, o, wallet, 1, 0)}}
	}
	must[api.Wallet](t, r, o.key, api.CreateWallet, object{"organizationId": o.id, "walletName": "w", "accounts": []string{solanaPath}})
	if d := must[api.DryRunResult](t, r, app, api.DryRun, try(other.WalletID)); d.Decision != "DENY" || d.Effects != nil {
		t.Errorf("another wallet: %+v", d)
	}
	if d := must[api.DryRunResult](t, r, app, api.DryRun, try(own.WalletID)); d.Effects == nil || d.Explanation == nil {
		t.Errorf("the connection's own wallet: %+v", d)
	}
	if d := must[api.DryRunResult](t, r, blind, api.DryRun, try(own.WalletID)); d.Decision != "DENY" || d.Explanation != nil || d.Effects != nil {
		t.Errorf("who may neither read policies nor accounts: %+v", d)
	}
	if d := must[api.DryRunResult](t, r, o.key, api.DryRun, try(other.WalletID)); d.Effects == nil {
		t.Errorf("root: %+v", d)
	}
	supposed := try(other.WalletID)
	supposed["policy"] = ruled(allows("request.derivation.address == '' || usage.spent('ETH', 'day', 'organization') < 1"))
	for name, key := range map[string][]byte{"the connection": app, "an agent": blind} {
		if a := r.call(t, key, api.DryRun, supposed); a.Status != 403 || !strings.Contains(string(a.Result), "takes the right to replayPolicy") {
			t.Errorf("%s supposes a policy: %d %s", name, a.Status, a.Result)
		}
	}
}

// A frozen user does nothing, not even bring a feed's statement; and nobody does in a frozen organization.
func TestFreezeHoldsForPriceFeeds(t *testing.T) {
	r := newRig(t)
	o := r.tenant(t)
	feed, carrier := newKey(t), r.agent(t, o, "carrier", allows("request.method == 'getAccounts'"))
	must[api.Controls](t, r, o.key, api.UpdateOrganizationControls, object{"organizationId": o.id, "prices": object{"feeds": []string{b64(public(feed))}}})
	at := time.Now().UnixMilli() - 100_000
	set := func() uint16 {
		at++
		signature := ed25519.Sign(feed, []byte(fmt.Sprintf("redoubt/prices/v1\n%d\nSOL 9 1\n", at)))
		return r.call(t, carrier, api.SetPrices, object{"organizationId": o.id, "prices": []any{object{"asset": "SOL", "decimals": 9, "usd": "1"}}, "feed": object{
			"publicKey": b64(public(feed)), "timeMs": at, "signature": b64(signature),
		}}).Status
	}
	for name, what := range map[string]object{"the user": {"username": "carrier"}, "the organization": {}} {
		if got := set(); got != 200 {
			t.Errorf("%s is not frozen: %d", name, got)
		}
		r.freeze(t, o, what)
		if got := set(); got != 403 {
			t.Errorf("%s is frozen: %d", name, got)
		}
		r.unfreeze(t, o, what)
	}
}
