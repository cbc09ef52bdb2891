package org_test

import (
	"testing"
	"time"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/proof"
)

func TestImports(t *testing.T) {
	const now, window = 1000, uint64(api.ImportWindow / time.Millisecond)
	user, other := (&org.User{Username: "a", Created: 1}).Name(), (&org.User{Username: "a", Created: 2}).Name()
	if user == other {
		t.Error("a user of the same name, made later, is the same")
	}
	var list *org.Imports
	for i := range api.MaxImports {
		var err error
		if list, err = list.Add(org.Import{ID: proof.ID{1, byte(i)}, User: user, Expires: now + window}, now); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := list.Add(org.Import{ID: proof.ID{2}}, now+window-1); err == nil {
		t.Error("one more than there may be")
	}
	later, err := list.Add(org.Import{ID: proof.ID{2}, User: user, Expires: now + 2*window}, now+window)
	if err != nil || len(later.Waiting) != 1 {
		t.Errorf("those that expired stay: %v", err)
	}
	for name, c := range map[string]struct {
		list *org.Imports
		id   proof.ID
		user proof.Hash
		now  uint64
	}{
		"of nobody": {nil, proof.ID{1}, user, now}, "unknown": {list, proof.ID{9}, user, now}, "of another user": {list, proof.ID{1}, other, now},
		"expired": {list, proof.ID{1}, user, now + window}, "long expired": {later, proof.ID{1}, user, now},
	} {
		if _, _, err := c.list.Take(c.id, c.user, c.now); err == nil {
			t.Errorf("%s: it can be used", name)
		}
	}
	after, one, err := list.Take(proof.ID{1, 5}, user, now+window-1)
	if err != nil || one.ID != (proof.ID{1, 5}) || len(after.Waiting) != api.MaxImports-1 || len(list.Waiting) != api.MaxImports {
		t.Errorf("%d left, %v", len(after.Waiting), err)
	}
	if _, _, err := after.Take(proof.ID{1, 5}, user, now); err == nil {
		t.Error("it can be used twice")
	}
}
