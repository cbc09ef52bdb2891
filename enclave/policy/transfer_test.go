package policy

import (
	"testing"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/id"
	"github.com/redoubt-kms/redoubt/internal/wire"
)

// A transferred wallet is the new owner's alone, with the same accounts; of the old owner's tags and grants nothing stays.
func TestTransfer(t *testing.T) {
	r := newRig(t)
	owner, target, friend := r.tenant(t), r.tenant(t), r.tenant(t)
	w := must[api.Wallet](t, r, owner.key, api.GetOrCreateWalletWithTag, object{"organizationId": owner.id, "walletName": "w", "tag": "app", "accounts": []string{solanaPath}})
	must[api.Grant](t, r, owner.key, api.GrantOrganizationAccess, between(owner, friend, w.WalletID, object{"policy": scopes("owner")}))
	must[api.Grant](t, r, owner.key, api.GrantOrganizationAccess, between(owner, target, w.WalletID, object{"policy": scopes("owner")}))
	before := must[api.Signature](t, r, owner.key, api.SignUtf8Message, utf8Params(owner, w.WalletID, "x"))
	moved := must[api.Grant](t, r, owner.key, api.TransferOrganizationWallet, between(owner, target, w.WalletID, nil))
	if moved.OrganizationID != target.id || moved.WalletID != w.WalletID || moved.MigrationID != "" {
		t.Errorf("%+v", moved)
	}
	for range 2 {
		after := must[api.Signature](t, r, target.key, api.SignUtf8Message, utf8Params(target, w.WalletID, "x"))
		if before != after {
			t.Errorf("%+v, before %+v", after, before)
		}
		for name, k := range map[string]tenant{"old owner": owner, "friend": friend} {
			if a := r.call(t, k.key, api.SignUtf8Message, utf8Params(k, w.WalletID, "x")); a.Status != 404 {
				t.Errorf("%s: %d %s", name, a.Status, a.Result)
			}
		}
		for k, want := range map[string]int{owner.id: 0, target.id: 1} {
			key := map[string]tenant{owner.id: owner, target.id: target}[k].key
			if list := must[api.Wallets](t, r, key, api.GetOrganizationWallets, object{"organizationId": k}); list.TotalCount != want {
				t.Errorf("%d wallets, want %d", list.TotalCount, want)
			}
			if a := r.call(t, key, api.GetWalletWithTag, object{"organizationId": k, "tag": "app"}); string(a.Result) != "null" {
				t.Errorf("by its old tag: %s", a.Result)
			}
		}
		r.restart(t)
	}
	if list := must[api.Grants](t, r, target.key, api.GetWalletAccessGrants, between(target, owner, w.WalletID, nil)); list.TotalCount != 0 {
		t.Errorf("the old owner keeps %+v", list)
	}
	again := must[api.Wallet](t, r, owner.key, api.GetOrCreateWalletWithTag, object{"organizationId": owner.id, "walletName": "w", "tag": "app"})
	if again.WalletID == w.WalletID {
		t.Error("the tag still finds the wallet that is gone")
	}
	if a := r.call(t, owner.key, api.TransferOrganizationWallet, between(owner, friend, w.WalletID, nil)); a.Status != 404 {
		t.Errorf("given away twice: %d", a.Status)
	}
	back := must[api.Grant](t, r, target.key, api.TransferOrganizationWallet, between(target, owner, w.WalletID, nil))
	if back.OrganizationID != owner.id {
		t.Errorf("%+v", back)
	}
	must[api.Signature](t, r, owner.key, api.SignUtf8Message, utf8Params(owner, w.WalletID, "x"))
}

// What the old owner retains is a grant of the new one, which that one can end.
func TestRetainPolicy(t *testing.T) {
	r := newRig(t)
	owner, target := r.tenant(t), r.tenant(t)
	w := r.wallet(t, owner)
	must[api.Grant](t, r, owner.key, api.TransferOrganizationWallet, between(owner, target, w.WalletID, object{"retainPolicy": scopes("signaturePayload")}))
	kept := uses(owner, w.WalletID, "")
	if a := kept["signaturePayload"](r, t, owner); a.Status != 200 {
		t.Errorf("%d %s", a.Status, a.Result)
	}
	if a := kept["signatureTransaction"](r, t, owner); a.Status != 403 {
		t.Errorf("more than was retained: %d %s", a.Status, a.Result)
	}
	if list := must[api.Grants](t, r, owner.key, api.GetWalletAccessGrants, between(target, owner, w.WalletID, nil)); list.TotalCount != 1 {
		t.Errorf("%+v", list)
	}
	must[api.Grant](t, r, target.key, api.RevokeOrganizationAccess, between(target, owner, w.WalletID, nil))
	if a := kept["signaturePayload"](r, t, owner); a.Status != 404 {
		t.Errorf("after the end: %d %s", a.Status, a.Result)
	}
}

