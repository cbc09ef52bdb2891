package org

import (
	"bytes"
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/proof"
)

// Limits bound an organization. The zero value stands for api.MaxUsers and api.MaxKeys.
type Limits struct {
	Users int // of an organization
	Keys  int // authenticators of a user
}

func (l Limits) users() int { return cmp.Or(l.Users, api.MaxUsers) }
func (l Limits) keys() int  { return cmp.Or(l.Keys, api.MaxKeys) }

// Create checks a new organization as a whole.
func Create(o Organization, limits Limits) (*Organization, error) {
	if len(o.Users) == 0 {
		return nil, api.Errorf(api.TypeInvalid, "an organization needs at least one user").At("params.users")
	}
	if len(o.Users) > limits.users() {
		return nil, api.Errorf(api.TypeLimit, "an organization has at most %d users", limits.users()).At("params.users")
	}
	for _, u := range o.Users {
		if err := u.checkKeys(limits); err != nil {
			return nil, err
		}
	}
	return &o, o.checkPolicies()
}

// MaxPolicyBytes bounds the texts of all policies of an organization together: its record is written anew, and told of, with
// every change of a user or a key.
const MaxPolicyBytes = 1 << 20

// checkPolicies is check for an organization that got another policy.
func (o *Organization) checkPolicies() error {
	n := 0
	for i := range o.Users {
		n += o.Users[i].Policy.size()
	}
	if n > MaxPolicyBytes {
		return api.Errorf(api.TypeLimit, "the policies of the organization's users take %d bytes together, the most is %d", n, MaxPolicyBytes)
	}
	return o.check()
}

// MaxKeyBytes bounds what the authenticators of an organization hold together, for the same reason: a set of keys is as long as a
// body may be.
const MaxKeyBytes = 1 << 20

// keyBytes is how much the authenticators hold.
func (o *Organization) keyBytes() int {
	n := 0
	for i := range o.Users {
		for j := range o.Users[i].Authenticators {
			n += len(o.Users[i].Authenticators[j].PublicKey)
		}
	}
	return n
}

// size is how long the texts of a policy are.
func (p *Policy) size() int {
	n := 0
	for i := range p.Rules {
		n += len(p.Rules[i].Expression) + len(p.Rules[i].Comment)
		for _, a := range p.Rules[i].Approvals {
			n += len(a.Tag) + 1
		}
	}
	for i := range p.Constants {
		n += len(p.Constants[i].Name) + len(p.Constants[i].Value) + len(p.Constants[i].Comment)
	}
	return n
}

func (u *User) checkKeys(limits Limits) error {
	if len(u.Authenticators) > limits.keys() {
		return api.Errorf(api.TypeLimit, "a user has at most %d authenticators", limits.keys())
	}
	return nil
}

// AddUser returns the organization with one more user. With replaceExpirable, a full organization gives up the user
// that expires and was created first.
func (o *Organization) AddUser(u User, replaceExpirable bool, limits Limits) (*Organization, error) {
	return o.addUser(u, func(*User) bool { return replaceExpirable }, limits)
}

// addUser is AddUser that says of each user whether a full organization may give that one up, if it expires.
func (o *Organization) addUser(u User, mayGo func(*User) bool, limits Limits) (*Organization, error) {
	next := o.clone()
	if err := u.checkKeys(limits); err != nil {
		return nil, err
	}
	if next.User(u.Username) >= 0 {
		return nil, api.Errorf(api.TypeConflict, "the organization already has a user of this name").At("params.user.username")
	}
	if len(next.Users) >= limits.users() {
		i := oldest(next.Users, func(u User) (uint64, uint64, []byte) {
			if !mayGo(&u) {
				return 0, 0, nil
			}
			return u.Expires, u.Created, []byte(u.Username)
		})
		if i < 0 {
			return nil, api.Errorf(api.TypeLimit, "the organization has %d users, the most there may be", len(next.Users))
		}
		next.Users = slices.Delete(next.Users, i, i+1)
		next.Users = append(next.Users, u)
		if o.losesRoot(next, u.Created) {
			return nil, api.Errorf(api.TypeInvalid, "the user who would make room is the last one with policy ROOT; delete another one first").At("params.replaceExpirable")
		}
		return next, next.checkPolicies()
	}
	next.Users = append(next.Users, u)
	return next, next.checkPolicies()
}

