package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/redoubt-kms/redoubt/host/connect/shelf"
	"github.com/redoubt-kms/redoubt/host/connect/shelf/postgres"
	"github.com/redoubt-kms/redoubt/host/connect/shelf/shelftest"
	"github.com/redoubt-kms/redoubt/host/store/postgres/postgrestest"
)

var server *postgrestest.Cluster

func TestMain(m *testing.M) {
	var err error
	if server, err = postgrestest.Start(context.Background()); err != nil && !errors.Is(err, postgrestest.ErrNone) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	if server != nil {
		if err := server.Remove(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	os.Exit(code)
}

func open(t *testing.T, dsn string) shelf.Shelf {
	t.Helper()
	s, err := postgres.Open(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestShelf(t *testing.T) {
	if server == nil {
		t.Skip(postgrestest.ErrNone)
	}
	places := map[shelf.Shelf]string{}
	shelftest.Test(t, func(t *testing.T) shelf.Shelf {
		name, err := server.Database(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		s := open(t, server.DSN(name))
		places[s] = server.DSN(name)
		return s
	}, func(t *testing.T, s shelf.Shelf) shelf.Shelf {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		return open(t, places[s])
	})
}

// What is said of a DSN that cannot be read does not quote it.
func TestBadDSN(t *testing.T) {
	_, err := postgres.Open(t.Context(), "postgres://user:sesame@host:notaport/x")
	if err == nil || strings.Contains(err.Error(), "sesame") {
		t.Errorf("%v", err)
	}
}

func TestCopy(t *testing.T) {
	if server == nil {
		t.Skip(postgrestest.ErrNone)
	}
	var dsns []string
	for range 2 {
		name, err := server.Database(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		dsns = append(dsns, server.DSN(name))
	}
	dump := func(dsn string) shelftest.Dump {
		return func(now time.Time, see func(shelf.Kind, shelf.Row) error) error {
			return postgres.Dump(t.Context(), dsn, now, see)
		}
	}
	if err := dump(dsns[1])(time.Now(), nil); err != nil {
		t.Errorf("a database without the table: %v", err)
	}
	s := open(t, dsns[0])
	begin := func() shelf.Importer {
		into, err := postgres.NewImport(t.Context(), dsns[1])
		if err != nil {
			t.Fatal(err)
		}
		return into
	}
	shelftest.TestCopy(t, s, dump(dsns[0]), begin(), dump(dsns[1]))
	again := begin() // all of it is there
	if err := again.Add(t.Context(), shelf.Apps, shelf.Row{Key: "a", Value: []byte("another")}); err != nil {
		t.Error(err)
	}
	if err := again.Finish(t.Context()); err != nil {
		t.Error(err)
	}
	kept, err := open(t, dsns[1]).Get(t.Context(), shelf.Apps, "a", time.Now())
	if err != nil || string(kept.Value) != "app" {
		t.Errorf("what was there was changed: %q %v", kept.Value, err)
	}
}
