package policy

import (
	"encoding/json"
	"testing"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/wire"
)

// An identity has one organization, however many requests ask for it at once, and after a restart it is the same.
func TestIdentityHasOneOrganization(t *testing.T) {
	r := newRig(t)
	key := newKey(t)
	if a := r.call(t, key, api.GetPhantomOrganization, object{}); string(a.Result) != "null" || a.Status != 200 {
		t.Errorf("before there is one: %d %s", a.Status, a.Result)
	}
	before := r.entries(t)
	answers := together(12, func(i int) wire.Answer {
		params := []object{{}, nil, {"publicKey": b64(public(key))}}[i%3]
		return r.call(t, key, api.GetOrCreatePhantomOrganization, params)
	})
	ids := map[string]bool{}
	for _, a := range answers {
		var o api.Organization
		if err := json.Unmarshal(a.Result, &o); err != nil || a.Status != 200 {
			t.Fatalf("%d %s", a.Status, a.Result)
		}
		ids[o.OrganizationID] = true
		if len(o.Users) != 1 || o.Users[0].Policy.Type != "ROOT" || o.Users[0].Authenticators[0].PublicKey != b64(public(key)) {
			t.Errorf("%+v", o)
		}
	}
	if grown := r.entries(t) - before; len(ids) != 1 || grown != 1 {
		t.Errorf("%d organizations, %d entries", len(ids), grown)
	}
	r.restart(t)
	o := must[api.Organization](t, r, key, api.GetPhantomOrganization, nil)
	if !ids[o.OrganizationID] {
		t.Error("another one after the restart")
	}
	if other := must[api.Organization](t, r, newKey(t), api.GetOrCreatePhantomOrganization, object{}); ids[other.OrganizationID] {
		t.Error("two identities share one")
	}
}

// Only the key itself finds its organization: not one that says so, and not whoever lists the key. A key that was removed
// from the organization has none any more.
func TestIdentityIsTheStampsKey(t *testing.T) {
	r := newRig(t)
	key, stranger := newKey(t), newKey(t)
	lister := r.tenant(t, user("listed", object{"type": "ROOT"}, key))
	o := must[api.Organization](t, r, key, api.GetOrCreatePhantomOrganization, object{})
	if o.OrganizationID == lister.id {
		t.Error("found by a list of keys")
	}
	claim := object{"publicKey": b64(public(key))}
	if a := r.call(t, stranger, api.GetOrCreatePhantomOrganization, claim); a.Status != 401 {
		t.Errorf("by another key's name: %d", a.Status)
	}
	if a := r.call(t, nil, api.GetOrCreatePhantomOrganization, claim); a.Status != 401 {
		t.Errorf("without a stamp: %d", a.Status)
	}
	if a := r.call(t, key, api.GetOrCreatePhantomOrganization, object{"publicKey": "x="}); a.Status != 400 {
		t.Errorf("nonsense: %d", a.Status)
	}
	second := newKey(t)
	must[api.Authenticator](t, r, key, api.CreateAuthenticator, object{"organizationId": o.OrganizationID, "username": "owner", "authenticator": keypair("second", second)})
	must[api.Authenticator](t, r, second, api.DeleteAuthenticator, object{
		"organizationId": o.OrganizationID, "username": "owner", "authenticatorId": o.Users[0].Authenticators[0].ID,
	})
	for _, method := range []api.Method{api.GetPhantomOrganization, api.GetOrCreatePhantomOrganization} {
		if a := r.call(t, key, method, object{}); a.Status == 200 {
			t.Errorf("%s by the removed key: %d %s", method, a.Status, a.Result)
		}
	}
	other := must[api.Organization](t, r, second, api.GetOrCreatePhantomOrganization, object{})
	if other.OrganizationID == o.OrganizationID {
		t.Error("the second key's own organization is the first one's")
	}
}
