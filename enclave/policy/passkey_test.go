package policy

import (
	"bytes"
	"strings"
	"testing"

	"github.com/redoubt-kms/redoubt/api"
)

// A person registers a passkey, founds an organization with it, signs, and looks at it.
func TestPasskeys(t *testing.T) {
	r := newRig(t)
	d := newDevice(t)
	body := r.body(t, api.CreateOrganization, object{"organizationName": "own", "users": []any{
		object{"username": "me", "policy": object{"type": "ROOT"}, "authenticators": []any{d.passkey(t, "phone")}},
	}})
	if a := r.sendStamped(t, newDevice(t).stamp(t, body), body); a.Status != 401 {
		t.Errorf("founded by a passkey that it does not list: %d", a.Status)
	}
	if a := r.sendStamped(t, d.stamp(t, body), body); a.Status != 200 {
		t.Fatalf("%d %s", a.Status, a.Result)
	}
	o := r.tenant(t)
	w := r.wallet(t, o).WalletID
	r.passkeyUser(t, o, "person", d, preset("ALLOW_ALL"))
	if a := r.by(t, d, api.SignUtf8Message, utf8Params(o, w, "hi")); a.Status != 200 {
		t.Fatalf("%d %s", a.Status, a.Result)
	}
	shown := must[api.Organization](t, r, o.key, api.GetOrganization, object{"organizationId": o.id}).Users[1].Authenticators[0]
	if shown.AuthenticatorKind != "passkey" || shown.CredentialID != b64(d.id) || shown.AttestationObject != d.passkey(t, "x")["attestationObject"] ||
		shown.ClientDataJSON != d.passkey(t, "x")["clientDataJSON"] || len(shown.Transports) != 1 || shown.Algorithm != "" || shown.PublicKey != "" {
		t.Errorf("%+v", shown)
	}
	if a := r.by(t, d, api.GetOrCreatePhantomOrganization, object{}); errorType(a) != api.TypeUnsupported {
		t.Errorf("an organization of nobody: %d %s", a.Status, a.Result)
	}
	again := object{"organizationId": o.id, "username": "root", "authenticator": d.passkey(t, "copy")}
	if a := r.call(t, o.key, api.CreateAuthenticator, again); errorType(a) != api.TypeConflict {
		t.Errorf("the same credential twice: %d %s", a.Status, a.Result)
	}
	other := *d
	other.id = bytes.Repeat([]byte{7}, 20)
	again["authenticator"] = other.passkey(t, "same key")
	if a := r.call(t, o.key, api.CreateAuthenticator, again); errorType(a) != api.TypeConflict {
		t.Errorf("the same key under another credential: %d %s", a.Status, a.Result)
	}
	other = *newDevice(t)
	other.id = d.id
	again["authenticator"] = other.passkey(t, "same credential")
	if a := r.call(t, o.key, api.CreateAuthenticator, again); errorType(a) != api.TypeConflict {
		t.Errorf("the same credential with another key: %d %s", a.Status, a.Result)
	}
}

// What is not exactly an assertion by the registered passkey, for this body, is a stranger's.
func TestPasskeyStampsRefused(t *testing.T) {
	r := newRig(t)
	o := r.tenant(t)
	d := newDevice(t)
	r.passkeyUser(t, o, "person", d, preset("ALLOW_ALL"))
	for name, change := range map[string]func(*device){
		"another origin":      func(d *device) { d.origin = "https://evil.example.org" },
		"another RP":          func(d *device) { d.rp = "wallet.example.org" },
		"nobody present":      func(d *device) { d.flags = 0x04 },
		"backup eligible now": func(d *device) { d.flags |= 0x08 },
		"another key":         func(d *device) { d.key = newDevice(t).key },
		"another credential":  func(d *device) { d.id = newDevice(t).id },
	} {
		changed := *d
		change(&changed)
		if a := r.by(t, &changed, api.GetOrganization, object{"organizationId": o.id}); a.Status != 401 {
			t.Errorf("%s: %d %s", name, a.Status, a.Result)
		}
	}
	one, two := r.body(t, api.GetOrganization, object{"organizationId": o.id}), r.body(t, api.GetOrganization, object{"organizationId": o.id})
	if a := r.sendStamped(t, d.stamp(t, one), two); a.Status != 401 {
		t.Errorf("a stamp of another body: %d", a.Status)
	}
	if a := r.sendStamped(t, d.stamp(t, two), two); a.Status != 200 {
		t.Errorf("%d %s", a.Status, a.Result)
	}
	elsewhere := r.tenant(t)
	if a := r.by(t, d, api.GetOrganization, object{"organizationId": elsewhere.id}); a.Status != 401 {
		t.Errorf("elsewhere: %d", a.Status)
	}
}

