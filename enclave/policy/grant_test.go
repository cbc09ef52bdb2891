package policy

import (
	"fmt"
	"testing"
	"time"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/wire"
)

const ethereumPath = "m/44'/60'/0'/0/0"

func scopes(names ...string) object { return object{"version": "v0", "scopes": names} }

func rooted(access string, more object) object {
	p := object{"version": "v1", "rootAccess": object{"type": access}}
	for k, v := range more {
		p[k] = v
	}
	return p
}

func between(owner, target tenant, wallet string, more object) object {
	p := object{"ownerOrganizationId": owner.id, "targetOrganizationId": target.id, "walletId": wallet}
	for k, v := range more {
		p[k] = v
	}
	return p
}

// uses are the ways in which a wallet may be used, by the scope that each needs.
func uses(o tenant, wallet, policyName string) map[string]func(r *rig, t *testing.T, k tenant) wire.Answer {
	with := func(more object) object {
		p := object{"organizationId": o.id, "walletId": wallet}
		if policyName != "" {
			p["policyName"] = policyName
		}
		for k, v := range more {
			p[k] = v
		}
		return p
	}
	call := func(m api.Method, more object) func(*rig, *testing.T, tenant) wire.Answer {
		return func(r *rig, t *testing.T, k tenant) wire.Answer { t.Helper(); return r.call(t, k.key, m, with(more)) }
	}
	typed := object{"types": object{"M": []object{{"name": "n", "type": "uint256"}}}, "primaryType": "M", "domain": object{"name": "D"}, "message": object{"n": 1}}
	tx := object{"kind": "EIP_1559", "chainId": 1, "nonce": 0, "gasLimit": 21000, "maxFeePerGas": 1, "maxPriorityFeePerGas": 1, "to": "0x000000000000000000000000000000000000dEaD", "value": 1}
	return map[string]func(*rig, *testing.T, tenant) wire.Answer{
		"signaturePayload":      call(api.SignUtf8Message, object{"message": "hello", "derivationInfo": solanaPath}),
		"ethereumSignMessage":   call(api.EthereumSignMessage, object{"message": "aGVsbG8", "derivationInfo": ethereumPath}),
		"ethereumSignTypedData": call(api.EthereumSignTypedData, object{"typedData": typed, "derivationInfo": ethereumPath}),
		"exportWallet":          call(api.ExportWallet, object{"publicKey": standard(append([]byte{9}, make([]byte, 31)...))}), // the base point
		"signatureTransaction":  call(api.SignTransaction, object{"transaction": tx, "derivationInfo": ethereumPath}),
	}
}

// Each scope of a grant opens what it names and nothing else; "owner" opens all of it, and accounts are readable under any.
func TestScopes(t *testing.T) {
	r := newRig(t)
	owner, target := r.tenant(t), r.tenant(t)
	w := r.wallet(t, owner)
	for _, scope := range []string{"signaturePayload", "signatureTransaction", "ethereumSignMessage", "ethereumSignTypedData", "exportWallet", "owner"} {
		g := must[api.Grant](t, r, owner.key, api.GrantOrganizationAccess, between(owner, target, w.WalletID, object{"policy": scopes(scope)}))
		if g.OrganizationID != target.id || g.WalletID != w.WalletID || len(g.OrganizationPolicy.Scopes) != 1 || g.OrganizationPolicy.Scopes[0] != scope {
			t.Errorf("%s: %+v", scope, g)
		}
		for needs, use := range uses(target, w.WalletID, "") {
			want := uint16(403)
			if scope == needs || scope == "owner" {
				want = 200
			}
			if a := use(r, t, target); a.Status != want {
				t.Errorf("grant of %s, use of %s: %d %s", scope, needs, a.Status, a.Result)
			}
		}
		accounts := must[[]api.Account](t, r, target.key, api.GetAccounts, object{"organizationId": target.id, "walletId": w.WalletID, "accounts": []string{solanaPath}})
		if accounts[0].Address != w.Accounts[0].Address {
			t.Errorf("%s: account %+v", scope, accounts[0])
		}
	}
}

