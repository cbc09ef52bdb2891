package policy

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/wire"
)

// connection adds a user with a daily limit in cents to a wallet.
func (r *rig) connection(t testing.TB, o tenant, wallet string, cents int) ed25519.PrivateKey {
	t.Helper()
	key := newKey(t)
	must[api.Organization](t, r, o.key, api.AddUserToOrganization, object{"organizationId": o.id, "user": object{
		"username": "app", "authenticators": []any{keypair("k", key)},
		"policy": object{"type": "CEL", "preset": "DAPP_CONNECTION_USER", "walletId": wallet, "usdLimit": object{
			"usdCentsLimitPerDay": cents, "memoryAccount": "11111111111111111111111111111111", "memoryId": 1, "memoryBump": 255,
		}},
	}})
	return key
}

// The limit of a connection is in dollars, by prices that root set; without a price nothing is signed.
func TestConnectionLimit(t *testing.T) {
	r := newRig(t)
	o := r.tenant(t)
	w := r.wallet(t, o)
	app := r.connection(t, o, w.WalletID, 1000) // $10
	pay := func(wei int64, nonce uint64) wire.Answer {
		return r.call(t, app, api.SignTransaction, payment(t, o, w.WalletID, wei, nonce))
	}
	if a := pay(1, 0); a.Status != 403 || !strings.Contains(string(a.Result), "no price") {
		t.Fatalf("without a price: %d %s", a.Status, a.Result)
	}
	prices := func(usd string) object {
		return object{"organizationId": o.id, "prices": []any{object{"asset": "ETH", "decimals": 18, "usd": usd}}}
	}
	must[api.Prices](t, r, o.key, api.SetPrices, prices("2500.5"))
	const milli = 1_000_000_000_000_000 // 0.001 ETH, $2.5005
	for nonce := range uint64(3) {
		if a := pay(milli, nonce); a.Status != 200 {
			t.Fatalf("payment %d of $2.50: %s", nonce, a.Result)
		}
	}
	e := apiError(t, pay(milli, 3))
	want := api.SpendingLimit{PreviousSpendCents: 751, TransactionSpendCents: 251, TotalSpendCents: 1002, LimitCents: 1000}
	if e.Type != api.TypeSpendingLimit || e.SpendingLimit == nil || *e.SpendingLimit != want {
		t.Errorf("%+v, want %+v", e, want)
	}
	if a := r.call(t, app, api.SignUtf8Message, utf8Params(o, w.WalletID, "hello")); a.Status != 200 {
		t.Errorf("a message: %s", a.Result)
	}
	if a := r.call(t, app, api.SetPrices, prices("1")); a.Status != 403 {
		t.Errorf("the app sets a price: %d", a.Status)
	}
	for path, p := range map[string]object{
		"params.prices":             {"prices": []any{}},
		"params.prices[0].usd":      {"prices": []any{object{"asset": "ETH", "decimals": 18, "usd": "1.1234567"}}},
		"params.prices[0].decimals": {"prices": []any{object{"asset": "ETH", "decimals": 78, "usd": "1"}}},
		"params.prices[0].asset":    {"prices": []any{object{"asset": "USD", "decimals": 6, "usd": "1"}}},
	} {
		p["organizationId"] = o.id
		if a := r.call(t, o.key, api.SetPrices, p); errorPath(a) != path {
			t.Errorf("%s: %s", path, a.Result)
		}
	}
}

