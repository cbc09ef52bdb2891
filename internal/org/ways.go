package org

import (
	"slices"
	"strings"

	"github.com/redoubt-kms/redoubt/proof"
)

// Ways is the record of the changes of an organization's ways to sign in that wait.
type Ways struct {
	_       struct{} `cbor:",toarray"`
	Version uint8    // SchemaVersion
	Pending []WayChange
}

// WayChange is a change of the ways that waits until nobody can say that they did not have the time to veto it.
type WayChange struct {
	_         struct{} `cbor:",toarray"`
	ID        proof.ID
	Subject   string   // of the way that is added or removed
	Name      string   // of a way that is added
	Remove    proof.ID // authenticator; zero when a way is added
	By        string   // subject that asked for it
	Created   uint64   // Unix milliseconds
	Effective uint64   // Unix milliseconds
}

// Next returns a copy that can be changed; nil counts as a record without changes.
func (w *Ways) Next() *Ways {
	next := &Ways{Version: SchemaVersion}
	if w != nil {
		next.Pending = slices.Clone(w.Pending)
	}
	return next
}

// Since returns the record without what was asked for before a time; nil stays nil.
func (w *Ways) Since(from uint64) *Ways {
	if w == nil {
		return nil
	}
	next := w.Next()
	next.Pending = slices.DeleteFunc(next.Pending, func(c WayChange) bool { return c.Created < from })
	return next
}

// Find returns the position of a change, or -1.
func (w *Ways) Find(change proof.ID) int {
	if w == nil {
		return -1
	}
	return slices.IndexFunc(w.Pending, func(c WayChange) bool { return c.ID == change })
}

// Way is a way to sign in together with who it signs in.
type Way struct {
	Subject string
	Member
}

// Ways lists the ways to sign in that have not expired.
func (o *Organization) Ways(now uint64) []Way {
	var all []Way
	for i := range o.Users {
		u := &o.Users[i]
		for j := range u.Authenticators {
			m := Member{User: u, Authenticator: &u.Authenticators[j]}
			if subject, ok := m.Authenticator.Way(); ok && m.Live(now) {
				all = append(all, Way{Subject: subject, Member: m})
			}
		}
	}
	return all
}

// The beginnings of subjects, by how the person proves who they are.
const (
	byPasskey  = "passkey:"
	byProvider = "oidc:"
)

// Strong says whether a subject is proven by more than a one-time code, which whoever carries the mail can read. What is
// not known to be strong is not.
func Strong(subject string) bool {
	return strings.HasPrefix(subject, byPasskey) || strings.HasPrefix(subject, byProvider)
}

// Suffice says whether the ways of the given subjects may change the ways of an organization at once: two of them, or all
// there are, and not by one-time codes alone.
func (o *Organization) Suffice(subjects []string, now uint64) bool {
	ways := o.Ways(now)
	shown, strong := 0, false
	for _, w := range ways {
		if slices.Contains(subjects, w.Subject) {
			shown++
			strong = strong || Strong(w.Subject)
		}
	}
	return strong && shown >= min(2, len(ways))
}