// A signature by a grant is the same as the owner's own; the grant counts from the next request on, for both, and so does
// its end.
func TestGrantAndRevoke(t *testing.T) {
	r := newRig(t)
	owner, target, other := r.tenant(t), r.tenant(t), r.tenant(t)
	w := r.wallet(t, owner)
	own := must[api.Signature](t, r, owner.key, api.SignUtf8Message, utf8Params(owner, w.WalletID, "x"))
	if a := r.call(t, target.key, api.SignUtf8Message, utf8Params(target, w.WalletID, "x")); a.Status != 404 {
		t.Fatalf("before the grant: %d", a.Status)
	}
	must[api.Grant](t, r, owner.key, api.GrantOrganizationAccess, between(owner, target, w.WalletID, object{"policy": scopes("signaturePayload")}))
	must[api.Grant](t, r, owner.key, api.GrantOrganizationAccess, between(owner, target, w.WalletID, object{"policy": scopes("ethereumSignMessage"), "policyName": "mail"}))
	lent := must[api.Signature](t, r, target.key, api.SignUtf8Message, utf8Params(target, w.WalletID, "x"))
	if lent != own {
		t.Errorf("%+v, the owner's %+v", lent, own)
	}
	if a := r.call(t, other.key, api.SignUtf8Message, utf8Params(other, w.WalletID, "x")); a.Status != 404 {
		t.Errorf("another organization: %d", a.Status)
	}
	mail := uses(target, w.WalletID, "mail")
	if a := mail["ethereumSignMessage"](r, t, target); a.Status != 200 {
		t.Errorf("by name: %d %s", a.Status, a.Result)
	}
	if a := mail["signaturePayload"](r, t, target); a.Status != 403 {
		t.Errorf("by another one's name: %d %s", a.Status, a.Result)
	}
	for _, k := range []tenant{owner, target} {
		list := must[api.Grants](t, r, k.key, api.GetWalletAccessGrants, between(owner, target, w.WalletID, nil))
		if list.TotalCount != 2 || list.Grants[0].PolicyName != "" || list.Grants[1].PolicyName != "mail" {
			t.Errorf("%+v", list)
		}
		page := must[api.Grants](t, r, k.key, "getWalletAccessGrants", between(owner, target, w.WalletID, object{"limit": 1, "offset": 1}))
		if page.TotalCount != 2 || len(page.Grants) != 1 || page.Grants[0].PolicyName != "mail" {
			t.Errorf("%+v", page)
		}
	}
	if a := r.call(t, other.key, api.GetWalletAccessGrants, between(owner, target, w.WalletID, nil)); a.Status != 404 {
		t.Errorf("a third organization lists grants: %d %s", a.Status, a.Result)
	}
	r.restart(t)
	gone := must[api.Grant](t, r, owner.key, api.RevokeOrganizationAccess, between(owner, target, w.WalletID, nil))
	if gone.DeletedAtMs == nil || gone.PolicyName != "" {
		t.Errorf("%+v", gone)
	}
	if a := r.call(t, target.key, api.SignUtf8Message, utf8Params(target, w.WalletID, "x")); a.Status != 404 || errorPath(a) != "params.policyName" {
		t.Errorf("after the end: %d %s", a.Status, a.Result)
	}
	if a := mail["ethereumSignMessage"](r, t, target); a.Status != 200 {
		t.Errorf("the other grant ended, too: %d", a.Status)
	}
	must[api.Grant](t, r, owner.key, api.RevokeOrganizationAccess, between(owner, target, w.WalletID, object{"targetPolicyName": "mail"}))
	if a := mail["ethereumSignMessage"](r, t, target); a.Status != 404 {
		t.Errorf("after the end of both: %d", a.Status)
	}
	if a := r.call(t, owner.key, api.RevokeOrganizationAccess, between(owner, target, w.WalletID, nil)); a.Status != 404 {
		t.Errorf("ended twice: %d", a.Status)
	}
}

// A list of derivations restricts a grant to these accounts.
func TestDerivationAllowlist(t *testing.T) {
	r := newRig(t)
	owner, target := r.tenant(t), r.tenant(t)
	w := r.wallet(t, owner)
	allowed := object{"version": "v0", "scopes": []string{"signaturePayload"}, "derivationAllowlist": []any{
		"m/44'/501'/7'/0'", object{"derivationPath": "m/44'/501'/8'/0'", "curve": "Ed25519", "addressFormat": "Solana"},
	}}
	must[api.Grant](t, r, owner.key, api.GrantOrganizationAccess, between(owner, target, w.WalletID, object{"policy": allowed}))
	for path, want := range map[string]uint16{"m/44'/501'/7'/0'": 200, "m/44'/501'/8'/0'": 200, solanaPath: 403, "m/44'/501'/7'": 403, "m/44'/501'/7'/0'/0'": 403} {
		p := utf8Params(target, w.WalletID, "x")
		p["derivationInfo"] = path
		if a := r.call(t, target.key, api.SignUtf8Message, p); a.Status != want {
			t.Errorf("%s: %d %s", path, a.Status, a.Result)
		}
		if a := r.call(t, target.key, api.GetAccounts, object{"organizationId": target.id, "walletId": w.WalletID, "accounts": []string{path}}); a.Status != want {
			t.Errorf("account %s: %d %s", path, a.Status, a.Result)
		}
	}
}

