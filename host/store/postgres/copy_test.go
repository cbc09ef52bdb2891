package postgres_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/redoubt-kms/redoubt/host/store/postgres"
	"github.com/redoubt-kms/redoubt/internal/wire"
)

func dump(t *testing.T, dsn string) []wire.Commit {
	t.Helper()
	var all []wire.Commit
	if err := postgres.Dump(t.Context(), dsn, func(c wire.Commit) error { all = append(all, c); return nil }); err != nil {
		t.Fatal(err)
	}
	return all
}

func load(t *testing.T, dsn string, commits []wire.Commit, finish bool) error {
	t.Helper()
	i, err := postgres.NewImport(t.Context(), dsn)
	if err != nil {
		return err
	}
	defer i.Abort()
	for _, c := range commits {
		if err := i.Add(t.Context(), c); err != nil {
			return err
		}
	}
	if !finish {
		return nil
	}
	return i.Finish(t.Context())
}

// A ledger is copied whole or not at all, can be copied again after an interruption, and never over another one.
func TestImport(t *testing.T) {
	from, to := create(t), database(t)
	s := open(t, from)
	var all []wire.Commit
	for n := range uint64(40) {
		c := commit(t, n+1, "a")
		if n%7 == 0 {
			c.Bodies = nil // pruned
		}
		if err := s.Append(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	if diff := cmp.Diff(all, dump(t, from)); diff != "" {
		t.Fatal(diff)
	}
	stop := errors.New("enough")
	if err := postgres.Dump(t.Context(), from, func(wire.Commit) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("a dump that is told to stop: %v", err)
	}
	if err := load(t, to, all[:20], false); err != nil { // interrupted
		t.Fatal(err)
	}
	if err := load(t, to, append(all[:5:5], all[9:]...), true); err == nil {
		t.Fatal("a ledger with a gap is imported")
	}
	if _, err := postgres.Open(t.Context(), to); err == nil {
		t.Fatal("an import that was not finished left a ledger")
	}
	for range 2 { // the second time it is there already
		if err := load(t, to, all, true); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(all, dump(t, to)); diff != "" {
		t.Error(diff)
	}
	other := []wire.Commit{commit(t, 1, "b")}
	if err := load(t, to, other, true); err == nil {
		t.Error("another ledger is imported over one that is there")
	}
	if err := open(t, to).Append(t.Context(), commit(t, 41, "a")); err != nil {
		t.Errorf("the copy does not go on: %v", err)
	}
}
