package policy

import (
	"crypto/ed25519"
	"testing"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/id"
)

// A connection is bound to its wallet: it signs with that one, does not see another, and administers nothing. What it is
// denied is in the log.
func TestConnectionIsBoundToItsWallet(t *testing.T) {
	r := newRig(t)
	o := r.tenant(t)
	own, other := r.wallet(t, o), r.wallet(t, o)
	key := newKey(t)
	must[api.Organization](t, r, o.key, api.AddUserToOrganization, object{"organizationId": o.id, "user": user(
		"app", object{"type": "CEL", "preset": "DAPP_CONNECTION_USER", "walletId": own.WalletID}, key,
	)})
	accounts := func(wallet string) object {
		return object{"organizationId": o.id, "walletId": wallet, "accounts": []string{solanaPath}}
	}
	here := object{"organizationId": o.id}
	for _, c := range []struct {
		method api.Method
		params object
		want   uint16
	}{
		{api.SignUtf8Message, utf8Params(o, own.WalletID, "x"), 200},
		{api.SignUtf8Message, utf8Params(o, other.WalletID, "x"), 403},
		{api.SignUtf8Message, utf8Params(o, id.String(id.Random()), "x"), 404},
		{api.GetAccounts, accounts(own.WalletID), 200},
		{api.GetAccounts, accounts(other.WalletID), 403},
		{api.GetOrganization, here, 200},
		{api.GetOrganizationWallets, here, 403},
		{api.CreateWallet, object{"organizationId": o.id, "walletName": "w"}, 403},
		{api.GetOrCreateWalletWithTag, object{"organizationId": o.id, "walletName": "w", "tag": "t"}, 403},
		{api.GetWalletWithTag, object{"organizationId": o.id, "tag": "t"}, 403},
		{api.AddUserToOrganization, object{"organizationId": o.id, "user": user("eve", object{"type": "ROOT"}, newKey(t))}, 403},
		{api.CreateAuthenticator, object{"organizationId": o.id, "username": "root", "authenticator": keypair("k", newKey(t))}, 403},
		{api.CreateAuthenticator, object{"organizationId": o.id, "username": "app", "authenticator": keypair("k", newKey(t))}, 403},
		{api.DeleteUserFromOrganization, object{"organizationId": o.id, "username": "root"}, 403},
		{api.DeleteUserFromOrganization, object{"organizationId": o.id, "username": "app"}, 403},
		{api.DeleteAuthenticator, object{"organizationId": o.id, "username": "root", "authenticatorId": id.String(id.Random())}, 403},
	} {
		before := r.entries(t)
		a := r.call(t, key, c.method, c.params)
		if a.Status != c.want {
			t.Errorf("%s %v: %d %s, want %d", c.method, c.params, a.Status, a.Result, c.want)
		}
		if a.Status == 403 && (errorType(a) != api.TypeDenied || a.Receipt == "" || r.entries(t) != before+1) {
			t.Errorf("%s: the denial is not in the log: %s", c.method, a.Result)
		}
	}
}

// A key that expired is a stranger's, to the millisecond, though its row is still there; so is one whose user expired.
func TestExpiry(t *testing.T) {
	r := newRig(t)
	o := r.tenant(t)
	byKey, byUser := newKey(t), newKey(t)
	k := keypair("short", byKey)
	k["expiresInMs"] = 1
	must[api.Authenticator](t, r, o.key, api.CreateAuthenticator, object{"organizationId": o.id, "username": "root", "authenticator": k})
	u := user("guest", object{"type": "ROOT"}, byUser)
	u["expiresInMs"] = 1
	made := must[api.Organization](t, r, o.key, api.AddUserToOrganization, object{"organizationId": o.id, "user": u})
	if len(made.Users) != 2 || made.Users[1].ExpiresAtMs == nil || len(made.Users[0].Authenticators) != 2 {
		t.Fatalf("%+v", made)
	}
	r.outlive(t, o, byUser)
	want := told(t, r.call(t, newKey(t), api.GetOrganization, object{"organizationId": o.id}))
	for range 2 {
		if got := told(t, r.call(t, byKey, api.GetOrganization, object{"organizationId": o.id})); got != want {
			t.Errorf("an expired key: %s", got)
		}
		if got := told(t, r.call(t, byUser, api.GetOrganization, object{"organizationId": o.id})); got != want {
			t.Errorf("a key of an expired user: %s", got)
		}
		r.restart(t)
	}
}

// outlive waits until a key that expires within milliseconds has done so by the server's clock.
func (r *rig) outlive(t *testing.T, o tenant, key ed25519.PrivateKey) {
	t.Helper()
	for range 1000 {
		if r.call(t, key, api.GetOrganization, object{"organizationId": o.id}).Status == 401 {
			return
		}
	}
	t.Fatal("the key does not expire")
}

// The list of wallets is complete, page by page.
func TestWalletPages(t *testing.T) {
	r := newRig(t)
	o := r.tenant(t)
	var made []string
	for range 23 {
		made = append(made, r.wallet(t, o).WalletID)
	}
	var listed []string
	for offset := 0; ; offset += 7 {
		page := must[api.Wallets](t, r, o.key, api.GetOrganizationWallets, object{"organizationId": o.id, "limit": 7, "offset": offset})
		if page.TotalCount != len(made) || page.Limit != 7 || page.Offset != offset {
			t.Errorf("page %+v", page)
		}
		if len(page.Wallets) == 0 {
			break
		}
		for _, w := range page.Wallets {
			listed = append(listed, w.WalletID)
		}
	}
	if len(listed) != len(made) {
		t.Fatalf("%d wallets are listed, %d were made", len(listed), len(made))
	}
	seen := map[string]bool{}
	for _, w := range listed {
		seen[w] = true
	}
	for i, w := range made {
		if !seen[w] {
			t.Errorf("wallet %d is not listed", i)
		}
	}
}
