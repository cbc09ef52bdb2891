package sqlite_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/redoubt-kms/redoubt/host/connect/shelf"
	"github.com/redoubt-kms/redoubt/host/connect/shelf/shelftest"
	"github.com/redoubt-kms/redoubt/host/connect/shelf/sqlite"
)

func open(t *testing.T, path string) shelf.Shelf {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestShelf(t *testing.T) {
	paths := map[shelf.Shelf]string{}
	shelftest.Test(t, func(t *testing.T) shelf.Shelf {
		path := filepath.Join(t.TempDir(), "connect ü?.db")
		s := open(t, path)
		paths[s] = path
		return s
	}, func(t *testing.T, s shelf.Shelf) shelf.Shelf {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		return open(t, paths[s])
	})
}

// A file of a later release is left alone.
func TestLaterSchema(t *testing.T) {
	path := filepath.Join(t.TempDir(), "connect.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("PRAGMA user_version = 2"); err != nil {
		t.Fatal(err)
	}
	db.Close()
	if s, err := sqlite.Open(t.Context(), path); err == nil {
		s.Close()
		t.Error("opened a file of schema version 2")
	}
}

// Nobody else reads the file, nor those that SQLite keeps beside it.
func TestMode(t *testing.T) {
	path := filepath.Join(t.TempDir(), "connect.db")
	s := open(t, path)
	if err := s.Add(t.Context(), shelf.Apps, shelf.Row{Key: "k"}, time.Now()); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", name, info, err)
		}
	}
}

func TestCopy(t *testing.T) {
	from, to := filepath.Join(t.TempDir(), "connect ü?.db"), filepath.Join(t.TempDir(), "connect.db")
	dump := func(path string) shelftest.Dump {
		return func(now time.Time, see func(shelf.Kind, shelf.Row) error) error {
			return sqlite.Dump(t.Context(), path, now, see)
		}
	}
	s := open(t, from)
	into, err := sqlite.NewImport(t.Context(), to)
	if err != nil {
		t.Fatal(err)
	}
	shelftest.TestCopy(t, s, dump(from), into, dump(to))
	if _, err := sqlite.NewImport(t.Context(), to); err == nil {
		t.Error("it was imported into a file that is there")
	}
	missing := filepath.Join(t.TempDir(), "connect.db")
	if err := dump(missing)(time.Now(), nil); err == nil {
		t.Error("a file that is not there")
	}
	if _, err := os.Lstat(missing); err == nil {
		t.Error("reading made a file")
	}
}
