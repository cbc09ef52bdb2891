package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/enclave"
	"github.com/redoubt-kms/redoubt/internal/id"
	"github.com/redoubt-kms/redoubt/internal/jose"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

// A change that waits is stopped while the organization is frozen: its time runs on, and whoever asked for it would be as fast as
// the person once the freeze is lifted.
func TestVetoDuringAFreeze(t *testing.T) {
	r := newRig(t)
	p, _ := r.newPerson(t)
	does[api.WayChanged](t, r, p.page, api.AddWay, p.in(object{"name": "mail", "idToken": r.mailTo(t, "c@example.com", p.page).Token}))
	thief := newSessionKey(t)
	thief.token = r.mailTo(t, "c@example.com", thief).Token
	asked := does[api.WayChanged](t, r, thief, api.AddWay, p.in(object{"name": "x", "idToken": r.signInBy(t, newDevice(t), thief).Token}))
	if asked.Pending == nil {
		t.Fatalf("%+v", asked)
	}
	does[api.Frozen](t, r, thief, api.Freeze, p.in(object{}))
	for method, params := range map[api.Method]object{
		api.CompleteWayChange: {"changeId": asked.Pending.ID},
		api.AddWay:            {"name": "y", "idToken": r.signInBy(t, newDevice(t), thief).Token},
		api.RemoveWay:         {"wayId": does[api.Ways](t, r, thief, api.ListWays, p.in(object{})).Ways[0].ID},
		api.DisconnectApp:     {"clientId": "app"},
	} {
		denied(t, string(method), r.on(t, thief, method, p.in(params)), "frozen")
	}
	if a := r.on(t, p.page, api.VetoWayChange, p.in(object{"changeId": asked.Pending.ID})); a.Status != 200 {
		t.Errorf("veto: %d %s", a.Status, a.Result)
	}
	does[api.Frozen](t, r, p.page, api.Unfreeze, p.in(object{}))
	if a := r.on(t, thief, api.CompleteWayChange, p.in(object{"changeId": asked.Pending.ID})); a.Status != 404 {
		t.Errorf("completed after the freeze: %d %s", a.Status, a.Result)
	}
}

// An app is no way to sign in, whatever its user may do.
func TestAppsChangeNoWays(t *testing.T) {
	r := newRig(t)
	p, _ := r.newPerson(t)
	app := newSessionKey(t)
	r.connect(t, p, app)
	does[api.Organization](t, r, p.page, api.UpdateUserInOrganization, object{
		"organizationId": p.organization, "username": "app-app", "newPolicy": object{"type": "ROOT"},
	})
	for method, params := range map[api.Method]object{
		api.AddWay:    {"organizationId": p.organization, "name": "x", "idToken": r.signInBy(t, newDevice(t), app).Token},
		api.RemoveWay: {"organizationId": p.organization, "wayId": does[api.Ways](t, r, app, api.ListWays, object{"organizationId": p.organization}).Ways[0].ID},
	} {
		if a := r.on(t, app, method, params); a.Status != 400 || !strings.Contains(string(a.Result), "no login of Connect") {
			t.Errorf("%s by an app: %d %s", method, a.Status, a.Result)
		}
	}
}

// deaf is an engine whose certifier answers nothing but that it is busy.
func deaf(t *testing.T) *keysRig {
	t.Helper()
	r := newKeysRig(t)
	m := r.vault.Manifest()
	m.Connect.Origin = testOrigin
	r.vault = &enclave.Vault{Signed: proof.SignedManifest{Manifest: m}, Log: log.New(io.Discard, "", 0)}
	ours, theirs := net.Pipe()
	link := wire.NewLink(ours, func(*wire.Call) {})
	other := wire.NewLink(theirs, func(c *wire.Call) { c.Fail(wire.Faultf("overloaded", "too many logins at once")) })
	t.Cleanup(func() { link.Close(); other.Close() })
	r.Engine.certifier, r.tokens = link, newTokenCache()
	return r
}

