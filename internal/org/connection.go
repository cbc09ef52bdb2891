package org

import (
	"slices"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/proof"
)

// The traits of a user who is the connection of an app.
const (
	TraitApp     = "appId" // client id
	TraitAppName = "appName"
	TraitOrigin  = "origin"
)

// Connected names the user who is the connection of an app.
func Connected(client string) string { return "app-" + client }

// Connection says whether a user is the connection of an app, and of which.
func (u *User) Connection() (client string, ok bool) {
	client = u.Trait(TraitApp)
	return client, client != "" && u.Username == Connected(client) && u.Policy.Preset == PresetDappConnection
}

// Trait returns the value of a trait, or nothing.
func (u *User) Trait(name string) string {
	for _, t := range u.Traits {
		if t.Name == name {
			return t.Value
		}
	}
	return ""
}

// Connect returns the organization with the connection of an app: a new user, or new terms for the one that is there, who
// keeps the authenticators that are not this one. A full organization gives up its oldest connection, and nobody else: whoever
// may connect an app need not be who may delete users.
func (o *Organization) Connect(u User, limits Limits) (*Organization, error) {
	i := o.User(u.Username)
	if i < 0 {
		return o.addUser(u, func(old *User) bool { _, ok := old.Connection(); return ok }, limits)
	}
	next := o.clone()
	old := next.Users[i]
	if client, ok := old.Connection(); !ok || client != u.Trait(TraitApp) {
		return nil, api.Errorf(api.TypeConflict, "the user %q has a policy of their own, which connecting the app would replace; delete that user first", u.Username).At("params.clientId")
	}
	u.Created = old.Created
	u.Authenticators = renew(old.Authenticators, u.Authenticators[0], limits)
	next.Users[i] = u
	return next, next.checkPolicies()
}

// renew puts an authenticator in the place of the one with the same bytes, or of the oldest when there are too many.
func renew(all []Authenticator, a Authenticator, limits Limits) []Authenticator {
	all = slices.DeleteFunc(slices.Clone(all), func(old Authenticator) bool {
		return old.Kind == a.Kind && old.Algorithm == a.Algorithm && slices.Equal(old.PublicKey, a.PublicKey)
	})
	if len(all) >= limits.keys() {
		j := oldest(all, func(a Authenticator) (uint64, uint64, []byte) { return a.Expires, a.Created, a.ID[:] })
		all = slices.Delete(all, max(j, 0), max(j, 0)+1)
	}
	return append(all, a)
}

// AddWay returns the organization with one more way to sign in, for whom the others sign in.
func (o *Organization) AddWay(a Authenticator, now uint64, limits Limits) (*Organization, error) {
	ways := o.Ways(now)
	if len(ways) == 0 {
		return nil, api.Errorf(api.TypeInvalid, "nobody signs in to this organization over Connect").At("params.organizationId")
	}
	return o.AddAuthenticator(ways[0].User.Username, a, false, limits)
}

// RemoveWay returns the organization without a way to sign in, and the subject of that one. The last one stays.
func (o *Organization) RemoveWay(id proof.ID, now uint64) (*Organization, string, error) {
	ways := o.Ways(now)
	for _, w := range ways {
		if w.Authenticator.ID != id {
			continue
		}
		if len(ways) == 1 {
			return nil, "", api.Errorf(api.TypeInvalid, "this is the last way to sign in; add another one first").At("params.wayId")
		}
		next, _, err := o.DeleteAuthenticator(w.User.Username, id, now)
		return next, w.Subject, err
	}
	return nil, "", api.Errorf(api.TypeNotFound, "no such way to sign in").At("params.wayId")
}
