package policy

import (
	"testing"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/wire"
)

// Somebody whose user is deleted signs in to a new organization by each of their ways, and not to one in which they are nobody.
func TestDeletedUserSignsInElsewhere(t *testing.T) {
	r := newRig(t)
	p, one := r.newPerson(t)
	other, three := r.newPerson(t)
	two, stranger := newDevice(t), newDevice(t)
	does[api.WayChanged](t, r, p.page, api.AddWay, p.in(object{"name": "two", "idToken": r.signInBy(t, two, p.page).Token}))
	waiting := does[api.WayChanged](t, r, p.page, api.AddWay, p.in(object{"name": "x", "idToken": r.signInBy(t, stranger, p.page).Token}))
	if waiting.Pending == nil {
		t.Fatalf("%+v", waiting)
	}
	second := newKey(t)
	does[api.Organization](t, r, p.page, api.AddUserToOrganization, p.in(object{"user": user("second", object{"type": "ROOT"}, second)}))
	must[api.Organization](t, r, second, api.DeleteUserFromOrganization, p.in(object{"username": "owner"}))

	home := func(d *device) string {
		return does[api.Organization](t, r, r.back(t, d), api.GetOrCreatePhantomOrganization, object{}).OrganizationID
	}
	led := map[string]bool{}
	for range 2 {
		for name, d := range map[string]*device{"one": one, "two": two, "the one that waited": stranger} {
			there := home(d)
			if led[there] = true; there == p.organization || there == other.organization {
				t.Errorf("%s leads to %s", name, there)
			}
			for method, params := range map[api.Method]object{
				api.GetOrganization: {}, api.ListWays: {}, api.CompleteWayChange: {"changeId": waiting.Pending.ID}, api.VetoWayChange: {"changeId": waiting.Pending.ID},
			} {
				if a := r.on(t, r.back(t, d), method, p.in(params)); a.Status != 401 {
					t.Errorf("%s by %s: %d %s", method, name, a.Status, a.Result)
				}
			}
		}
		if len(led) != 3 {
			t.Errorf("the ways lead to %d organizations, want the same three", len(led))
		}
		if home(three) != other.organization {
			t.Error("somebody else is led elsewhere, too")
		}
		if left := must[api.Organization](t, r, second, api.GetOrganization, p.in(object{})); len(left.Users) != 1 || left.Users[0].Username != "second" {
			t.Errorf("left: %+v", left.Users)
		}
		r.restart(t)
	}
	anew := r.newPersonBy(t, one)
	if ways := does[api.Ways](t, r, anew.page, api.ListWays, object{"organizationId": anew.organization}); len(ways.Ways) != 1 || len(ways.Pending) != 0 {
		t.Errorf("the new organization: %+v", ways)
	}
}

// A way whose user is deleted is free for another organization, also while it leads nowhere.
func TestWayOfDeletedUserIsFree(t *testing.T) {
	r := newRig(t)
	p, d := r.newPerson(t)
	other, _ := r.newPerson(t)
	second := newKey(t)
	does[api.Organization](t, r, p.page, api.AddUserToOrganization, object{"organizationId": p.organization, "user": user("second", object{"type": "ROOT"}, second)})
	add := func() object {
		return object{"organizationId": other.organization, "name": "theirs", "idToken": r.signInBy(t, d, other.page).Token}
	}
	if a := r.on(t, other.page, api.AddWay, add()); errorType(a) != api.TypeConflict {
		t.Errorf("taken over: %d %s", a.Status, a.Result)
	}
	must[api.Organization](t, r, second, api.DeleteUserFromOrganization, object{"organizationId": p.organization, "username": "owner"})
	if a := does[api.WayChanged](t, r, other.page, api.AddWay, add()); a.Way == nil {
		t.Fatalf("%+v", a)
	}
	if got := does[api.Organization](t, r, r.back(t, d), api.GetOrCreatePhantomOrganization, object{}); got.OrganizationID != other.organization {
		t.Errorf("it leads to %s", got.OrganizationID)
	}
}

// A way that is added while its user is deleted is either refused or let go with the others: none is left behind.
func TestWayIsAddedWhileItsUserIsDeleted(t *testing.T) {
	r := newRig(t)
	for range 5 {
		p, one := r.newPerson(t)
		second, two := newKey(t), newDevice(t)
		does[api.Organization](t, r, p.page, api.AddUserToOrganization, object{"organizationId": p.organization, "user": user("second", object{"type": "ROOT"}, second)})
		add := object{"organizationId": p.organization, "name": "two", "idToken": r.signInBy(t, two, p.page).Token}
		answers := together(2, func(i int) wire.Answer {
			if i == 0 {
				return r.on(t, p.page, api.AddWay, add)
			}
			return r.call(t, second, api.DeleteUserFromOrganization, object{"organizationId": p.organization, "username": "owner"})
		})
		if answers[1].Status != 200 || answers[0].Status != 200 && answers[0].Status != 401 {
			t.Fatalf("%d %s, %d %s", answers[0].Status, answers[0].Result, answers[1].Status, answers[1].Result)
		}
		for _, d := range []*device{one, two} {
			if got := does[api.Organization](t, r, r.back(t, d), api.GetOrCreatePhantomOrganization, object{}); got.OrganizationID == p.organization {
				t.Error("a way leads where its person is nobody")
			}
		}
	}
}
