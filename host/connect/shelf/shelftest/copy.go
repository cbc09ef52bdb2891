package shelftest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/redoubt-kms/redoubt/host/connect/shelf"
)

// Kept is a row with its kind.
type Kept struct {
	Kind shelf.Kind
	shelf.Row
}

// Dump reads what a backup would keep of a shelf.
type Dump func(now time.Time, see func(shelf.Kind, shelf.Row) error) error

// TestCopy says that what lasts, and nothing else, is dumped from a shelf that is in use, and comes back from an import.
func TestCopy(t *testing.T, from shelf.Shelf, dump Dump, into shelf.Importer, copied Dump) {
	t.Helper()
	later := start().Add(time.Hour)
	want := []Kept{
		{shelf.Apps, shelf.Row{Key: "a", Value: []byte("app"), Version: 1}},
		{shelf.Apps, shelf.Row{Key: "b", Value: []byte("another"), Version: 1, Expires: later}},
		{shelf.Credentials, shelf.Row{Key: "a", Value: []byte{0, 0xff}, Version: 1}},
	}
	for _, k := range want {
		put(t, from, k.Kind, k.Row)
	}
	for _, k := range shelf.Kinds() {
		put(t, from, k, shelf.Row{Key: "expired", Expires: start().Add(time.Minute)})
		if k != shelf.Apps && k != shelf.Credentials {
			put(t, from, k, shelf.Row{Key: "on its way", Expires: later})
		}
	}
	now := start().Add(time.Minute)
	got := rowsOf(t, now, dump)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("dumped: %s", diff)
	}
	for _, k := range got {
		if err := into.Add(t.Context(), k.Kind, k.Row); err != nil {
			t.Fatal(err)
		}
	}
	if err := into.Finish(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, rowsOf(t, now, copied)); diff != "" {
		t.Errorf("imported: %s", diff)
	}
}

func rowsOf(t *testing.T, now time.Time, dump Dump) []Kept {
	t.Helper()
	var all []Kept
	if err := dump(now, func(k shelf.Kind, r shelf.Row) error { all = append(all, Kept{k, r}); return nil }); err != nil {
		t.Fatal(err)
	}
	return all
}