// A wallet that awaits acceptance stays where it is until it is accepted, which happens once.
func TestPendingTransfer(t *testing.T) {
	r := newRig(t)
	owner, target, third := r.tenant(t), r.tenant(t), r.tenant(t)
	w := r.wallet(t, owner)
	pending := func(k tenant) []api.PendingMigration {
		t.Helper()
		return must[api.PendingMigrations](t, r, k.key, api.ListPendingMigrations, object{"organizationId": k.id}).PendingMigrations
	}
	if list := pending(target); list == nil || len(list) != 0 {
		t.Errorf("%+v", list)
	}
	offer := object{"awaitAcceptance": true, "retainPolicy": scopes("signaturePayload")}
	for range 2 { // the second takes the place of the first
		must[api.Grant](t, r, owner.key, api.TransferOrganizationWallet, between(owner, target, w.WalletID, offer))
	}
	made := must[api.Grant](t, r, owner.key, api.TransferOrganizationWallet, between(owner, third, w.WalletID, offer))
	list := pending(target)
	if len(list) != 1 || list[0].WalletID != w.WalletID || list[0].OwnerOrganizationID != owner.id || list[0].WalletName != w.WalletName {
		t.Fatalf("%+v", list)
	}
	must[api.Signature](t, r, owner.key, api.SignUtf8Message, utf8Params(owner, w.WalletID, "x"))
	if a := r.call(t, target.key, api.SignUtf8Message, utf8Params(target, w.WalletID, "x")); a.Status != 404 {
		t.Errorf("before it is accepted: %d", a.Status)
	}
	r.restart(t)
	for _, migration := range []string{id.String(id.Random()), "mig-1", made.MigrationID} {
		if a := r.call(t, target.key, api.CompleteWalletTransfer, object{"organizationId": target.id, "migrationId": migration}); a.Status != 404 {
			t.Errorf("%s: %d", migration, a.Status)
		}
	}
	accept := r.body(t, api.CompleteWalletTransfer, object{"organizationId": target.id, "migrationId": list[0].MigrationID})
	for range 2 {
		if a := r.send(t, target.key, accept); a.Status != 200 {
			t.Errorf("%d %s", a.Status, a.Result)
		}
	}
	must[api.Signature](t, r, target.key, api.SignUtf8Message, utf8Params(target, w.WalletID, "x"))
	must[api.Signature](t, r, owner.key, api.SignUtf8Message, utf8Params(owner, w.WalletID, "retained"))
	if len(pending(target)) != 0 || len(pending(third)) != 0 {
		t.Errorf("still pending: %+v, elsewhere %+v", pending(target), pending(third))
	}
	if a := r.call(t, third.key, api.CompleteWalletTransfer, object{"organizationId": third.id, "migrationId": made.MigrationID}); a.Status != 404 {
		t.Errorf("accepted by two: %d", a.Status)
	}
}

// A transfer ends the grants that there are when it takes effect, not those that there were a moment before: one to Y that
// took the place of one to X in between would else outlive it.
func TestTransferEndsGrantsOfTheMoment(t *testing.T) {
	r := newRig(t)
	owner, target, x, y := r.tenant(t), r.tenant(t), r.tenant(t), r.tenant(t)
	policy := object{"policy": scopes("signaturePayload")}
	for round := range 15 {
		w := r.wallet(t, owner)
		must[api.Grant](t, r, owner.key, api.GrantOrganizationAccess, between(owner, x, w.WalletID, policy))
		together(2, func(i int) wire.Answer {
			if i == 0 {
				return r.call(t, owner.key, api.TransferOrganizationWallet, between(owner, target, w.WalletID, nil))
			}
			r.call(t, owner.key, api.RevokeOrganizationAccess, between(owner, x, w.WalletID, nil))
			return r.call(t, owner.key, api.GrantOrganizationAccess, between(owner, y, w.WalletID, policy))
		})
		if list := must[api.Grants](t, r, y.key, api.GetWalletAccessGrants, between(owner, y, w.WalletID, nil)); list.TotalCount != 0 {
			t.Fatalf("round %d: the old owner's grant outlives the transfer: %+v", round, list)
		}
	}
}
