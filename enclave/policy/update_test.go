package policy

import (
	"crypto/ed25519"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/redoubt-kms/redoubt/api"
)

// A user's new policy holds from the next request on; traits are added, replaced and removed.
func TestUpdateUser(t *testing.T) {
	r := newRig(t)
	key := newKey(t)
	o := r.tenant(t, user("u", preset("LEGACY_USER_ROLE"), key))
	w := r.wallet(t, o)
	update := func(params object) object {
		all := object{"organizationId": o.id, "username": "u"}
		for k, v := range params {
			all[k] = v
		}
		return all
	}
	must[api.Signature](t, r, key, api.SignUtf8Message, utf8Params(o, w.WalletID, "x"))
	must[api.Organization](t, r, o.key, api.UpdateUserInOrganization, update(object{"newPolicy": preset("DENY_ALL"), "addTraits": object{"a": "1", "b": "2"}}))
	if a := r.call(t, key, api.SignUtf8Message, utf8Params(o, w.WalletID, "x")); a.Status != 403 {
		t.Errorf("under the new policy: %d", a.Status)
	}
	after := must[api.Organization](t, r, o.key, api.UpdateUserInOrganization, update(object{"addTraits": object{"b": "3"}, "removeTraits": []string{"a", "none"}, "newPolicy": nil}))
	if u := after.Users[1]; u.Policy.Preset != "DENY_ALL" || cmp.Diff(map[string]string{"b": "3"}, u.Traits) != "" {
		t.Errorf("%+v", u)
	}
	for why, c := range map[string]struct {
		params object
		want   string
	}{
		"the last root":    {object{"username": "root", "newPolicy": preset("ALLOW_ALL")}, api.TypeInvalid},
		"nobody":           {object{"username": "nobody"}, api.TypeNotFound},
		"a policy unknown": {object{"newPolicy": object{"type": "GOD"}}, api.TypeInvalid},
		"an empty trait":   {object{"addTraits": object{"": "x"}}, api.TypeInvalid},
		"a name":           {object{"newName": "v"}, api.TypeMalformed},
	} {
		if a := r.call(t, o.key, api.UpdateUserInOrganization, update(c.params)); errorType(a) != c.want {
			t.Errorf("%s: %d %s", why, a.Status, a.Result)
		}
	}
	if a := r.call(t, key, api.UpdateUserInOrganization, update(object{"newPolicy": object{"type": "ROOT"}})); a.Status != 403 {
		t.Errorf("by the user: %d", a.Status)
	}
}

// An authenticator gets a new name or a new end; the last key that stays must stay.
func TestUpdateAuthenticator(t *testing.T) {
	r := newRig(t)
	key := newKey(t)
	o := r.tenant(t, user("u", preset("LEGACY_USER_ROLE"), key))
	list := must[api.Organization](t, r, o.key, api.GetOrganization, object{"organizationId": o.id})
	update := func(user int, a object) object {
		return object{"organizationId": o.id, "username": list.Users[user].Username, "authenticatorId": list.Users[user].Authenticators[0].ID, "authenticator": a}
	}
	made := must[api.Authenticator](t, r, o.key, api.UpdateAuthenticator, update(1, object{"authenticatorName": "new", "expiresInMs": 3_600_000}))
	if made.AuthenticatorName != "new" || made.ExpiresAtMs == "" || made.ID != list.Users[1].Authenticators[0].ID {
		t.Errorf("%+v", made)
	}
	if again := must[api.Authenticator](t, r, o.key, api.UpdateAuthenticator, update(1, object{"expiresInMs": nil})); !reflect.DeepEqual(again, made) {
		t.Errorf("nothing to change: %+v, before %+v", again, made)
	}
	must[api.Authenticator](t, r, o.key, api.UpdateAuthenticator, update(1, object{"expiresInMs": 1}))
	r.outlive(t, o, key)
	for why, c := range map[string]struct {
		params object
		want   string
	}{
		"the last root key":    {update(0, object{"expiresInMs": 1000}), api.TypeInvalid},
		"another user's":       {object{"organizationId": o.id, "username": "u", "authenticatorId": list.Users[0].Authenticators[0].ID, "authenticator": object{}}, api.TypeNotFound},
		"another key":          {update(1, object{"publicKey": "AAAA"}), api.TypeMalformed},
		"an end in the past":   {update(1, object{"expiresInMs": -1}), api.TypeInvalid},
		"a name of nothing":    {update(1, object{"authenticatorName": ""}), api.TypeInvalid},
		"without what changes": {object{"organizationId": o.id, "username": "nobody", "authenticatorId": list.Users[0].Authenticators[0].ID, "authenticator": object{}}, api.TypeNotFound},
	} {
		if a := r.call(t, o.key, api.UpdateAuthenticator, c.params); errorType(a) != c.want {
			t.Errorf("%s: %d %s", why, a.Status, a.Result)
		}
	}
}

// A parent is named by somebody who may act for it, and by nobody else.
func TestParentOrganization(t *testing.T) {
	r := newRig(t)
	plain := newKey(t)
	parent, other := r.tenant(t, user("plain", preset("LEGACY_USER_ROLE"), plain)), r.tenant(t)
	child := object{"organizationName": "child", "parentOrganizationId": parent.id, "users": []object{user("u", object{"type": "ROOT"}, newKey(t))}}
	made := must[api.Organization](t, r, parent.key, api.CreateOrganization, child)
	if made.ParentOrganizationID != parent.id || len(made.Users) != 1 {
		t.Errorf("%+v", made)
	}
	if a := r.call(t, plain, api.CreateOrganization, child); a.Status != 403 {
		t.Errorf("by a user who may not: %d", a.Status)
	}
	if a := r.call(t, other.key, api.CreateOrganization, child); a.Status != 404 {
		t.Errorf("by another organization: %d", a.Status)
	}
	for who, key := range map[string]ed25519.PrivateKey{"unstamped": nil, "a stranger": newKey(t)} {
		if a := r.call(t, key, api.CreateOrganization, child); a.Status != 401 {
			t.Errorf("%s: %d", who, a.Status)
		}
	}
}