// A passkey that counts never counts back: a copy of it, or an old assertion, is refused, also after a restart. The same body
// with the same stamp is answered alike.
func TestPasskeyCounts(t *testing.T) {
	r := newRig(t)
	o := r.tenant(t)
	w := r.wallet(t, o).WalletID
	d := newDevice(t)
	d.count = 5
	r.passkeyUser(t, o, "person", d, preset("ALLOW_ALL"))
	try := func(count uint32, want int32, why string) {
		t.Helper()
		d.count = count
		if a := r.by(t, d, api.SignUtf8Message, utf8Params(o, w, "hi")); int32(a.Status) != want {
			t.Errorf("%s: %d %s", why, a.Status, a.Result)
		}
	}
	try(5, 401, "the count of the registration")
	try(0, 401, "a count that stopped")
	d.count = 6
	body := r.body(t, api.SignUtf8Message, utf8Params(o, w, "hi"))
	header := d.stamp(t, body)
	first := r.sendStamped(t, header, body)
	if second := r.sendStamped(t, header, body); first.Status != 200 || !bytes.Equal(first.Result, second.Result) {
		t.Errorf("a retry: %d %s, %d %s", first.Status, first.Result, second.Status, second.Result)
	}
	try(6, 401, "a copy with the same count")
	try(9, 200, "a leap")
	try(8, 401, "a copy that is behind")
	r.restart(t)
	try(9, 401, "the same after a restart")
	try(10, 200, "growth after a restart")
	d.count = 10
	if a := r.by(t, d, api.GetOrganization, object{"organizationId": o.id}); a.Status != 401 {
		t.Errorf("reading with an old count: %d", a.Status)
	}

	// Two of them at once: one is the first, the other a copy.
	d.count = 20
	answers := make(chan uint16, 8)
	for range cap(answers) {
		body := r.body(t, api.SignUtf8Message, utf8Params(o, w, "race"))
		header := d.stamp(t, body)
		go func() { answers <- r.sendStamped(t, header, body).Status }()
	}
	good := 0
	for range cap(answers) {
		if s := <-answers; s == 200 {
			good++
		} else if s != 401 {
			t.Errorf("status %d", s)
		}
	}
	if good != 1 {
		t.Errorf("%d requests were served under one count", good)
	}

	// The count goes with the passkey.
	d.count = 21
	id := must[api.Organization](t, r, o.key, api.GetOrganization, object{"organizationId": o.id}).Users[1].Authenticators[0].ID
	gone := object{"organizationId": o.id, "username": "person", "authenticatorId": id}
	if a := r.by(t, d, api.DeleteAuthenticator, gone); a.Status != 200 {
		t.Errorf("deleting itself: %d %s", a.Status, a.Result)
	}
	d.count = 22
	if a := r.by(t, d, api.GetOrganization, object{"organizationId": o.id}); a.Status != 401 {
		t.Errorf("after its deletion: %d", a.Status)
	}
	r.restart(t)
}

// What changes who may do what, takes secrets out or vouches for others wants the person verified, whatever the policy.
func TestPasskeyVerification(t *testing.T) {
	r := newRig(t)
	o := r.tenant(t)
	w := r.wallet(t, o).WalletID
	d := newDevice(t)
	r.passkeyUser(t, o, "boss", d, object{"type": "ROOT"})
	recipient := standard(append([]byte{9}, make([]byte, 31)...))
	for name, q := range map[string]request{
		"export": {api.ExportWallet, object{"walletId": w, "publicKey": recipient}},
		"policy": {api.UpdateUserInOrganization, object{"username": "boss", "newPolicy": object{"type": "ROOT"}}},
		"key":    {api.CreateAuthenticator, object{"username": "boss", "authenticator": newDevice(t).passkey(t, "second")}},
		"root":   {api.UpdateOrganizationControls, object{"approvalExpiryMs": 3600000}},
	} {
		params := object{"organizationId": o.id}
		for k, v := range q.params {
			params[k] = v
		}
		d.flags = 0x01
		if a := r.by(t, d, q.method, params); a.Status != 403 || !strings.Contains(reasonOf(a), "ask it for user verification") {
			t.Errorf("%s without the person: %d %s", name, a.Status, a.Result)
		}
		d.flags = 0x05
		if a := r.by(t, d, q.method, params); a.Status == 401 || a.Status == 403 {
			t.Errorf("%s with the person: %d %s", name, a.Status, a.Result)
		}
	}
	d.flags = 0x01
	if a := r.by(t, d, api.SignUtf8Message, utf8Params(o, w, "hi")); a.Status != 200 {
		t.Errorf("signing without verification: %d %s", a.Status, a.Result)
	}
}

// Case 4 of the policies that people write: signing with passkeys only, the same user by another key not.
func TestPasskeyPolicy(t *testing.T) {
	r := newRig(t)
	o := r.tenant(t)
	w := r.wallet(t, o).WalletID
	key := r.agent(t, o, "agent", allows("request.method == 'signUtf8Message' && authenticator.kind == 'passkey'"))
	d := newDevice(t)
	must[api.Authenticator](t, r, o.key, api.CreateAuthenticator, object{"organizationId": o.id, "username": "agent", "authenticator": d.passkey(t, "phone")})
	if a := r.by(t, d, api.SignUtf8Message, utf8Params(o, w, "hi")); a.Status != 200 {
		t.Errorf("passkey: %d %s", a.Status, a.Result)
	}
	a := r.call(t, key, api.SignUtf8Message, utf8Params(o, w, "hi"))
	if a.Status != 403 || !strings.Contains(reasonOf(a), `authenticator.kind == "passkey" is false (authenticator.kind = "keypair")`) {
		t.Errorf("keypair: %d %s", a.Status, a.Result)
	}
}

// People approve by passkey, once they are verified, and what they approve is then signed.
func TestPasskeyApproves(t *testing.T) {
	r := newRig(t)
	c := r.crew(t, requires("request.method == 'signTransaction'", group(1, "")))
	d := newDevice(t)
	r.passkeyUser(t, c.tenant, "approver", d, preset("LEGACY_USER_ROLE"))
	w := waits(t, r.call(t, c.agent, api.SignTransaction, c.payment(t, 5)))
	d.count, d.flags = 1, 0x01
	if a := r.by(t, d, api.ApproveRequest, c.about(w)); a.Status != 403 || !strings.Contains(reasonOf(a), "user verification") {
		t.Errorf("without the person: %d %s", a.Status, a.Result)
	}
	d.count, d.flags = 2, 0x05
	if a := r.by(t, d, api.ApproveRequest, c.about(w)); a.Status != 200 || !strings.Contains(string(a.Result), `"outcome"`) {
		t.Errorf("%d %s", a.Status, a.Result)
	}
}