// A feed that root named sets prices by whoever brings its statement, forward in time only.
func TestPriceFeed(t *testing.T) {
	r := newRig(t)
	o := r.tenant(t, user("plain", preset("LEGACY_USER_ROLE"), newKey(t)))
	feed, carrier := newKey(t), r.agent(t, o, "carrier", allows("request.method == 'getAccounts'"))
	statement := func(key ed25519.PrivateKey, at int64, usd string) object {
		text := fmt.Sprintf("redoubt/prices/v1\n%d\nSOL 9 %s\n", at, usd)
		return object{"organizationId": o.id, "prices": []any{object{"asset": "SOL", "decimals": 9, "usd": usd}}, "feed": object{
			"publicKey": b64(public(key)), "timeMs": at, "signature": base64.RawURLEncoding.EncodeToString(ed25519.Sign(key, []byte(text))),
		}}
	}
	now := time.Now().UnixMilli()
	if a := r.call(t, carrier, api.SetPrices, statement(feed, now-1000, "100")); errorPath(a) != "params.feed.publicKey" {
		t.Fatalf("an unknown feed: %s", a.Result)
	}
	must[api.Controls](t, r, o.key, api.UpdateOrganizationControls, object{"organizationId": o.id, "prices": object{"feeds": []string{b64(public(feed))}}})
	got := must[api.Prices](t, r, carrier, api.SetPrices, statement(feed, now-1000, "100.25"))
	if len(got.Prices) != 1 || got.Prices[0] != (api.Price{Asset: "SOL", Decimals: 9, USD: "100.25", AtMs: now - 1000}) {
		t.Errorf("%+v", got)
	}
	old := statement(feed, now-2000, "1")
	forged := statement(newKey(t), now-500, "1")
	forged["feed"].(object)["publicKey"] = b64(public(feed))
	changed := statement(feed, now-500, "100")
	changed["prices"] = []any{object{"asset": "SOL", "decimals": 9, "usd": "1"}}
	for name, c := range map[string]struct {
		params object
		path   string
	}{
		"older": {old, "params.prices[0]"}, "forged": {forged, "params.feed.signature"}, "changed": {changed, "params.feed.signature"},
		"future": {statement(feed, now+100_000, "1"), "params.feed.timeMs"},
	} {
		if a := r.call(t, carrier, api.SetPrices, c.params); errorPath(a) != c.path {
			t.Errorf("%s: %s", name, a.Result)
		}
	}
}

const vaultABI = `[{"type":"function","name":"pull","inputs":[{"name":"order","type":"tuple","components":[{"name":"to","type":"address"},{"name":"parts","type":"uint256[]"}]}],"outputs":[]}]`

// A policy reads the calls of a registered contract by name, and a dry run says what it would decide.
func TestRegisteredContract(t *testing.T) {
	r := newRig(t)
	o := r.tenant(t)
	w := r.wallet(t, o)
	r.agent(t, o, "agent", allows("request.method == 'signTransaction' && tx.evm.call.name == 'pull' && tx.evm.call.args.order.to == '0x00000000000000000000000000000000000000aa' && tx.evm.call.args.order.parts.all(p, p < 10) && size(tx.evm.call.args.order.parts) > 0"))
	register := object{"organizationId": o.id, "chain": "eip155:1", "address": "0xdead000000000000000000000000000000000000", "name": "Vault", "abi": json.RawMessage(vaultABI)}
	word := func(hex string) string { return strings.Repeat("0", 64-len(hex)) + hex }
	call := func(to, part string) object {
		p := payment(t, o, w.WalletID, 0, 1)
		data := "1cc61222" + word("20") + word(to) + word("40") + word("1") + word(part)
		return callData(t, p, data)
	}
	dry := func(to, part string) api.DryRunResult {
		return must[api.DryRunResult](t, r, o.key, api.DryRun, object{"organizationId": o.id, "username": "agent", "request": object{
			"method": "signTransaction", "timestampMs": 0, "params": call(to, part),
		}})
	}
	if d := dry("aa", "9"); d.Decision != "DENY" || !d.Effects.Unknown {
		t.Errorf("before the contract is known: %+v", d)
	}
	must[api.Contract](t, r, o.key, api.RegisterContract, register)
	for _, c := range []struct{ to, part, want string }{{"aa", "9", "ALLOW"}, {"aa", "a", "DENY"}, {"ab", "9", "DENY"}} {
		if d := dry(c.to, c.part); d.Decision != c.want {
			t.Errorf("%+v: %+v", c, d)
		}
	}
	delete(register, "abi")
	must[api.Contract](t, r, o.key, api.RegisterContract, register)
	if d := dry("aa", "9"); d.Decision != "DENY" {
		t.Errorf("after it is forgotten: %+v", d)
	}
}
