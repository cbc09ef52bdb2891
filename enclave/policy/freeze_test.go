package policy

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/ledger"
	"github.com/redoubt-kms/redoubt/internal/wire"
)

func (r *rig) freeze(t testing.TB, o tenant, what object) api.Frozen {
	t.Helper()
	what["organizationId"] = o.id
	return must[api.Frozen](t, r, o.key, api.Freeze, what)
}

func (r *rig) unfreeze(t testing.TB, o tenant, what object) api.Frozen {
	t.Helper()
	what["organizationId"] = o.id
	return must[api.Frozen](t, r, o.key, api.Unfreeze, what)
}

// denied wants a denial whose sentence holds all of the words.
func denied(t *testing.T, what string, a wire.Answer, words ...string) {
	t.Helper()
	if a.Status != 403 || a.Receipt == "" {
		t.Errorf("%s: %d %s", what, a.Status, a.Result)
	}
	for _, word := range words {
		if !strings.Contains(string(a.Result), word) {
			t.Errorf("%s: no %q in %s", what, word, a.Result)
		}
	}
}

// In a frozen organization members read, freeze more, and somebody with policy ROOT lifts it; that outlives a restart.
func TestFrozenOrganization(t *testing.T) {
	r := newRig(t)
	all, legacy, app := newKey(t), newKey(t), newKey(t)
	o := r.tenant(t, user("all", preset("ALLOW_ALL"), all), user("legacy", preset("LEGACY_USER_ROLE"), legacy))
	w := r.wallet(t, o)
	must[api.Organization](t, r, o.key, api.AddUserToOrganization, object{
		"organizationId": o.id, "user": user("app", object{"type": "CEL", "preset": "DAPP_CONNECTION_USER", "walletId": w.WalletID}, app),
	})
	denied(t, "freeze by a connection", r.call(t, app, api.Freeze, object{"organizationId": o.id}), "its own user")
	must[api.Frozen](t, r, legacy, api.Freeze, object{"organizationId": o.id})
	got := r.freeze(t, o, object{}) // again changes nothing
	if diff := cmp.Diff(api.Frozen{Organization: true, Usernames: []string{}, WalletIDs: []string{}}, got); diff != "" {
		t.Error(diff)
	}
	r.restart(t)
	for method, params := range map[api.Method]object{
		api.SignUtf8Message: utf8Params(o, w.WalletID, "x"), api.CreateWallet: {"organizationId": o.id, "walletName": "w"},
		api.AddUserToOrganization: {"organizationId": o.id, "user": user("new", preset("DENY_ALL"), newKey(t))},
		api.CreateOrganization:    {"organizationName": "child", "parentOrganizationId": o.id, "users": []object{user("r", object{"type": "ROOT"}, newKey(t))}},
		api.ExportWallet:          {"organizationId": o.id, "walletId": w.WalletID, "publicKey": "x"},
	} {
		denied(t, string(method), r.call(t, o.key, method, params), "organization is frozen", "ROOT", "unfreeze")
	}
	must[api.Organization](t, r, o.key, api.GetOrganization, object{"organizationId": o.id})
	must[[]api.Account](t, r, legacy, api.GetAccounts, object{"organizationId": o.id, "walletId": w.WalletID, "accounts": []string{solanaPath}})
	denied(t, "lifted by ALLOW_ALL", r.call(t, all, api.Unfreeze, object{"organizationId": o.id}), "ROOT")
	denied(t, "lifted by LEGACY_USER_ROLE", r.call(t, legacy, api.Unfreeze, object{"organizationId": o.id}), "ROOT")
	r.freeze(t, o, object{"username": "legacy"})
	r.unfreeze(t, o, object{})
	must[api.Signature](t, r, o.key, api.SignUtf8Message, utf8Params(o, w.WalletID, "x"))
	denied(t, "the user who froze it", r.call(t, legacy, api.GetOrganization, object{"organizationId": o.id}), `user \"legacy\" is frozen`)
}

