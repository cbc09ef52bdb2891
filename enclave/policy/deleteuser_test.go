package policy

import (
	"testing"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/wire"
)

// A user who is removed is a stranger from the next request on: with every key, for new requests and for the answers of
// old ones, here and after a restart. The removal itself is done once, and told alike when it is asked again.
func TestDeletedUserIsAStranger(t *testing.T) {
	r := newRig(t)
	one, two := newKey(t), newKey(t)
	o := r.tenant(t, user("second", object{"type": "ROOT"}, one, two))
	w := r.wallet(t, o)
	old := r.body(t, api.SignUtf8Message, utf8Params(o, w.WalletID, "x"))
	if a := r.send(t, one, old); a.Status != 200 {
		t.Fatalf("%d %s", a.Status, a.Result)
	}
	removal := r.body(t, api.DeleteUserFromOrganization, object{"organizationId": o.id, "username": "second"})
	before := r.entries(t)
	first := r.send(t, o.key, removal)
	left := read1[api.Organization](t, first)
	if first.Status != 200 || len(left.Users) != 1 || left.Users[0].Username != "root" {
		t.Fatalf("%d %s", first.Status, first.Result)
	}
	for range 2 {
		if again := r.send(t, o.key, removal); again.Status != 200 || string(again.Result) != string(first.Result) {
			t.Errorf("asked again: %d %s", again.Status, again.Result)
		}
		if grown := r.entries(t) - before; grown != 1 {
			t.Errorf("%d entries, want one", grown)
		}
		if a := r.send(t, one, old); a.Status != 401 {
			t.Errorf("an old request: %d %s", a.Status, a.Result)
		}
		if a := r.call(t, two, api.GetOrganization, object{"organizationId": o.id}); a.Status != 401 {
			t.Errorf("the other key: %d %s", a.Status, a.Result)
		}
		r.restart(t)
	}
	// The keys are free for somebody else: nothing of the user is left.
	must[api.Organization](t, r, o.key, api.AddUserToOrganization, object{"organizationId": o.id, "user": user("second", preset("ALLOW_ALL"), one, two)})
	if a := r.call(t, two, api.GetOrganization, object{"organizationId": o.id}); a.Status != 200 {
		t.Errorf("registered again: %d %s", a.Status, a.Result)
	}
}

// An administrator may leave, but not the last one, also when two remove each other at once.
func TestLastRootUserStays(t *testing.T) {
	r := newRig(t)
	for range 10 {
		second := newKey(t)
		o := r.tenant(t, user("second", object{"type": "ROOT"}, second))
		answers := together(2, func(i int) wire.Answer {
			if i == 0 {
				return r.call(t, o.key, api.DeleteUserFromOrganization, object{"organizationId": o.id, "username": "second"})
			}
			return r.call(t, second, api.DeleteUserFromOrganization, object{"organizationId": o.id, "username": "root"})
		})
		removed := 0
		for _, a := range answers {
			if a.Status == 200 {
				removed++
			}
		}
		alive := 0
		for _, key := range [][]byte{o.key, second} {
			if r.call(t, key, api.GetOrganization, object{"organizationId": o.id}).Status == 200 {
				alive++
			}
		}
		if removed != 1 || alive != 1 {
			t.Fatalf("%d removed, %d left: %s, %s", removed, alive, answers[0].Result, answers[1].Result)
		}
	}
	second := newKey(t)
	o := r.tenant(t, user("second", object{"type": "ROOT"}, second))
	must[api.Organization](t, r, second, api.DeleteUserFromOrganization, object{"organizationId": o.id, "username": "second"}) // of one's own will
	if a := r.call(t, o.key, api.DeleteUserFromOrganization, object{"organizationId": o.id, "username": "root"}); errorType(a) != api.TypeInvalid {
		t.Errorf("the last one left: %d %s", a.Status, a.Result)
	}
}
