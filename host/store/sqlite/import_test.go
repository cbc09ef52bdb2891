package sqlite

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/redoubt-kms/redoubt/internal/wire"
)

// A ledger that is copied commit by commit holds what it held, look-ups included, and goes on.
func TestImport(t *testing.T) {
	from := newLedger(t, 400)
	var all []wire.Commit
	reader, err := OpenReader(t.Context(), from)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if err := reader.Commits(t.Context(), func(c wire.Commit) error { all = append(all, c); return nil }); err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), "copy.db")
	i, err := NewImport(t.Context(), to)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		if err := i.Add(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	if err := i.Add(t.Context(), all[7]); err == nil {
		t.Error("a commit out of order is taken")
	}
	if err := i.Finish(t.Context()); err != nil {
		t.Fatal(err)
	}
	checkLedger(t, to, 400)
	copied, err := OpenReader(t.Context(), to)
	if err != nil {
		t.Fatal(err)
	}
	defer copied.Close()
	n := 0
	if err := copied.Commits(t.Context(), func(c wire.Commit) error {
		if diff := cmp.Diff(all[n], c); diff != "" {
			t.Fatal(diff)
		}
		n++
		return nil
	}); err != nil || n != len(all) {
		t.Errorf("%d commits, %v", n, err)
	}
	if _, err := NewImport(t.Context(), to); err == nil {
		t.Error("an import begins over a ledger")
	}
}