// A frozen user may do nothing, and somebody who can lift that always stays, whatever is frozen, changed and deleted.
func TestFrozenUser(t *testing.T) {
	r := newRig(t)
	second, legacy := newKey(t), newKey(t)
	o := r.tenant(t, user("second", object{"type": "ROOT"}, second), user("legacy", preset("LEGACY_USER_ROLE"), legacy))
	denied(t, "freeze of another user", r.call(t, legacy, api.Freeze, object{"organizationId": o.id, "username": "second"}), "themselves")
	must[api.Frozen](t, r, legacy, api.Freeze, object{"organizationId": o.id, "username": "legacy"})
	denied(t, "a frozen user", r.call(t, legacy, api.GetOrganization, object{"organizationId": o.id}), "frozen")
	r.freeze(t, o, object{"username": "second"})
	denied(t, "a frozen administrator", r.call(t, second, api.Unfreeze, object{"organizationId": o.id, "username": "second"}), "another user")
	for what, a := range map[string]wire.Answer{
		"frozen": r.call(t, o.key, api.Freeze, object{"organizationId": o.id, "username": "root"}),
		"changed": r.call(t, o.key, api.UpdateUserInOrganization, object{
			"organizationId": o.id, "username": "root", "newPolicy": preset("ALLOW_ALL"),
		}),
		"deleted": r.call(t, o.key, api.DeleteUserFromOrganization, object{"organizationId": o.id, "username": "root"}),
	} {
		if errorType(a) != api.TypeInvalid || !strings.Contains(string(a.Result), "not frozen") {
			t.Errorf("the last administrator is %s: %d %s", what, a.Status, a.Result)
		}
	}
	r.freeze(t, o, object{})
	if got := r.unfreeze(t, o, object{"username": "second"}); !got.Organization || len(got.Usernames) != 1 {
		t.Errorf("%+v", got)
	}
	must[api.Frozen](t, r, second, api.Unfreeze, object{"organizationId": o.id})
	must[api.Frozen](t, r, second, api.Freeze, object{"organizationId": o.id, "username": "root"})
	for what, params := range map[string]object{"username": {"username": "nobody"}, "walletId": {"walletId": o.id}} {
		params["organizationId"] = o.id
		if a := r.call(t, second, api.Freeze, params); a.Status != 404 {
			t.Errorf("no such %s: %d %s", what, a.Status, a.Result)
		}
	}
	both := object{"organizationId": o.id, "username": "root", "walletId": o.id}
	if a := r.call(t, second, api.Freeze, both); errorPath(a) != "params.walletId" {
		t.Errorf("both: %d %s", a.Status, a.Result)
	}
	if a := r.call(t, second, api.Unfreeze, object{"organizationId": o.id, "username": ""}); a.Status != 404 {
		t.Errorf("an empty name: %d %s", a.Status, a.Result)
	}
}

