package policy

import (
	"testing"
	"time"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/id"
	"github.com/redoubt-kms/redoubt/internal/jose"
)

// later starts everything again at a later time.
func (r *rig) later(t testing.TB, by time.Duration) {
	t.Helper()
	r.stop()
	r.ahead += by
	r.start(t)
}

// back signs somebody in by a passkey, with a new key.
func (r *rig) back(t testing.TB, d *device) *sessionKey {
	t.Helper()
	page := newSessionKey(t)
	page.token = r.signInBy(t, d, page).Token
	return page
}

// twoWays gives a person a second passkey to sign in by.
func (r *rig) twoWays(t testing.TB) (p person, first, second *device) {
	t.Helper()
	p, first = r.newPerson(t)
	second = newDevice(t)
	does[api.WayChanged](t, r, p.page, api.AddWay, p.in(object{"name": "second", "idToken": r.signInBy(t, second, p.page).Token}))
	return p, first, second
}

// wayOf returns the identifier of the way by which somebody signs in.
func wayOf(t testing.TB, r *rig, p person, page *sessionKey, subject string) string {
	t.Helper()
	for _, w := range does[api.Ways](t, r, page, api.ListWays, object{"organizationId": p.organization}).Ways {
		if w.Subject == subject {
			return w.ID
		}
	}
	t.Fatalf("no way of %s", subject)
	return ""
}

// Who lost one of two ways takes it away by the other alone, when 48 hours are over, and not before; then that one is all
// there is and adds another at once. The lost way opens nothing any more.
func TestLostWayIsReplaced(t *testing.T) {
	r := newRig(t)
	p, lost, kept := r.twoWays(t)
	page := r.back(t, kept)
	asked := does[api.WayChanged](t, r, page, api.RemoveWay, p.in(object{"wayId": wayOf(t, r, p, page, p.subject)}))
	if asked.Pending == nil {
		t.Fatalf("one of two takes the other away at once: %+v", asked)
	}
	change := p.in(object{"changeId": asked.Pending.ID})

	r.later(t, 48*time.Hour-time.Minute)
	page = r.back(t, kept)
	if a := r.on(t, page, api.CompleteWayChange, change); a.Status != 400 {
		t.Errorf("a minute early: %d %s", a.Status, a.Result)
	}
	r.later(t, 2*time.Minute)
	page = r.back(t, kept)
	if a := does[api.WayChanged](t, r, page, api.CompleteWayChange, change); a.Way == nil || a.Way.Subject != p.subject {
		t.Errorf("%+v", a)
	}
	if a := r.on(t, page, api.CompleteWayChange, change); a.Status != 404 {
		t.Errorf("twice: %d %s", a.Status, a.Result)
	}
	ways := does[api.Ways](t, r, page, api.ListWays, p.in(object{}))
	if len(ways.Ways) != 1 || len(ways.Pending) != 0 || ways.Ways[0].Name != "second" {
		t.Errorf("%+v", ways)
	}
	thief := r.back(t, lost)
	if a := r.on(t, thief, api.ListWays, p.in(object{})); a.Status != 401 {
		t.Errorf("the lost way: %d %s", a.Status, a.Result)
	}
	if got := does[api.Organization](t, r, thief, api.GetOrCreatePhantomOrganization, object{}); got.OrganizationID == p.organization {
		t.Error("the lost way leads where it led")
	}
	fresh := newDevice(t)
	if a := does[api.WayChanged](t, r, page, api.AddWay, p.in(object{"name": "new", "idToken": r.signInBy(t, fresh, page).Token})); a.Way == nil {
		t.Errorf("the only way does not add another: %+v", a)
	}
	if got := does[api.Organization](t, r, r.back(t, fresh), api.GetOrCreatePhantomOrganization, object{}); got.OrganizationID != p.organization {
		t.Errorf("the new way leads to %s", got.OrganizationID)
	}
}