// tokenOf makes a token of a key, and who carries it.
func (r *keysRig) tokenOf(t *testing.T, claims object) *caller {
	t.Helper()
	all := object{"iss": testOrigin, "sub": "email:x", "aud": []string{"connect"}, "nonce": "n", "iat": keysTime / 1000, "exp": keysTime/1000 + 3600}
	for name, value := range claims {
		all[name] = value
	}
	text, err := jose.Sign(r.key, jose.TypeSession, all)
	if err != nil {
		t.Fatal(err)
	}
	c := &caller{now: keysTime, organization: proof.ID{1}}
	if c.token, err = r.tokens.parse(text); err != nil {
		t.Fatal(err)
	}
	return c
}

// bound gives a caller an organization with one user who takes tokens.
func (c *caller) bound(t *testing.T, o org.OIDC) {
	t.Helper()
	b, err := o.Encode()
	if err != nil {
		t.Fatal(err)
	}
	c.record.value = &org.Organization{Users: []org.User{{Username: "u", Policy: org.Policy{Type: org.PolicyRoot}, Authenticators: []org.Authenticator{{Kind: org.KindOIDC, PublicKey: b}}}}}
}

// Which tokens are Connect's is not forgotten while the certifier does not answer: by its keys, written down for an authenticator, a
// login by a code would be as good as any.
func TestConnectIsKnownWithoutTheCertifier(t *testing.T) {
	r := deaf(t)
	c := r.tokenOf(t, nil)
	var told *api.Error
	for why, o := range map[string]org.OIDC{
		"an authenticator of its keys": {Version: 1, Source: org.SourceKeySet, Keys: string(jose.SingleKey(&r.key.PublicKey).JSON()), Subject: "email:x"},
		"a way":                        {Version: 1, Source: org.SourceConnect, Subject: "email:x", Audience: []string{"connect"}},
		"another person's":             {Version: 1, Source: org.SourceConnect, Subject: "email:y", Audience: []string{"connect"}},
	} {
		c.bound(t, o)
		if err := r.authenticateToken(t.Context(), c); !errors.As(err, &told) || told.Type != api.TypeUnavailable || c.member.User != nil {
			t.Errorf("%s: %v", why, err)
		}
	}
	c.record.value = nil
	if err := r.authenticateToken(t.Context(), c); !errors.As(err, &told) || told.Type != api.TypeUnavailable {
		t.Errorf("no organization: %v", err)
	}
	if err := r.enterSession(t.Context(), c); !errors.As(err, &told) || told.Type != api.TypeUnavailable {
		t.Errorf("the person's own: %v", err)
	}
}

// A token that is too old, or not for the authenticator, is no reason to fetch keys.
func TestOldTokensFetchNothing(t *testing.T) {
	r := deaf(t)
	issuer := org.OIDC{Version: 1, Source: org.SourceIssuer, Keys: keysURL, Issuer: keysURL, Subject: "alice", Audience: []string{"app"}}
	good := object{"iss": keysURL, "sub": "alice", "aud": []string{"app"}}
	for why, edit := range map[string]object{
		"old": {"iat": keysTime/1000 - 7200}, "expired": {"exp": keysTime/1000 - 120}, "of tomorrow": {"iat": keysTime/1000 + 86_400},
		"another app": {"aud": "b"}, "another issuer": {"iss": keysURL + "/"}, "another person": {"sub": "bob"},
	} {
		claims := object{}
		for _, from := range []object{good, edit} {
			for name, value := range from {
				claims[name] = value
			}
		}
		c := r.tokenOf(t, claims)
		c.bound(t, issuer)
		if err := r.authenticateToken(t.Context(), c); err == nil || r.asked.Load() != 0 {
			t.Errorf("%s: %v, %d fetches", why, err, r.asked.Load())
		}
	}
	c := r.tokenOf(t, good)
	c.bound(t, issuer)
	if err := r.authenticateToken(t.Context(), c); err != nil || r.asked.Load() != 1 || c.session != "" {
		t.Errorf("a good one: %v, %d fetches", err, r.asked.Load())
	}
}