// Version 1: the target's users act by the preset, and its root users beyond it when the grant says so, and when.
func TestRootAccess(t *testing.T) {
	r := newRig(t)
	plain := newKey(t)
	owner, target := r.tenant(t), r.tenant(t, user("plain", preset("LEGACY_USER_ROLE"), plain))
	w := r.wallet(t, owner)
	now := time.Now().UnixMilli()
	after := func(ms int64) object {
		return object{"version": "v1", "rootAccess": object{"type": "AFTER_TIMESTAMP", "timestampMs": ms}, "preset": "DENY_ALL"}
	}
	for i, c := range []struct {
		policy     object
		root, user uint16
	}{
		{rooted("ALWAYS", object{"preset": "DENY_ALL"}), 200, 403},
		{rooted("NONE", object{"preset": "DENY_ALL"}), 403, 403},
		{rooted("NONE", object{"preset": "ALLOW_ALL"}), 200, 200},
		{rooted("NONE", object{"preset": "LEGACY_USER_ROLE"}), 200, 200},
		{rooted("NONE", object{"preset": "DAPP_CONNECTION_USER", "walletId": w.WalletID}), 200, 200},
		{rooted("NONE", object{"preset": "DAPP_CONNECTION_USER", "walletId": target.id}), 403, 403},
		{after(now - 1000), 200, 403},
		{after(now + 3_600_000), 403, 403},
	} {
		must[api.Grant](t, r, owner.key, api.GrantOrganizationAccess, between(owner, target, w.WalletID, object{"policy": c.policy}))
		if a := r.call(t, target.key, api.SignUtf8Message, utf8Params(target, w.WalletID, "x")); a.Status != c.root {
			t.Errorf("%d, root: %d %s", i, a.Status, a.Result)
		}
		if a := r.call(t, plain, api.SignUtf8Message, utf8Params(target, w.WalletID, "x")); a.Status != c.user {
			t.Errorf("%d, user: %d %s", i, a.Status, a.Result)
		}
	}
}