// Who stole one of two ways cannot lock the other out: it has 48 hours to veto, and a veto ends the change for good.
func TestStolenWayIsVetoed(t *testing.T) {
	r := newRig(t)
	p, own, stolen := r.twoWays(t)
	thief := r.back(t, stolen)
	asked := does[api.WayChanged](t, r, thief, api.RemoveWay, p.in(object{"wayId": wayOf(t, r, p, thief, p.subject)}))
	change := p.in(object{"changeId": asked.Pending.ID})
	r.later(t, 47*time.Hour)
	does[api.WayChanged](t, r, r.back(t, own), api.VetoWayChange, change)
	r.later(t, 2*time.Hour)
	if a := r.on(t, r.back(t, stolen), api.CompleteWayChange, change); a.Status != 404 {
		t.Errorf("after the veto: %d %s", a.Status, a.Result)
	}
	if got := does[api.Organization](t, r, r.back(t, own), api.GetOrCreatePhantomOrganization, object{}); got.OrganizationID != p.organization {
		t.Errorf("the owner is led to %s", got.OrganizationID)
	}
}

// An app founds nothing, nor does a person who only let one in: who has no organization is asked to sign in on the pages.
func TestAppsFoundNothing(t *testing.T) {
	r := newRig(t)
	page, _ := r.signIn(t, "f@example.com")
	app := newSessionKey(t)
	r.mint(t, app, r.authorize(t, page, app, consent{organization: id.Random(), client: "app", origin: appOrigin}))
	if a := r.on(t, app, api.GetOrCreatePhantomOrganization, object{}); a.Status != 401 {
		t.Errorf("an app: %d %s", a.Status, a.Result)
	}
	if a := r.on(t, page, api.GetPhantomOrganization, object{}); string(a.Result) != "null" {
		t.Errorf("an organization was founded: %s", a.Result)
	}
}

// A proof is Connect's word for a way: not that of whoever holds the key, and not a login to an app, though it be for the same key.
func TestProofsOfWays(t *testing.T) {
	r := newRig(t)
	p, first, second := r.twoWays(t)
	page := r.back(t, second)
	organization, err := id.Parse(p.organization)
	if err != nil {
		t.Fatal(err)
	}
	app := *page // an app's session for the page's own key, of the person's other way
	own := *page
	own.token = r.signInBy(t, first, page).Token
	r.mint(t, &app, r.authorize(t, &own, page, consent{organization: organization, client: "app", origin: appOrigin}))
	now := r.wall().Unix()
	forged, err := jose.Sign(newP256(t), jose.TypeSession, object{
		"iss": testOrigin, "sub": p.subject, "aud": []string{"connect"}, "nonce": page.nonce(t), "iat": now, "exp": now + 3600,
	})
	if err != nil {
		t.Fatal(err)
	}
	remove := p.in(object{"wayId": wayOf(t, r, p, page, p.subject)})
	for why, proof := range map[string]string{"forged": forged, "a login to an app": app.token} {
		remove["proofs"] = []string{proof}
		if a := r.on(t, page, api.RemoveWay, remove); a.Status != 400 {
			t.Errorf("a proof that is %s: %d %s", why, a.Status, a.Result)
		}
		if a := r.on(t, page, api.AddWay, p.in(object{"name": "x", "idToken": proof})); a.Status != 400 {
			t.Errorf("a way that is %s: %d %s", why, a.Status, a.Result)
		}
	}
	delete(remove, "proofs")
	for n := range maxWayChanges + 1 {
		a := r.on(t, page, api.RemoveWay, remove)
		if (a.Status == 200) != (n < maxWayChanges) {
			t.Errorf("change %d that waits: %d %s", n, a.Status, a.Result)
		}
	}
	remove["proofs"] = []string{own.token}
	if a := does[api.WayChanged](t, r, page, api.RemoveWay, remove); a.Way == nil {
		t.Errorf("the two ways there are: %+v", a)
	}
}
