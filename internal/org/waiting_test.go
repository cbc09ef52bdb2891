package org_test

import (
	"testing"

	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/proof"
)

func line(n int, size uint32, expires uint64, ended bool) org.Line {
	return org.Line{ID: proof.ID{byte(n >> 8), byte(n), 1}, Size: size, Expires: expires, Ended: ended}
}

// What waits is bounded by number and by bytes; what expired, to the millisecond, or ended makes room.
func TestRoll(t *testing.T) {
	fill := func(count int, size uint32, expires uint64, ended bool) *org.Roll {
		r := &org.Roll{}
		for i := range count {
			r.Lines = append(r.Lines, line(i, size, expires, ended))
		}
		return r
	}
	for name, c := range map[string]struct {
		roll      *org.Roll
		size      uint32
		fits      bool
		forgotten int
	}{
		"the first":                  {nil, 1, true, 0},
		"the last that fits":         {fill(255, 1, 101, false), 1, true, 0},
		"one too many":               {fill(256, 1, 101, false), 1, false, 0},
		"all expired a moment ago":   {fill(256, 1, 100, false), 1, true, 0},
		"more expired than are kept": {fill(300, 1, 100, false), 1, true, 44},
		"more ended than are kept":   {fill(257, 1, 200, true), 1, true, 1},
		"as many bytes as fit":       {fill(31, 256<<10, 101, false), 256 << 10, true, 0},
		"a byte too many":            {fill(32, 256<<10, 101, false), 1, false, 0},
		"more bytes than are kept":   {fill(40, 256<<10, 101, true), 1, true, 8},
	} {
		next, forgotten, fits := c.roll.Add(line(1000, c.size, 500, false), 100)
		if fits != c.fits || len(forgotten) != c.forgotten {
			t.Errorf("%s: fits %v, %d forgotten", name, fits, len(forgotten))
		}
		if n := len(next.Lines); next.Lines[n-1].ID != line(1000, 0, 0, false).ID || n != len(c.roll.End(proof.ID{}).Lines)+1-c.forgotten {
			t.Errorf("%s: %d lines", name, n)
		}
	}
}

// An approval counts for a group while its user has the group's tag, then and now, by an authenticator that may still act.
func TestCounting(t *testing.T) {
	key := org.Authenticator{ID: proof.ID{1}}
	person := func(name, tags string, keys ...org.Authenticator) org.User {
		return org.User{Username: name, Authenticators: keys, Traits: []org.Trait{{Name: org.TagsTrait, Value: tags}}}
	}
	group := org.Approval{Required: 1, Tag: "a"}
	for name, c := range map[string]struct {
		given org.Given
		user  org.User
		group org.Approval
		want  int
	}{
		"as it should be":         {org.Given{User: "x", Authenticator: key.ID, Tags: []string{"b", "a"}}, person("x", "b,a", key), group, 1},
		"any user":                {org.Given{User: "x", Authenticator: key.ID}, person("x", "", key), org.Approval{Required: 1}, 1},
		"no tag then":             {org.Given{User: "x", Authenticator: key.ID, Tags: []string{"b"}}, person("x", "b,a", key), group, 0},
		"no tag now":              {org.Given{User: "x", Authenticator: key.ID, Tags: []string{"a"}}, person("x", "b", key), group, 0},
		"a part of a tag":         {org.Given{User: "x", Authenticator: key.ID, Tags: []string{"ab"}}, person("x", "ab", key), group, 0},
		"who asked":               {org.Given{User: "asks", Authenticator: key.ID, Tags: []string{"a"}}, person("asks", "a", key), group, 0},
		"frozen":                  {org.Given{User: "ice", Authenticator: key.ID, Tags: []string{"a"}}, person("ice", "a", key), group, 0},
		"another authenticator":   {org.Given{User: "x", Authenticator: proof.ID{2}, Tags: []string{"a"}}, person("x", "a", key), group, 0},
		"an expired one":          {org.Given{User: "x", Authenticator: key.ID, Tags: []string{"a"}}, person("x", "a", org.Authenticator{ID: key.ID, Expires: 100}), group, 0},
		"a user who is not there": {org.Given{User: "y", Authenticator: key.ID, Tags: []string{"a"}}, person("x", "a", key), group, 0},
	} {
		w := &org.Waiting{User: "asks", Given: []org.Given{c.given, c.given}}
		o := &org.Organization{Users: []org.User{c.user}}
		if got := w.Counting(c.group, o, org.Frozen{Users: []string{"ice"}}, 100); len(got) != c.want {
			t.Errorf("%s: %v", name, got)
		}
		if w.Fulfilled([]org.Approval{c.group}, o, org.Frozen{Users: []string{"ice"}}, 100) != (c.want == 1) {
			t.Errorf("%s: fulfilled", name)
		}
	}
}
