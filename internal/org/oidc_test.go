package org_test

import (
	"testing"

	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/proof"
)

// A way that left an organization is told from itself before, however often it leaves, and the record before stays as it was.
func TestWayLeaves(t *testing.T) {
	var none *org.Identity
	there := proof.ID{1}
	led := none.Led(there)
	left := led.Left()
	again := left.Led(there).Left()
	for i, c := range []struct {
		got, want org.Identity
	}{
		{*led, org.Identity{Version: org.SchemaVersion, Organization: there}},
		{*none.Left(), org.Identity{Version: org.SchemaVersion, Generation: 1}},
		{*left, org.Identity{Version: org.SchemaVersion, Generation: 1}},
		{*again, org.Identity{Version: org.SchemaVersion, Generation: 2}},
	} {
		if c.got != c.want {
			t.Errorf("%d: %+v, want %+v", i, c.got, c.want)
		}
	}
}
