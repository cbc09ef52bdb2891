package policy

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/id"
	"github.com/redoubt-kms/redoubt/internal/jose"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

// person is somebody who signed in on the pages of Connect, with their organization and a wallet of an app.
type person struct {
	page           *sessionKey
	subject        string
	organization   string
	wallet, second string
}

// cose is the device's public key (RFC 9053).
func (d *device) cose(t testing.TB) []byte {
	t.Helper()
	mode, err := cbor.CTAP2EncOptions().EncMode()
	if err != nil {
		t.Fatal(err)
	}
	point, err := d.key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	b, err := mode.Marshal(map[int]any{1: 2, 3: -7, -1: 1, -2: point[1:33], -3: point[33:]})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// signInBy has a person sign in by a passkey, for a key of a page.
func (r *rig) signInBy(t testing.TB, d *device, page *sessionKey) wire.SignedIn {
	t.Helper()
	d.origin, d.rp = testOrigin, "localhost"
	begun, err := r.desk.SignInBegin(t.Context(), wire.SignInBegin{Nonce: page.nonce(t)})
	if err != nil {
		t.Fatal(err)
	}
	data, client := d.head(d.flags), d.client("get", begun.Challenge)
	hash := sha256.Sum256(client)
	digest := sha256.Sum256(append(append([]byte{}, data...), hash[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, d.key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	signed, err := r.desk.SignIn(t.Context(), wire.SignIn{Challenge: begun.Challenge, Passkey: &wire.PasskeyAssertion{
		CredentialID: d.id, PublicKey: d.cose(t), AuthenticatorData: data, ClientDataJSON: client, Signature: signature,
	}})
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func (r *rig) on(t testing.TB, k *sessionKey, method api.Method, params object) wire.Answer {
	t.Helper()
	body := r.body(t, method, params)
	return r.sendStamped(t, k.stamp(t, body), body)
}

// does is on for what must succeed.
func does[Result any](t testing.TB, r *rig, k *sessionKey, method api.Method, params object) Result {
	t.Helper()
	a := r.on(t, k, method, params)
	if a.Status != 200 {
		t.Fatalf("%s: %d %s", method, a.Status, a.Result)
	}
	return read1[Result](t, a)
}

// settle gives a signed-in person an organization with two wallets.
func (r *rig) settle(t testing.TB, page *sessionKey, subject string) person {
	t.Helper()
	p := person{page: page, subject: subject}
	p.organization = does[api.Organization](t, r, page, api.GetOrCreatePhantomOrganization, object{}).OrganizationID
	p.wallet = does[api.Wallet](t, r, page, api.GetOrCreateWalletWithTag, object{"organizationId": p.organization, "walletName": "App", "tag": "app"}).WalletID
	p.second = does[api.Wallet](t, r, page, api.CreateWallet, object{"organizationId": p.organization, "walletName": "Own"}).WalletID
	return p
}

func (r *rig) newPerson(t testing.TB) (person, *device) {
	t.Helper()
	page, d := newSessionKey(t), newDevice(t)
	signed := r.signInBy(t, d, page)
	page.token = signed.Token
	return r.settle(t, page, signed.Subject), d
}

const appOrigin = "https://app.example"

// connect has a person connect an app for a key, and gives the key its token.
func (r *rig) connect(t testing.TB, p person, app *sessionKey) wire.Authorized {
	t.Helper()
	does[api.Connection](t, r, p.page, api.ConnectApp, object{
		"organizationId": p.organization, "clientId": "app", "appName": "App", "origin": appOrigin, "walletId": p.wallet, "nonce": app.nonce(t),
	})
	return r.allow(t, p, app)
}

// allow has a person let the app in, and gives the app's key its token.
func (r *rig) allow(t testing.TB, p person, app *sessionKey) wire.Authorized {
	t.Helper()
	organization, err := id.Parse(p.organization)
	if err != nil {
		t.Fatal(err)
	}
	authorized := r.authorize(t, p.page, app, consent{organization: organization, client: "app", origin: appOrigin})
	r.mint(t, app, authorized)
	return authorized
}

// in names the person's organization in parameters.
func (p person) in(more object) object {
	more["organizationId"] = p.organization
	return more
}

func (p person) text(wallet string) object {
	return object{"organizationId": p.organization, "walletId": wallet, "message": "hello", "algorithm": "Ed25519", "derivationInfo": solanaPath}
}

// An app's session uses its wallet and nothing else; what was disconnected stays so, also when the app comes again.
func TestConnections(t *testing.T) {
	r := newRig(t)
	p, _ := r.newPerson(t)
	app, other := newSessionKey(t), newSessionKey(t)
	authorized := r.connect(t, p, app)
	r.connect(t, p, other) // of a second browser
	for i, k := range []*sessionKey{app, other} {
		if a := r.on(t, k, api.SignUtf8Message, p.text(p.wallet)); a.Status != 200 {
			t.Fatalf("session %d: %d %s", i, a.Status, a.Result)
		}
	}
	if got := does[api.Organization](t, r, app, api.GetOrCreatePhantomOrganization, object{}); got.OrganizationID != p.organization {
		t.Errorf("the app is led to %s", got.OrganizationID)
	}
	tagged := object{"organizationId": p.organization, "walletName": "x", "tag": "app"}
	if got := does[api.Wallet](t, r, app, api.GetOrCreateWalletWithTag, tagged); got.WalletID != p.wallet {
		t.Errorf("the app's wallet is %s", got.WalletID)
	}
	for _, c := range []struct {
		method api.Method
		params object
		status uint16
	}{
		{api.SignUtf8Message, p.text(p.second), 403},
		{api.GetOrCreateWalletWithTag, object{"organizationId": p.organization, "walletName": "x", "tag": "another"}, 403},
		{api.ExportWallet, object{"organizationId": p.organization, "walletId": p.wallet, "publicKey": standard(append([]byte{9}, make([]byte, 31)...))}, 403},
		{api.AddUserToOrganization, object{"organizationId": p.organization, "user": user("x", object{"type": "ROOT"}, newKey(t))}, 403},
		{api.ConnectApp, object{"organizationId": p.organization, "clientId": "b", "appName": "b", "walletId": p.second, "nonce": app.nonce(t)}, 403},
		{api.ListConnections, object{"organizationId": p.organization}, 403},
		{api.ListWays, object{"organizationId": p.organization}, 403},
	} {
		if a := r.on(t, app, c.method, c.params); a.Status != c.status {
			t.Errorf("%s by an app: %d %s", c.method, a.Status, a.Result)
		}
	}
	does[api.Connection](t, r, p.page, api.DisconnectApp, object{"organizationId": p.organization, "clientId": "app"})
	again := newSessionKey(t)
	r.connect(t, p, again)
	r.mint(t, app, authorized) // the host still has what it needs for fresh tokens
	for i, k := range []*sessionKey{app, other} {
		if a := r.on(t, k, api.SignUtf8Message, p.text(p.wallet)); a.Status != 401 {
			t.Errorf("session %d after a disconnection: %d %s", i, a.Status, a.Result)
		}
	}
	if a := r.on(t, again, api.SignUtf8Message, p.text(p.wallet)); a.Status != 200 {
		t.Errorf("the new session: %d %s", a.Status, a.Result)
	}
	if list := does[api.Connections](t, r, p.page, api.ListConnections, object{"organizationId": p.organization}); len(list.Connections) != 1 || list.Connections[0].Origin != appOrigin {
		t.Errorf("%+v", list)
	}
}

// A login by a one-time code, which the host can read, begins and stops things, and no more.
func TestLoginsByCode(t *testing.T) {
	r := newRig(t)
	page, signed := r.signIn(t, "a@example.com")
	p := r.settle(t, page, signed.Subject)
	app := newSessionKey(t)
	r.connect(t, p, app) // there is no better way to sign in
	if a := r.on(t, app, api.SignUtf8Message, p.text(p.wallet)); a.Status != 200 {
		t.Fatalf("%d %s", a.Status, a.Result)
	}
	for method, params := range map[api.Method]object{
		api.SignUtf8Message:            p.text(p.wallet),
		api.AddUserToOrganization:      {"organizationId": p.organization, "user": user("x", object{"type": "ROOT"}, newKey(t))},
		api.CreateAuthenticator:        {"organizationId": p.organization, "username": "owner", "authenticator": keypair("k", newKey(t))},
		api.ExportWallet:               {"organizationId": p.organization, "walletId": p.wallet, "publicKey": standard(append([]byte{9}, make([]byte, 31)...))},
		api.UpdateOrganizationControls: {"organizationId": p.organization, "requirePolicyTests": true},
		api.Unfreeze:                   {"organizationId": p.organization},
	} {
		if a := r.on(t, page, method, params); a.Status != 403 {
			t.Errorf("%s by a code: %d %s", method, a.Status, a.Result)
		}
	}
	d := newDevice(t)
	add := object{"organizationId": p.organization, "name": "phone", "idToken": r.signInBy(t, d, page).Token}
	if a := does[api.WayChanged](t, r, page, api.AddWay, add); a.Pending == nil || a.Way != nil {
		t.Errorf("a passkey added by a code alone: %+v", a)
	}
}

// Two ways to sign in, or all there are, change the ways at once; one of several waits, and the others may veto.
func TestWays(t *testing.T) {
	r := newRig(t)
	p, one := r.newPerson(t)
	token := func(d *device, page *sessionKey) string { return r.signInBy(t, d, page).Token }
	second, third := newDevice(t), newDevice(t)
	if a := does[api.WayChanged](t, r, p.page, api.AddWay, p.in(object{"name": "second", "idToken": token(second, p.page)})); a.Way == nil {
		t.Fatalf("the only way adds another: %+v", a)
	}
	page := newSessionKey(t)
	page.token = token(second, page)
	if got := does[api.Organization](t, r, page, api.GetOrCreatePhantomOrganization, object{}); got.OrganizationID != p.organization {
		t.Errorf("the second way leads to %s", got.OrganizationID)
	}
	// Whoever has one of two cannot make it two of three.
	stolen := does[api.WayChanged](t, r, page, api.AddWay, p.in(object{"name": "third", "idToken": token(third, page)}))
	if stolen.Pending == nil {
		t.Fatalf("one of two adds a third at once: %+v", stolen)
	}
	if a := r.on(t, page, api.CompleteWayChange, p.in(object{"changeId": stolen.Pending.ID})); a.Status != 400 {
		t.Errorf("completed at once: %d %s", a.Status, a.Result)
	}
	for why, proof := range map[string]string{"the same way": page.token, "a stranger": token(newDevice(t), page), "another key": p.page.token, "none": "a.b.c"} {
		a := r.on(t, page, api.AddWay, p.in(object{"name": "third", "idToken": token(third, page), "proofs": []string{proof}}))
		if a.Status == 200 && read1[api.WayChanged](t, a).Way != nil {
			t.Errorf("a proof of %s counts", why)
		}
	}
	if a := r.on(t, p.page, api.VetoWayChange, p.in(object{"changeId": stolen.Pending.ID})); a.Status != 200 {
		t.Errorf("veto: %d %s", a.Status, a.Result)
	}
	if a := r.on(t, page, api.CompleteWayChange, p.in(object{"changeId": stolen.Pending.ID})); a.Status != 404 {
		t.Errorf("completed after the veto: %d %s", a.Status, a.Result)
	}
	// Two of two replace the first.
	ways := does[api.Ways](t, r, page, api.ListWays, p.in(object{}))
	if len(ways.Ways) != 2 || !ways.Ways[0].Strong {
		t.Fatalf("%+v", ways)
	}
	fourth := newDevice(t)
	r.newPersonBy(t, fourth)
	both := newSessionKey(t)
	both.token = token(second, both)
	if a := r.on(t, both, api.RemoveWay, p.in(object{"wayId": id.String(id.Random())})); a.Status != 404 {
		t.Errorf("no such way: %d %s", a.Status, a.Result)
	}
	first := token(one, both)
	elsewhere := p.in(object{"name": "x", "idToken": token(fourth, both), "proofs": []string{first}})
	if a := r.on(t, both, api.AddWay, elsewhere); a.Status != 400 {
		t.Errorf("a way that leads elsewhere was taken over: %d %s", a.Status, a.Result)
	}
	for _, w := range ways.Ways {
		if w.Subject != p.subject {
			continue
		}
		if a := r.on(t, page, api.DeleteAuthenticator, p.in(object{"username": "owner", "authenticatorId": w.ID})); a.Status != 400 {
			t.Errorf("removed as any authenticator: %d %s", a.Status, a.Result)
		}
		if a := does[api.WayChanged](t, r, both, api.RemoveWay, p.in(object{"wayId": w.ID, "proofs": []string{first}})); a.Way == nil {
			t.Errorf("two of two remove one: %+v", a)
		}
	}
	if a := r.on(t, p.page, api.ListWays, p.in(object{})); a.Status != 401 {
		t.Errorf("by the way that was removed: %d %s", a.Status, a.Result)
	}
	if got := does[api.Organization](t, r, p.page, api.GetOrCreatePhantomOrganization, object{}); got.OrganizationID == p.organization {
		t.Error("the way that was removed leads where it led")
	}
}

func (r *rig) newPersonBy(t testing.TB, d *device) person {
	t.Helper()
	page := newSessionKey(t)
	signed := r.signInBy(t, d, page)
	page.token = signed.Token
	return r.settle(t, page, signed.Subject)
}

// Two requests at once found one organization, and nothing is signed for an app once its disconnection was answered.
func TestConnectRaces(t *testing.T) {
	r := newRig(t)
	page := newSessionKey(t)
	page.token = r.signInBy(t, newDevice(t), page).Token
	var all sync.WaitGroup
	organizations := make([]string, 16)
	for i := range organizations {
		all.Go(func() {
			if a := r.on(t, page, api.GetOrCreatePhantomOrganization, object{}); a.Status == 200 {
				organizations[i] = read1[api.Organization](t, a).OrganizationID
			}
		})
	}
	all.Wait()
	for _, o := range organizations {
		if o != organizations[0] || o == "" {
			t.Fatalf("%v", organizations)
		}
	}
	p := r.settle(t, page, "")
	app := newSessionKey(t)
	r.connect(t, p, app)
	var gone atomic.Bool
	var signed, late atomic.Int32
	for range 64 {
		all.Go(func() {
			for range 8 {
				after := gone.Load()
				if a := r.on(t, app, api.SignUtf8Message, p.text(p.wallet)); a.Status == 200 {
					signed.Add(1)
					if after {
						late.Add(1)
					}
				}
			}
		})
	}
	does[api.Connection](t, r, page, api.DisconnectApp, object{"organizationId": p.organization, "clientId": "app"})
	gone.Store(true)
	all.Wait()
	if late.Load() != 0 {
		t.Errorf("%d of %d were signed after the disconnection was answered", late.Load(), signed.Load())
	}
}

// Where there is a better way to sign in, a code connects no apps.
func TestCodesAreOutranked(t *testing.T) {
	r := newRig(t)
	p, d := r.newPerson(t)
	begun, err := r.desk.SignInBegin(t.Context(), wire.SignInBegin{Nonce: p.page.nonce(t), Email: "b@example.com"})
	if err != nil {
		t.Fatal(err)
	}
	mail, err := r.desk.SignIn(t.Context(), wire.SignIn{Challenge: begun.Challenge, Code: begun.Code})
	if err != nil {
		t.Fatal(err)
	}
	added := does[api.WayChanged](t, r, p.page, api.AddWay, object{"organizationId": p.organization, "name": "mail", "idToken": mail.Token})
	if added.Way == nil || added.Way.Strong {
		t.Fatalf("%+v", added)
	}
	page, _ := r.signIn(t, "b@example.com")
	if got := does[api.Organization](t, r, page, api.GetOrCreatePhantomOrganization, object{}); got.OrganizationID != p.organization {
		t.Fatalf("the mail leads to %s", got.OrganizationID)
	}
	app := object{"organizationId": p.organization, "clientId": "app", "appName": "App", "walletId": p.wallet, "nonce": newSessionKey(t).nonce(t)}
	if a := r.on(t, page, api.ConnectApp, app); a.Status != 403 {
		t.Errorf("connected by a code: %d %s", a.Status, a.Result)
	}
	remove := object{"organizationId": p.organization, "wayId": does[api.Ways](t, r, page, api.ListWays, object{"organizationId": p.organization}).Ways[0].ID}
	if a := does[api.WayChanged](t, r, page, api.RemoveWay, remove); a.Pending == nil {
		t.Errorf("a code removes the passkey at once: %+v", a)
	}
	again := newSessionKey(t)
	again.token = r.signInBy(t, d, again).Token
	if a := r.on(t, again, api.ConnectApp, app); a.Status != 200 {
		t.Errorf("connected by the passkey: %d %s", a.Status, a.Result)
	}
}

// The certifier's mark of a login by a code counts wherever its tokens could be taken: they are taken by ways and connections
// only, not by an authenticator that somebody made of Connect's keys.
func TestConnectIsNoForeignIssuer(t *testing.T) {
	r := newRig(t)
	page, signed := r.signIn(t, "a@example.com")
	statement, err := r.desk.Issuer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var issuer proof.SignedIssuer
	if err := proof.Decode(statement.Statement, &issuer); err != nil {
		t.Fatal(err)
	}
	key, err := jose.ParseP256(issuer.Issuer.Key)
	if err != nil {
		t.Fatal(err)
	}
	o := r.tenant(t, object{"username": "a", "policy": object{"type": "ROOT"}, "authenticators": []object{{
		"authenticatorName": "n", "authenticatorKind": "oidc", "jwkSet": json.RawMessage(jose.SingleKey(key).JSON()), "idTokenClaims": object{"sub": signed.Subject},
	}}})
	if a := r.on(t, page, api.GetOrganization, object{"organizationId": o.id}); a.Status != 401 {
		t.Errorf("%d %s", a.Status, a.Result)
	}
}

// Rules see the origin of the page that an app runs in, also when a request waited for approvals.
func TestOrigins(t *testing.T) {
	r := newRig(t)
	p, _ := r.newPerson(t)
	app := newSessionKey(t)
	r.connect(t, p, app)
	write := func(expression, outcome string) {
		rule := object{"expression": expression, "outcome": outcome, "comment": ""}
		if outcome == "REQUIRE_APPROVAL" {
			rule["approvals"] = []object{{"required": 1}}
		}
		does[api.Organization](t, r, p.page, api.UpdateUserInOrganization, object{
			"organizationId": p.organization, "username": "app-app", "newPolicy": object{"type": "CEL", "rules": []object{rule}, "constants": []object{}},
		})
	}
	write("request.origin == 'https://other.example'", "ALLOW")
	if a := r.on(t, app, api.SignUtf8Message, p.text(p.wallet)); a.Status != 403 {
		t.Errorf("another origin: %d %s", a.Status, a.Result)
	}
	write("request.origin == '"+appOrigin+"'", "ALLOW")
	if a := r.on(t, app, api.SignUtf8Message, p.text(p.wallet)); a.Status != 200 {
		t.Errorf("the app's origin: %d %s", a.Status, a.Result)
	}
	write("request.origin == '"+appOrigin+"'", "REQUIRE_APPROVAL")
	asked := waits(t, r.on(t, app, api.SignUtf8Message, p.text(p.wallet)))
	done := does[api.Waiting](t, r, p.page, api.ApproveRequest, object{"organizationId": p.organization, "requestId": asked.ID, "requestDigest": asked.RequestDigest})
	if done.Approval.Status != api.RequestExecuted {
		t.Errorf("%+v", done)
	}
}