// What a grant may not say, and who may not make one.
func TestGrantArguments(t *testing.T) {
	r := newRig(t)
	plain := newKey(t)
	owner, target := r.tenant(t, user("plain", preset("LEGACY_USER_ROLE"), plain)), r.tenant(t)
	w, foreign := r.wallet(t, owner), r.wallet(t, target)
	invalid := api.TypeInvalid
	for i, c := range []struct {
		more object
		want string
		path string
	}{
		{nil, api.TypeMalformed, "params.policy"},
		{object{"policy": nil}, api.TypeMalformed, "params.policy"},
		{object{"policy": object{}}, invalid, "params.policy.version"},
		{object{"policy": object{"version": "v2"}}, invalid, "params.policy.version"},
		{object{"policy": scopes()}, invalid, "params.policy.scopes"},
		{object{"policy": scopes("sign")}, invalid, "params.policy.scopes[0]"},
		{object{"policy": scopes("owner", "owner")}, invalid, "params.policy.scopes[1]"},
		{object{"policy": object{"version": "v0", "scopes": []string{"owner"}, "preset": "ALLOW_ALL"}}, invalid, "params.policy"},
		{object{"policy": object{"version": "v0", "scopes": []string{"owner"}, "derivationAllowlist": []string{"m/1"}}}, invalid, "params.policy.derivationAllowlist[0]"},
		{object{"policy": object{"version": "v1", "preset": "ALLOW_ALL"}}, api.TypeMalformed, "params.policy.rootAccess"},
		{object{"policy": rooted("SOMETIMES", object{"preset": "ALLOW_ALL"})}, invalid, "params.policy.rootAccess.type"},
		{object{"policy": rooted("AFTER_TIMESTAMP", object{"preset": "ALLOW_ALL"})}, invalid, "params.policy.rootAccess.timestampMs"},
		{object{"policy": rooted("ALWAYS", nil)}, invalid, "params.policy.preset"},
		{object{"policy": rooted("ALWAYS", object{"preset": "ALLOW_ALL", "scopes": []string{"owner"}})}, invalid, "params.policy"},
		{object{"policy": rooted("ALWAYS", object{"rules": []any{object{"expression": "tru", "outcome": "ALLOW", "comment": ""}}, "constants": []any{}})}, invalid, "params.policy.rules[0].expression"},
		{object{"policy": scopes("owner"), "policyName": " "}, invalid, "params.policyName"},
		{object{"policy": scopes("owner"), "transactionPolicy": object{"version": "v1"}}, invalid, "params.transactionPolicy.version"},
		{object{"policy": scopes("owner"), "transactionPolicy": object{"version": "v0", "solana": object{"rules": []object{{"rule": "BundleSizeLimit"}}}}}, invalid, "params.transactionPolicy.solana.rules[0].max"},
		{object{"policy": scopes("owner"), "transactionPolicy": object{"version": "v0", "evm": nil}}, api.TypeMalformed, "params.transactionPolicy.evm"},
		{object{"policy": scopes("owner"), "targetOrganizationId": owner.id}, invalid, "params.targetOrganizationId"},
		{object{"policy": scopes("owner"), "targetOrganizationId": w.WalletID}, api.TypeNotFound, "params.targetOrganizationId"},
		{object{"policy": scopes("owner"), "walletId": foreign.WalletID}, api.TypeNotFound, ""},
	} {
		a := r.call(t, owner.key, api.GrantOrganizationAccess, between(owner, target, w.WalletID, c.more))
		if errorType(a) != c.want || errorPath(a) != c.path {
			t.Errorf("%d: %s at %q, want %s at %q: %s", i, errorType(a), errorPath(a), c.want, c.path, a.Result)
		}
	}
	full := object{"policy": scopes("owner")}
	if a := r.call(t, plain, api.GrantOrganizationAccess, between(owner, target, w.WalletID, full)); a.Status != 403 {
		t.Errorf("by a user who administers nothing: %d", a.Status)
	}
	if a := r.call(t, target.key, api.GrantOrganizationAccess, between(owner, target, w.WalletID, full)); a.Status != 404 {
		t.Errorf("by the target: %d", a.Status)
	}
	for i := range api.MaxGrants + 1 {
		a := r.call(t, owner.key, api.GrantOrganizationAccess, between(owner, target, w.WalletID, object{"policy": scopes("owner"), "policyName": fmt.Sprint(i)}))
		if want := map[bool]string{true: api.TypeLimit}[i == api.MaxGrants]; errorType(a) != want {
			t.Errorf("grant %d: %s", i, a.Result)
		}
	}
}

// Once the end of a grant, or a transfer, is acknowledged, nothing more is signed by it, though requests come all the time.
func TestEndOfGrantRace(t *testing.T) {
	r := newRig(t)
	owner, target, third := r.tenant(t), r.tenant(t), r.tenant(t)
	for round := range rounds(12, 2_000) {
		w := r.wallet(t, owner)
		must[api.Grant](t, r, owner.key, api.GrantOrganizationAccess, between(owner, target, w.WalletID, object{"policy": scopes("owner")}))
		method, params := api.RevokeOrganizationAccess, between(owner, target, w.WalletID, nil)
		if round%2 == 1 {
			method, params = api.TransferOrganizationWallet, between(owner, third, w.WalletID, nil)
		}
		signedUntil(t, func() wire.Answer {
			return r.call(t, target.key, api.SignUtf8Message, utf8Params(target, w.WalletID, "x"))
		}, 404, func() wire.Answer {
			return r.call(t, owner.key, method, params)
		})
	}
}

// A request that found its grant before the end of it, and comes to its effect after, is judged again. Here the host holds
// it back in between.
func TestGrantEndsWhileInFlight(t *testing.T) {
	r := newRig(t)
	owner, target := r.tenant(t), r.tenant(t)
	w := r.wallet(t, owner)
	must[api.Grant](t, r, owner.key, api.GrantOrganizationAccess, between(owner, target, w.WalletID, object{"policy": scopes("owner")}))
	goOn := r.heldBack(t, func() wire.Answer {
		return r.call(t, target.key, api.SignUtf8Message, utf8Params(target, w.WalletID, "x"))
	})
	before := r.entries(t)
	must[api.Grant](t, r, owner.key, api.RevokeOrganizationAccess, between(owner, target, w.WalletID, nil))
	if a := goOn(); a.Status != 404 {
		t.Errorf("%d %s", a.Status, a.Result)
	}
	if grown := r.entries(t) - before; grown != 1 {
		t.Errorf("%d entries, want that of the end alone", grown)
	}
}
