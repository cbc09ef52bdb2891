package policy

import (
	"strings"
	"testing"
	"time"

	"github.com/redoubt-kms/redoubt/api"
)

// What a connection may be: of a wallet that is there, of an app that is not Connect, of an origin in its one spelling, for as long as
// connections are, with a limit that is one; and then it is just that.
func TestTermsOfConnections(t *testing.T) {
	r := newRig(t)
	p, _ := r.newPerson(t)
	nonce := newSessionKey(t).nonce(t)
	terms := func(edit object) object {
		all := object{
			"organizationId": p.organization, "clientId": "shop", "appName": "Shop", "origin": appOrigin, "walletId": p.wallet, "nonce": nonce,
			"expiresInMs": time.Hour.Milliseconds(), "usdCentsLimitPerDay": 500,
		}
		for name, value := range edit {
			all[name] = value
		}
		return all
	}
	for why, c := range map[string]struct {
		edit   object
		status uint16
	}{
		"no such wallet":        {object{"walletId": p.organization}, 404},
		"the pages themselves":  {object{"clientId": "connect"}, 400},
		"an app without a name": {object{"appName": ""}, 400},
		"a long client id":      {object{"clientId": strings.Repeat("x", 64)}, 400},
		"an origin with a path": {object{"origin": appOrigin + "/"}, 400},
		"an origin in capitals": {object{"origin": "https://App.example"}, 400},
		"an origin of a file":   {object{"origin": "file:///x"}, 400},
		"no time":               {object{"expiresInMs": 0}, 400},
		"32 days":               {object{"expiresInMs": 32 * 24 * time.Hour.Milliseconds()}, 400},
		"a limit below nothing": {object{"usdCentsLimitPerDay": -1}, 400},
		"a key that is no hash": {object{"nonce": nonce[1:]}, 400},
	} {
		if a := r.on(t, p.page, api.ConnectApp, terms(c.edit)); a.Status != c.status {
			t.Errorf("%s: %d %s", why, a.Status, a.Result)
		}
	}
	made := does[api.Connection](t, r, p.page, api.ConnectApp, terms(nil))
	left := made.ExpiresAtMs - r.wall().UnixMilli()
	if made.UsdCentsLimitPerDay == nil || *made.UsdCentsLimitPerDay != 500 || made.WalletID != p.wallet || made.Origin != appOrigin || left <= 0 || left > time.Hour.Milliseconds() {
		t.Errorf("%+v", made)
	}
	for _, u := range does[api.Organization](t, r, p.page, api.GetOrganization, object{"organizationId": p.organization}).Users {
		if u.Username == made.Username && (len(u.Authenticators) != 1 || u.Policy.Type != "CEL" || u.Policy.Preset != "DAPP_CONNECTION_USER") {
			t.Errorf("%+v", u)
		}
	}
	gone := r.on(t, p.page, api.DisconnectApp, object{"organizationId": p.organization, "clientId": "nobody"})
	if gone.Status != 404 {
		t.Errorf("an app that is not connected: %d", gone.Status)
	}
	does[api.Organization](t, r, p.page, api.AddUserToOrganization, object{"organizationId": p.organization, "user": user("app-plain", preset("DENY_ALL"))})
	if a := r.on(t, p.page, api.DisconnectApp, object{"organizationId": p.organization, "clientId": "plain"}); a.Status != 404 {
		t.Errorf("a user that is no connection: %d %s", a.Status, a.Result)
	}
	if a := r.on(t, p.page, api.ConnectApp, terms(object{"clientId": "plain"})); a.Status != 400 || errorType(a) != api.TypeConflict {
		t.Errorf("an app with the name of a user: %d %s", a.Status, a.Result)
	}
}