// A frozen wallet is used by nobody, not by whom it was lent to either, and it goes nowhere.
func TestFrozenWallet(t *testing.T) {
	r := newRig(t)
	owner, other := r.tenant(t), r.tenant(t)
	w, free := r.wallet(t, owner), r.wallet(t, owner)
	must[api.Grant](t, r, owner.key, api.GrantOrganizationAccess, between(owner, other, w.WalletID, object{"policy": scopes("owner")}))
	offered := must[api.Grant](t, r, owner.key, api.TransferOrganizationWallet, between(owner, other, w.WalletID, object{"awaitAcceptance": true}))
	body := r.body(t, api.SignUtf8Message, utf8Params(owner, w.WalletID, "before"))
	before := r.send(t, owner.key, body)
	export := object{"walletId": w.WalletID, "publicKey": "x"}
	with := func(o tenant) object {
		return object{"organizationId": o.id, "walletId": export["walletId"], "publicKey": "x"}
	}
	r.freeze(t, owner, object{"walletId": w.WalletID})
	for what, a := range map[string]wire.Answer{
		"signed with":    r.call(t, owner.key, api.SignUtf8Message, utf8Params(owner, w.WalletID, "x")),
		"signed again":   r.send(t, owner.key, body),
		"exported":       r.call(t, owner.key, api.ExportWallet, with(owner)),
		"lent":           r.call(t, owner.key, api.GrantOrganizationAccess, between(owner, other, w.WalletID, object{"policy": scopes("owner")})),
		"given":          r.call(t, owner.key, api.TransferOrganizationWallet, between(owner, other, w.WalletID, nil)),
		"offered":        r.call(t, owner.key, api.TransferOrganizationWallet, between(owner, other, w.WalletID, object{"awaitAcceptance": true})),
		"signed by lent": r.call(t, other.key, api.SignUtf8Message, utf8Params(other, w.WalletID, "x")),
		"lent exported":  r.call(t, other.key, api.ExportWallet, with(other)),
		"accepted":       r.call(t, other.key, api.CompleteWalletTransfer, object{"organizationId": other.id, "migrationId": offered.MigrationID}),
	} {
		denied(t, "a frozen wallet is "+what, a, w.WalletID, "frozen", "ROOT")
	}
	must[[]api.Account](t, r, other.key, api.GetAccounts, object{"organizationId": other.id, "walletId": w.WalletID, "accounts": []string{solanaPath}})
	must[api.Signature](t, r, owner.key, api.SignUtf8Message, utf8Params(owner, free.WalletID, "x"))
	r.unfreeze(t, owner, object{"walletId": w.WalletID})
	if after := r.send(t, owner.key, body); !same(before, after) {
		t.Errorf("when it is free again a retry is answered otherwise: %d %s", after.Status, after.Result)
	}
	r.freeze(t, owner, object{}) // and with its organization
	denied(t, "signed by lent", r.call(t, other.key, api.SignUtf8Message, utf8Params(other, w.WalletID, "x")), "frozen by the organization that owns it")
	r.unfreeze(t, owner, object{})
	must[api.Grant](t, r, other.key, api.CompleteWalletTransfer, object{"organizationId": other.id, "migrationId": offered.MigrationID})
}

// Once a freeze is acknowledged nothing more is signed, though requests come all the time from eight callers, and no entry
// after the freeze's signs: acceptance line A5 for freezes.
func TestFreezeRace(t *testing.T) {
	r := newRig(t)
	key := newKey(t)
	o, other := r.tenant(t, user("second", object{"type": "ROOT"}, key)), r.tenant(t)
	w := r.wallet(t, o)
	must[api.Grant](t, r, o.key, api.GrantOrganizationAccess, between(o, other, w.WalletID, object{"policy": scopes("owner")}))
	own := func() wire.Answer { return r.call(t, key, api.SignUtf8Message, utf8Params(o, w.WalletID, "x")) }
	lent := func() wire.Answer {
		return r.call(t, other.key, api.SignUtf8Message, utf8Params(other, w.WalletID, "x"))
	}
	for range rounds(4, 500) {
		for _, c := range []struct {
			what object
			sign func() wire.Answer
		}{
			{object{}, own}, {object{"username": "second"}, own}, {object{"walletId": w.WalletID}, own}, {object{"walletId": w.WalletID}, lent}, {object{}, lent},
		} {
			c.what["organizationId"] = o.id
			signedUntil(t, c.sign, 403, func() wire.Answer { return r.call(t, o.key, api.Freeze, c.what) })
			r.unfreeze(t, o, c.what)
		}
	}
}

// A request that was judged before a freeze, and comes to its effect after it, is judged again: of the owner and of whom
// the wallet was lent to. The host holds it back in between, where it fetches the secret for the signer.
func TestFreezeWhileInFlight(t *testing.T) {
	r := newRig(t)
	o, other := r.tenant(t), r.tenant(t)
	w := r.wallet(t, o)
	must[api.Grant](t, r, o.key, api.GrantOrganizationAccess, between(o, other, w.WalletID, object{"policy": scopes("owner")}))
	for _, by := range []tenant{o, other} {
		goOn := r.heldBackAt(t, ledger.KindSecret, func() wire.Answer {
			return r.call(t, by.key, api.SignUtf8Message, utf8Params(by, w.WalletID, "x"))
		})
		r.freeze(t, o, object{"walletId": w.WalletID})
		denied(t, "held back", goOn(), "frozen")
		r.unfreeze(t, o, object{"walletId": w.WalletID})
	}
}