// UpdateUser returns the organization with another policy or other traits of a user. The last one that can change the
// organization stays so.
func (o *Organization) UpdateUser(username string, policy *Policy, add []Trait, remove []string, now uint64) (*Organization, error) {
	next := o.clone()
	i := next.User(username)
	if i < 0 {
		return nil, api.Errorf(api.TypeNotFound, "no such user").At("params.username")
	}
	u := &next.Users[i]
	if policy != nil {
		u.Policy = *policy
	}
	u.Traits = slices.DeleteFunc(slices.Clone(u.Traits), func(t Trait) bool {
		return slices.Contains(remove, t.Name) || slices.ContainsFunc(add, func(a Trait) bool { return a.Name == t.Name })
	})
	u.Traits = append(u.Traits, add...)
	slices.SortFunc(u.Traits, func(a, b Trait) int { return strings.Compare(a.Name, b.Name) })
	if len(u.Traits) > api.MaxTraits {
		return nil, api.Errorf(api.TypeLimit, "a user has at most %d traits", api.MaxTraits).At("params.addTraits")
	}
	if o.losesRoot(next, now) {
		return nil, api.Errorf(api.TypeInvalid, "this is the last user with policy ROOT and a key; add another one first").At("params.newPolicy")
	}
	if policy == nil {
		return next, next.check()
	}
	return next, next.checkPolicies()
}

// DeleteUser returns the organization without a user. The last one that can change the organization stays.
func (o *Organization) DeleteUser(username string, now uint64) (*Organization, error) {
	next := o.clone()
	i := next.User(username)
	if i < 0 {
		return nil, api.Errorf(api.TypeNotFound, "no such user").At("params.username")
	}
	next.Users = slices.Delete(next.Users, i, i+1)
	if o.losesRoot(next, now) {
		return nil, api.Errorf(api.TypeInvalid, "this is the last user with policy ROOT and a key; add another one first").At("params.username")
	}
	return next, nil
}

// AddAuthenticator returns the organization with one more authenticator of a user.
func (o *Organization) AddAuthenticator(username string, a Authenticator, replaceExpirable bool, limits Limits) (*Organization, error) {
	next := o.clone()
	i := next.User(username)
	if i < 0 {
		return nil, api.Errorf(api.TypeNotFound, "no such user").At("params.username")
	}
	keys := slices.Clone(next.Users[i].Authenticators)
	if len(keys) >= limits.keys() {
		j := oldest(keys, func(a Authenticator) (uint64, uint64, []byte) { return a.Expires, a.Created, a.ID[:] })
		if !replaceExpirable || j < 0 {
			return nil, api.Errorf(api.TypeLimit, "the user has %d authenticators, the most there may be", len(keys))
		}
		next.Users[i].Authenticators = append(slices.Delete(keys, j, j+1), a)
		if o.losesRoot(next, a.Created) {
			return nil, api.Errorf(api.TypeInvalid, "the authenticator that would make room is the last one with policy ROOT; delete another one first").At("params.replaceExpirable")
		}
		return next, next.check()
	}
	next.Users[i].Authenticators = append(keys, a)
	return next, next.check()
}

// UpdateAuthenticator returns the organization with an authenticator as change makes it, and that authenticator. The last
// one that can change the organization, and the last that does not expire, stay so.
func (o *Organization) UpdateAuthenticator(username string, id proof.ID, change func(*Authenticator), now uint64) (*Organization, Authenticator, error) {
	next := o.clone()
	i, j, err := next.authenticator(username, id)
	if err != nil {
		return nil, Authenticator{}, err
	}
	keys := slices.Clone(next.Users[i].Authenticators)
	change(&keys[j])
	next.Users[i].Authenticators = keys
	if o.losesRoot(next, now) {
		return nil, keys[j], api.Errorf(api.TypeInvalid, "this is the last authenticator with policy ROOT that does not expire; register another one first").At("params.authenticator.expiresInMs")
	}
	return next, keys[j], next.check()
}