// A stranger's token costs the verification by a few authenticators, however many take such tokens.
func TestStrangersTokensCostLittle(t *testing.T) {
	r := deaf(t)
	users := make([]org.User, 3*maxVouching)
	for i := range users {
		keys := issuer{key: newP256(t)}.keySet()
		if i == maxVouching {
			keys = jose.SingleKey(&r.key.PublicKey).JSON()
		}
		b, err := org.OIDC{Version: 1, Source: org.SourceKeySet, Keys: string(keys), Subject: "alice"}.Encode()
		if err != nil {
			t.Fatal(err)
		}
		users[i] = org.User{Username: fmt.Sprint(i), Authenticators: []org.Authenticator{{Kind: org.KindOIDC, PublicKey: b}}}
	}
	try := func(users []org.User) error {
		c := r.tokenOf(t, object{"iss": "i", "sub": "alice"})
		c.record.value = &org.Organization{Users: users}
		return r.authenticateToken(t.Context(), c)
	}
	if err := try(users); err == nil {
		t.Errorf("authenticator %d was tried", maxVouching+1)
	}
	if err := try(users[1:]); err != nil {
		t.Errorf("authenticator %d: %v", maxVouching, err)
	}
	passed := make([]org.User, 0, 2*len(users))
	for i, u := range users { // those for other people cost nothing
		o := org.OIDC{Version: 1, Source: org.SourceKeySet, Keys: "{}", Subject: fmt.Sprint("alice", i)}
		b, err := o.Encode()
		if err != nil {
			t.Fatal(err)
		}
		passed = append(passed, org.User{Username: fmt.Sprint("a", i), Authenticators: []org.Authenticator{{Kind: org.KindOIDC, PublicKey: b}}}, u)
	}
	if err := try(passed[2:]); err != nil {
		t.Errorf("after others' authenticators: %v", err)
	}
}

// What is remembered of tokens is bounded by their bytes: anybody may write keys down and sign long tokens by them.
func TestTokensAreBounded(t *testing.T) {
	key := newP256(t)
	k := newTokenCache()
	audience := make([]string, 1300)
	for i := range 2 * maxTokenBytes / jose.MaxToken {
		text, err := jose.Sign(key, "JWT", object{"sub": fmt.Sprint(i), "aud": audience, "iat": 1, "exp": 2})
		if err != nil {
			t.Fatal(err)
		}
		read, err := k.parse(text)
		if err == nil {
			err = k.verify(read, jose.SingleKey(&key.PublicKey))
		}
		if again, err2 := k.parse(text); err != nil || err2 != nil || again.Token != read.Token || len(text) < jose.MaxToken/2 {
			t.Fatalf("token %d, %d bytes: %v, %v", i, len(text), err, err2)
		}
		if k.size > maxTokenBytes || len(k.read) != len(k.verified) || len(k.read)*len(text) > maxTokenBytes+jose.MaxToken {
			t.Fatalf("%d tokens are kept, of %d bytes", len(k.read), k.size)
		}
	}
}

// An organization cannot make a record of sets of keys that no commit could hold, to the harm of all others.
func TestKeySetsOfAnOrganizationAreBounded(t *testing.T) {
	r := newRig(t)
	o := r.tenant(t)
	keys := strings.TrimSuffix(string(issuer{key: newP256(t)}.keySet()), "}") + `,"x":"` + strings.Repeat("x", 60<<10) + `"}`
	made, status := 0, uint16(200)
	for i := 0; i < 2*org.MaxKeyBytes/(60<<10) && status == 200; i++ {
		user := object{"username": fmt.Sprint("u", i), "policy": preset("DENY_ALL"), "authenticators": []object{{
			"authenticatorName": "n", "authenticatorKind": "oidc", "jwkSet": json.RawMessage(keys), "idTokenClaims": object{"sub": fmt.Sprint(i)},
		}}}
		a := r.call(t, o.key, api.AddUserToOrganization, object{"organizationId": o.id, "user": user})
		if status = a.Status; status == 200 {
			made++
		} else if errorType(a) != api.TypeLimit {
			t.Fatalf("%d %s", a.Status, a.Result)
		}
	}
	if made == 0 || made*len(keys) > org.MaxKeyBytes || status != 400 {
		t.Errorf("%d sets of %d bytes were taken, then status %d", made, len(keys), status)
	}
}

