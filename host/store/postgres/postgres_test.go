package postgres_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"

	"github.com/redoubt-kms/redoubt/host/desk"
	"github.com/redoubt-kms/redoubt/host/store/postgres"
	"github.com/redoubt-kms/redoubt/host/store/storetest"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

func open(t *testing.T, dsn string) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func create(t *testing.T) string {
	t.Helper()
	dsn := database(t)
	if err := postgres.Create(t.Context(), dsn); err != nil {
		t.Fatal(err)
	}
	return dsn
}

// PostgreSQL behaves as every store does.
func TestConformance(t *testing.T) {
	places := map[desk.Store]string{}
	at := func(t *testing.T, dsn string) desk.Store {
		s := open(t, dsn)
		places[s] = dsn
		return s
	}
	storetest.Test(t, func(t *testing.T) desk.Store { return at(t, create(t)) }, func(t *testing.T, s desk.Store) desk.Store {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		return at(t, places[s])
	})
}

// A database without a ledger is not taken for an empty one, and one with a ledger is not made anew.
func TestOpenNeverCreates(t *testing.T) {
	dsn := database(t)
	if _, err := postgres.Open(t.Context(), dsn); err == nil {
		t.Error("a database without tables was opened")
	}
	if err := postgres.Create(t.Context(), dsn); err != nil {
		t.Fatal(err)
	}
	if err := open(t, dsn).Append(t.Context(), commit(t, 1, "x")); err != nil {
		t.Fatal(err)
	}
	if err := postgres.Create(t.Context(), dsn); err == nil {
		t.Error("a ledger was made over another")
	}
	if _, err := postgres.Open(t.Context(), "host=/nowhere dbname=x"); err == nil {
		t.Error("a server that is not there was opened")
	}
}

// commit makes the n-th commit, with one entry and one record.
func commit(t *testing.T, n uint64, text string) wire.Commit {
	t.Helper()
	blob, err := proof.Encode(wire.StoredCommit{
		Version: 1, Index: n, First: n - 1,
		Entries: []wire.StoredEntry{{Commitment: sha256.Sum256(fmt.Append(nil, text, n)), Sealed: []byte(text)}},
		Records: []wire.StoredRecord{{Key: wire.NewKey(1, proof.ID{1}, proof.ID{}), Version: n, Sealed: fmt.Append(nil, text, n)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	head := fmt.Append(nil, "head ", text, n)
	return wire.Commit{Index: n, Head: head, Tag: sha256.Sum256(head), Blob: blob, Bodies: []byte("bodies")}
}

// Two hosts on one database cannot both append: one of them finds out at its next commit, and nothing is mixed.
func TestTwoHostsOnOneDatabase(t *testing.T) {
	dsn := create(t)
	a, b := open(t, dsn), open(t, dsn)
	for n := uint64(1); n <= 20; n++ {
		wins := 0
		for _, s := range []*postgres.Store{a, b} {
			err := s.Append(t.Context(), commit(t, n, fmt.Sprintf("%p", s)))
			if err == nil {
				wins++
			} else if !errors.Is(err, desk.ErrConflict) {
				t.Fatalf("commit %d: %v", n, err)
			}
		}
		if wins != 1 {
			t.Fatalf("commit %d was stored %d times", n, wins)
		}
		a, b = b, a
	}
}

// The server dies without warning and comes back: what was acknowledged is there, and the store goes on by itself.
func TestServerDiesAndReturns(t *testing.T) {
	dsn := create(t)
	s := open(t, dsn)
	for n := uint64(1); n <= 30; n++ {
		if n%10 == 0 {
			shared.Stop()
			if err := s.Append(t.Context(), commit(t, n, "x")); err == nil {
				t.Fatal("a commit was acknowledged without a server")
			}
			if err := shared.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		var err error
		for range 10 { // connections of before are found dead one by one
			if err = s.Append(t.Context(), commit(t, n, "x")); err == nil {
				break
			}
		}
		if err != nil {
			t.Fatalf("commit %d: %v", n, err)
		}
	}
	commits, err := s.Commits(t.Context(), 1, 100)
	if err != nil || len(commits) != 30 {
		t.Errorf("%d commits of 30: %v", len(commits), err)
	}
}
