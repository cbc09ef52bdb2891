package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/redoubt-kms/redoubt/host/desk"
	"github.com/redoubt-kms/redoubt/host/store/sqlite"
	"github.com/redoubt-kms/redoubt/host/store/storetest"
)

func TestConformance(t *testing.T) {
	paths := map[desk.Store]string{}
	open := func(t *testing.T, path string) desk.Store {
		s, err := sqlite.Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		paths[s] = path
		t.Cleanup(func() { _ = s.Close() }) // closed twice where the test closes it
		return s
	}
	storetest.Test(t, func(t *testing.T) desk.Store {
		path := filepath.Join(t.TempDir(), "ledger.db")
		if err := sqlite.Create(t.Context(), path); err != nil {
			t.Fatal(err)
		}
		return open(t, path)
	}, func(t *testing.T, s desk.Store) desk.Store {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		return open(t, paths[s])
	})
}