// A way that is added while its person founds an organization by it leads to one of the two, and the other is not made.
func TestWayIsAddedWhileItFounds(t *testing.T) {
	r := newRig(t)
	for range 8 {
		p, _ := r.newPerson(t)
		d, fresh := newDevice(t), newSessionKey(t)
		fresh.token = r.signInBy(t, d, fresh).Token
		add := object{"organizationId": p.organization, "name": "n", "idToken": r.signInBy(t, d, p.page).Token}
		var all sync.WaitGroup
		var added, founded wire.Answer
		all.Go(func() { added = r.on(t, p.page, api.AddWay, add) })
		all.Go(func() { founded = r.on(t, fresh, api.GetOrCreatePhantomOrganization, object{}) })
		all.Wait()
		if added.Status == 200 && founded.Status == 200 && read1[api.Organization](t, founded).OrganizationID != p.organization {
			t.Error("the way was added here, and founded an organization elsewhere")
		}
	}
}

// By whichever way round: a login by a code gets nothing signed or changed by trying it, by having it wait, by what it was granted
// from another organization, or by an authenticator of its own making.
func TestCodesReachNoFurther(t *testing.T) {
	r := newRig(t)
	page, signed := r.signIn(t, "d@example.com")
	p := r.settle(t, page, signed.Subject)
	lender := r.tenant(t)
	lent := r.wallet(t, lender)
	must[api.Grant](t, r, lender.key, api.GrantOrganizationAccess, object{
		"ownerOrganizationId": lender.id, "walletId": lent.WalletID, "targetOrganizationId": p.organization, "policy": rooted("ALWAYS", object{"preset": "ALLOW_ALL"}),
	})
	root := user("x", object{"type": "ROOT"}, newKey(t))
	for what, c := range map[string]struct {
		method api.Method
		params object
	}{
		"a granted wallet":        {api.SignUtf8Message, p.in(object{"walletId": lent.WalletID, "message": "x", "algorithm": "Ed25519", "derivationInfo": solanaPath})},
		"a granted wallet's keys": {api.ExportWallet, p.in(object{"walletId": lent.WalletID, "publicKey": standard(append([]byte{9}, make([]byte, 31)...))})},
		"a child organization":    {api.CreateOrganization, object{"organizationName": "c", "parentOrganizationId": p.organization, "users": []object{root}}},
		"a grant":                 {api.GrantOrganizationAccess, object{"ownerOrganizationId": p.organization, "walletId": p.wallet, "targetOrganizationId": lender.id, "policy": scopes("owner")}},
		"a transfer":              {api.TransferOrganizationWallet, object{"ownerOrganizationId": p.organization, "walletId": p.wallet, "targetOrganizationId": lender.id}},
		"its own user's policy":   {api.UpdateUserInOrganization, p.in(object{"username": "owner", "newPolicy": object{"type": "ROOT"}})},
		"its own way as a key":    {api.UpdateAuthenticator, p.in(object{"username": "owner", "authenticatorId": does[api.Ways](t, r, page, api.ListWays, p.in(object{})).Ways[0].ID, "authenticator": object{"authenticatorName": "n"}})},
		"an import":               {api.InitWalletImport, p.in(object{})},
		"approving":               {api.ApproveRequest, p.in(object{"requestId": lent.WalletID, "requestDigest": ""})},
		"a contract":              {api.RegisterContract, p.in(object{"chain": "eip155:1", "address": "0x" + strings.Repeat("11", 20), "abi": []object{}})},
	} {
		if a := r.on(t, page, c.method, c.params); a.Status != 403 && (a.Status != 404 || c.method != api.ApproveRequest) {
			t.Errorf("%s by a code: %d %s", what, a.Status, a.Result)
		}
	}
	// Trying a signature says that it would be denied, as who asks or as anybody.
	tried := object{"request": object{"method": "signUtf8Message", "params": p.text(p.wallet)}}
	for _, username := range []string{"", "owner"} {
		tried["username"] = username
		if d := does[api.DryRunResult](t, r, page, api.DryRun, p.in(tried)); d.Decision != org.OutcomeDeny {
			t.Errorf("a dry run as %q: %+v", username, d)
		}
	}
	if list := does[api.Requests](t, r, page, api.ListRequests, p.in(object{})); len(list.Requests) != 0 {
		t.Errorf("%+v", list)
	}
}

