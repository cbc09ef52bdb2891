package org_test

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/proof"
)

// What is frozen is kept in order, each thing once, and there is an end to it, with a clear error.
func TestFrozenIsBounded(t *testing.T) {
	wallet := func(i int) (w proof.ID) {
		binary.BigEndian.PutUint32(w[:], uint32(i+1))
		return w
	}
	var f org.Frozen
	for i := range api.MaxFrozen {
		for range 2 {
			var err error
			if f, err = f.With(fmt.Sprintf("u%04d", (i*7)%api.MaxFrozen), proof.ID{}); err != nil {
				t.Fatal(err)
			}
			if f, err = f.With("", wallet((i*7)%api.MaxFrozen)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(f.Users) != api.MaxFrozen || len(f.Wallets) != api.MaxFrozen || f.Users[1] != "u0001" || f.Wallets[1] != wallet(1) {
		t.Errorf("%d users, %d wallets", len(f.Users), len(f.Wallets))
	}
	if _, err := f.With("more", proof.ID{}); kind(err) != api.TypeLimit {
		t.Errorf("one user more: %v", err)
	}
	if _, err := f.With("", wallet(api.MaxFrozen)); kind(err) != api.TypeLimit {
		t.Errorf("one wallet more: %v", err)
	}
	if !f.Holds("u0500", proof.ID{}) || !f.Holds("", wallet(500)) || f.Holds("", proof.ID{}) || f.Holds("x", wallet(api.MaxFrozen)) {
		t.Error("what is frozen is not what was frozen")
	}
	less := f.Without("u0500", proof.ID{}).Without("", wallet(500))
	if less.Holds("u0500", wallet(500)) || !f.Holds("u0500", proof.ID{}) || len(less.Users) != api.MaxFrozen-1 {
		t.Error("what is freed stays frozen, or the old list changed")
	}
	if all, err := f.With("", proof.ID{}); err != nil || !all.Holds("x", wallet(9999)) || all.Equal(f) || !all.Without("", proof.ID{}).Equal(f) {
		t.Error("the organization")
	}
}
