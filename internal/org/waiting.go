package org

import (
	"slices"

	"github.com/redoubt-kms/redoubt/proof"
)

// Waiting is the record of a request that waits, or waited, for approvals.
type Waiting struct {
	_             struct{} `cbor:",toarray"`
	Version       uint8    // SchemaVersion
	ID            proof.ID
	Body          []byte     // exactly as it was stamped
	Request       proof.Hash // SHA-256 of the body
	Replay        proof.Hash // replay key of body and authenticator
	RequestID     proof.ID
	Authenticator proof.ID // that stamped the body
	User          string
	Method        string
	Wallet        proof.ID // zero for none
	Created       uint64   // Unix milliseconds
	Expires       uint64   // Unix milliseconds
	Groups        []Approval
	Rule          string // that requires the approvals
	Reason        string
	Explanation   []byte // JSON of api.Explanation, empty for none
	Effects       []byte // JSON of api.Effects, empty for none
	Given         []Given
	Rejected      *Given // nil when nobody did
	State         string // api.RequestPending until it ended
	Outcome       Outcome
}

// Given is an approval or a rejection by one user.
type Given struct {
	_             struct{} `cbor:",toarray"`
	User          string
	Authenticator proof.ID
	Tags          []string // that the user had
	Time          uint64   // Unix milliseconds
	Entry         uint64   // in the log
}

// Outcome is how a request ended.
type Outcome struct {
	_      struct{} `cbor:",toarray"`
	Entry  uint64   // in the log
	Above  uint64   // index of the newest head before that entry: the entry stands in one of the next commits
	Time   uint64   // Unix milliseconds
	Status uint16   // of HTTP
	Body   []byte   // the result or the error; empty for a signature, which is made again
}

// Clone returns a copy that can be changed.
func (w *Waiting) Clone() *Waiting {
	next := *w
	next.Given = slices.Clone(w.Given)
	return &next
}

// Give notes the approval of a user, in place of an earlier one by the same: each counts once.
func (w *Waiting) Give(g Given) {
	w.Given = append(slices.DeleteFunc(w.Given, func(old Given) bool { return old.User == g.User }), g)
}

// Counting lists whose approvals count for a group in the organization as it is now: those of other users than who asked,
// who had the tag when they approved and have it now, and whose authenticator may still act.
func (w *Waiting) Counting(group Approval, o *Organization, frozen Frozen, now uint64) []string {
	counting := []string{}
	for _, g := range w.Given {
		m, ok := o.Member(g.User, g.Authenticator)
		switch {
		case !ok || !m.Live(now) || g.User == w.User || slices.Contains(frozen.Users, g.User):
		case group.Tag != "" && (!slices.Contains(g.Tags, group.Tag) || !slices.Contains(m.User.Tags(), group.Tag)):
		case slices.Contains(counting, g.User):
		default:
			counting = append(counting, g.User)
		}
	}
	return counting
}

// Fulfilled says whether enough approvals count for each of some groups.
func (w *Waiting) Fulfilled(groups []Approval, o *Organization, frozen Frozen, now uint64) bool {
	for _, group := range groups {
		if len(w.Counting(group, o, frozen, now)) < int(group.Required) {
			return false
		}
	}
	return true
}

// MayApprove says whether a user belongs to a group of those who may approve the request, or veto it.
func (w *Waiting) MayApprove(u *User) bool {
	return u.Username != w.User && slices.ContainsFunc(w.Groups, func(g Approval) bool {
		return g.Tag == "" || slices.Contains(u.Tags(), g.Tag)
	})
}

// Member finds a user by name together with one of their authenticators.
func (o *Organization) Member(username string, authenticator proof.ID) (Member, bool) {
	if o == nil {
		return Member{}, false
	}
	at := o.User(username)
	if at < 0 {
		return Member{}, false
	}
	u := &o.Users[at]
	for i := range u.Authenticators {
		if u.Authenticators[i].ID == authenticator {
			return Member{User: u, Authenticator: &u.Authenticators[i]}, true
		}
	}
	return Member{}, false
}

// The bounds of the requests of one organization.
const (
	MaxWaiting      = 256     // that wait
	MaxWaitingBytes = 8 << 20 // of the bodies of those that wait, and of those that ended
	MaxEnded        = 256     // that ended and are still told of
)

// Roll is the record that lists an organization's requests, the oldest first.
type Roll struct {
	_       struct{} `cbor:",toarray"`
	Version uint8    // SchemaVersion
	Lines   []Line
}

// Line is one request of the roll.
type Line struct {
	_       struct{} `cbor:",toarray"`
	ID      proof.ID
	Size    uint32 // bytes of the body
	Expires uint64 // Unix milliseconds
	Ended   bool   // otherwise than by its expiry
}

// over says whether a request no longer waits.
func (l Line) over(now uint64) bool { return l.Ended || now >= l.Expires }

// Add returns the roll with one more request, and which ended ones it no longer holds; false when too many wait.
func (r *Roll) Add(l Line, now uint64) (*Roll, []proof.ID, bool) {
	next := &Roll{Version: SchemaVersion}
	if r != nil {
		next.Lines = slices.Clone(r.Lines)
	}
	next.Lines = append(next.Lines, l)
	var waiting, ended, waitingBytes, endedBytes int
	for _, one := range next.Lines {
		if one.over(now) {
			ended, endedBytes = ended+1, endedBytes+int(one.Size)
		} else {
			waiting, waitingBytes = waiting+1, waitingBytes+int(one.Size)
		}
	}
	var forgotten []proof.ID
	next.Lines = slices.DeleteFunc(next.Lines, func(one Line) bool {
		if !one.over(now) || ended <= MaxEnded && endedBytes <= MaxWaitingBytes {
			return false
		}
		ended, endedBytes = ended-1, endedBytes-int(one.Size)
		forgotten = append(forgotten, one.ID)
		return true
	})
	return next, forgotten, waiting <= MaxWaiting && waitingBytes <= MaxWaitingBytes
}

// End returns the roll with a request marked as ended.
func (r *Roll) End(id proof.ID) *Roll {
	next := &Roll{Version: SchemaVersion}
	if r != nil {
		next.Lines = slices.Clone(r.Lines)
	}
	for i := range next.Lines {
		if next.Lines[i].ID == id {
			next.Lines[i].Ended = true
		}
	}
	return next
}