// A change that was vetoed after the backup from which the ledger was restored does not wait again.
func TestRebaseEndsChangesOfWays(t *testing.T) {
	r := newRig(t)
	page, signed := r.signIn(t, "e@example.com")
	p := r.settle(t, page, signed.Subject)
	add := func(page *sessionKey) *api.WayChange {
		t.Helper()
		return does[api.WayChanged](t, r, page, api.AddWay, object{"organizationId": p.organization, "name": "n", "idToken": r.signInBy(t, newDevice(t), page).Token}).Pending
	}
	asked := add(page)
	if asked == nil {
		t.Fatal("it does not wait")
	}
	r.stop()
	head, _ := r.newestRow(t)
	time.Sleep(2 * time.Millisecond)
	r.rebaseOnto(t, head)
	r.start(t)
	page, _ = r.signIn(t, "e@example.com")
	if ways := does[api.Ways](t, r, page, api.ListWays, object{"organizationId": p.organization}); len(ways.Pending) != 0 || len(ways.Ways) != 1 {
		t.Errorf("%+v", ways)
	}
	for _, method := range []api.Method{api.CompleteWayChange, api.VetoWayChange} {
		if a := r.on(t, page, method, object{"organizationId": p.organization, "changeId": asked.ID}); a.Status != 404 {
			t.Errorf("%s: %d %s", method, a.Status, a.Result)
		}
	}
	if add(page) == nil {
		t.Error("a new one does not wait")
	}
}

// A connection is for one key of one app on one origin. Tokens that the same person allowed another key, app or origin are a
// stranger's, and so is each after the connection it was for.
func TestConnectionIsForOneKeyAppAndOrigin(t *testing.T) {
	r := newRig(t)
	p, d := r.newPerson(t)
	app := newSessionKey(t)
	r.connect(t, p, app)
	organization, err := id.Parse(p.organization)
	if err != nil {
		t.Fatal(err)
	}
	allowed := func(key *sessionKey, client, origin string) *sessionKey {
		with := &sessionKey{key: key.key}
		r.mint(t, with, r.authorize(t, p.page, with, consent{organization: organization, client: client, origin: origin}))
		return with
	}
	text := p.text(p.wallet)
	if a := r.on(t, allowed(app, "app", appOrigin), api.SignUtf8Message, text); a.Status != 200 {
		t.Fatalf("a fresh token of the same: %d %s", a.Status, a.Result)
	}
	for why, k := range map[string]*sessionKey{
		"another key":                allowed(newSessionKey(t), "app", appOrigin),
		"another app":                allowed(app, "other", appOrigin),
		"another spelling":           allowed(app, "App", appOrigin),
		"another origin":             allowed(app, "app", "https://other.example"),
		"no origin":                  allowed(app, "app", ""),
		"the token by another key":   {key: newSessionKey(t).key, token: app.token},
		"the pages' token by a key":  {key: app.key, token: p.page.token},
		"the app's token by a page":  {key: p.page.key, token: app.token},
		"a page's login for its key": {key: app.key, token: r.signInBy(t, newDevice(t), app).Token},
	} {
		if a := r.on(t, k, api.SignUtf8Message, text); a.Status != 401 {
			t.Errorf("%s: %d %s", why, a.Status, a.Result)
		}
	}
	// The same body by two keys of the person's way is one request: the second is told what came of the first.
	again := &sessionKey{key: newSessionKey(t).key}
	again.token = r.signInBy(t, d, again).Token
	body := r.body(t, api.CreateWallet, object{"organizationId": p.organization, "walletName": "once"})
	first, second := r.sendStamped(t, p.page.stamp(t, body), body), r.sendStamped(t, again.stamp(t, body), body)
	if first.Status != 200 || read1[api.Wallet](t, first).WalletID != read1[api.Wallet](t, second).WalletID {
		t.Errorf("%s, then %s", first.Result, second.Result)
	}
}