// authenticator returns the position of a user and of an authenticator of theirs.
func (o *Organization) authenticator(username string, id proof.ID) (int, int, error) {
	i := o.User(username)
	if i < 0 {
		return 0, 0, api.Errorf(api.TypeNotFound, "no such user").At("params.username")
	}
	j := slices.IndexFunc(o.Users[i].Authenticators, func(a Authenticator) bool { return a.ID == id })
	if j < 0 {
		return 0, 0, api.Errorf(api.TypeNotFound, "no such authenticator").At("params.authenticatorId")
	}
	return i, j, nil
}

// DeleteAuthenticator returns the organization without an authenticator, and the authenticator. The last one that can
// change the organization stays.
func (o *Organization) DeleteAuthenticator(username string, id proof.ID, now uint64) (*Organization, Authenticator, error) {
	next := o.clone()
	i, j, err := next.authenticator(username, id)
	if err != nil {
		return nil, Authenticator{}, err
	}
	keys := slices.Clone(next.Users[i].Authenticators)
	gone := keys[j]
	next.Users[i].Authenticators = slices.Delete(keys, j, j+1)
	if o.losesRoot(next, now) {
		return nil, gone, api.Errorf(api.TypeInvalid, "this is the last authenticator with policy ROOT; register another one first").At("params.authenticatorId")
	}
	return next, gone, nil
}

// losesRoot says whether a change takes away the last key that can change the organization, or the last one that does not
// expire.
func (o *Organization) losesRoot(next *Organization, now uint64) bool {
	return !next.hasRoot(now) || o.hasRoot(forEver) && !next.hasRoot(forEver)
}

// forEver is a time that only what never expires outlives.
const forEver = math.MaxUint64

// hasRoot says whether somebody with policy ROOT holds a key at a time.
func (o *Organization) hasRoot(at uint64) bool {
	return slices.ContainsFunc(o.Users, func(u User) bool {
		return u.Policy.Type == PolicyRoot && !Expired(u.Expires, at) &&
			slices.ContainsFunc(u.Authenticators, func(a Authenticator) bool { return !Expired(a.Expires, at) })
	})
}

// oldest returns the position of what expires and was created first, by identifier when two were created at once; -1
// when nothing expires.
func oldest[T any](all []T, of func(T) (expires, created uint64, id []byte)) int {
	found := -1
	for i := range all {
		expires, created, name := of(all[i])
		if expires == 0 {
			continue
		}
		if found >= 0 {
			_, best, bestName := of(all[found])
			if created > best || created == best && bytes.Compare(name, bestName) > 0 {
				continue
			}
		}
		found = i
	}
	return found
}

// clone copies what a change may touch: the list of users, not what they hold.
func (o *Organization) clone() *Organization {
	next := *o
	next.Users = slices.Clone(o.Users)
	return &next
}

// check holds what must be true of any organization: somebody who can change it, unique names and keys. Limits are for
// what comes: one that is lowered takes nobody away.
func (o *Organization) check() error {
	if !o.hasRoot(0) {
		return api.Errorf(api.TypeInvalid, "an organization needs a user with policy ROOT and an authenticator, or nobody could ever change it").At("params.users")
	}
	if n := o.keyBytes(); n > MaxKeyBytes {
		return api.Errorf(api.TypeLimit, "the authenticators of the organization's users take %d bytes together, the most is %d", n, MaxKeyBytes)
	}
	names := map[string]bool{}
	keys := map[proof.Hash]bool{}
	for _, u := range o.Users {
		if names[u.Username] {
			return api.Errorf(api.TypeConflict, "two users have the same name").At("params.users")
		}
		names[u.Username] = true
		for _, a := range u.Authenticators {
			for _, hash := range a.names() {
				if keys[hash] {
					return api.Errorf(api.TypeConflict, "this public key is already an authenticator of the organization")
				}
				keys[hash] = true
			}
		}
	}
	return nil
}

// Has says whether a policy is the very one of a user, not only one that says the same. Policies without rules and without a
// limit name nothing and are always there.
func (o *Organization) Has(p *Policy) bool {
	if len(p.Rules) == 0 && p.USDLimit == nil {
		return true
	}
	return o != nil && slices.ContainsFunc(o.Users, func(u User) bool {
		if len(p.Rules) > 0 {
			return len(u.Policy.Rules) > 0 && &u.Policy.Rules[0] == &p.Rules[0]
		}
		return u.Policy.USDLimit == p.USDLimit
	})
}
