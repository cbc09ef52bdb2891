package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/redoubt-kms/redoubt/host/store/postgres/postgrestest"
)

// shared is the server of all tests; TestMain starts and stops it.
var shared *postgrestest.Cluster

func TestMain(m *testing.M) {
	var err error
	if shared, err = postgrestest.Start(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		if errors.Is(err, postgrestest.ErrNone) && os.Getenv("CI") != "true" {
			os.Exit(0)
		}
		os.Exit(1)
	}
	code := m.Run()
	if err := shared.Remove(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

// database makes an empty database and returns how to reach it.
func database(t *testing.T) string {
	t.Helper()
	name, err := shared.Database(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return shared.DSN(name)
}
