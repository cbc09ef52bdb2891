package policy

import (
	"testing"
	"time"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/wire"
)

// What has expired signs in nobody, by whatever it is stamped: a token of another issuer, a passkey, a connection's login.
func TestExpiredAuthenticatorsOfAllKinds(t *testing.T) {
	r := newRig(t)
	there, d := issuer{newP256(t), "https://issuer.example"}, newDevice(t)
	short := func(a object) []object {
		a["expiresInMs"] = time.Minute.Milliseconds()
		return []object{a}
	}
	o := r.tenant(t,
		object{"username": "alice", "policy": preset("LEGACY_USER_ROLE"), "authenticators": short(object{
			"authenticatorName": "login", "authenticatorKind": "oidc", "jwkSet": there.keySet(), "idTokenClaims": object{"sub": "alice", "iss": there.name},
		})},
		object{"username": "bob", "policy": preset("LEGACY_USER_ROLE"), "authenticators": short(d.passkey(t, "phone"))},
	)
	p, own := r.newPerson(t)
	app := newSessionKey(t)
	does[api.Connection](t, r, p.page, api.ConnectApp, object{
		"organizationId": p.organization, "clientId": "app", "appName": "App", "origin": appOrigin, "walletId": p.wallet, "nonce": app.nonce(t),
		"expiresInMs": time.Minute.Milliseconds(),
	})
	r.allow(t, p, app)
	ask := object{"organizationId": o.id}
	all := map[string]func() wire.Answer{
		"a token":      func() wire.Answer { return r.as(t, there.login(t, r, nil), api.GetOrganization, ask) },
		"a passkey":    func() wire.Answer { return r.by(t, d, api.GetOrganization, ask) },
		"a connection": func() wire.Answer { return r.on(t, app, api.SignUtf8Message, p.text(p.wallet)) },
	}
	for what, call := range all {
		if a := call(); a.Status != 200 {
			t.Errorf("%s: %d %s", what, a.Status, a.Result)
		}
	}
	r.later(t, 2*time.Minute)
	for what, call := range all {
		if a := call(); a.Status != 401 {
			t.Errorf("%s, expired: %d %s", what, a.Status, a.Result)
		}
	}
	if a := r.on(t, r.back(t, own), api.ListWays, object{"organizationId": p.organization}); a.Status != 200 {
		t.Errorf("the person: %d %s", a.Status, a.Result)
	}
}

// A login to an app ends when its person said, also where another login to the same app goes on for longer.
func TestLoginsToAnAppEndOneByOne(t *testing.T) {
	r := newRig(t)
	p, _ := r.newPerson(t)
	connect := func(app *sessionKey, life time.Duration) {
		t.Helper()
		does[api.Connection](t, r, p.page, api.ConnectApp, p.in(object{
			"clientId": "app", "appName": "App", "origin": appOrigin, "walletId": p.wallet, "nonce": app.nonce(t), "expiresInMs": life.Milliseconds(),
		}))
		r.allow(t, p, app)
	}
	short, long := newSessionKey(t), newSessionKey(t)
	connect(short, time.Minute)
	connect(long, time.Hour)
	signs := func(when string, want map[*sessionKey]uint16) {
		t.Helper()
		for app, status := range want {
			if a := r.on(t, app, api.SignUtf8Message, p.text(p.wallet)); a.Status != status {
				t.Errorf("%s: %d %s, want %d", when, a.Status, a.Result, status)
			}
		}
	}
	signs("at first", map[*sessionKey]uint16{short: 200, long: 200})
	r.later(t, 2*time.Minute)
	signs("two minutes later", map[*sessionKey]uint16{short: 401, long: 200})
}
