package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// scratchSchema makes a schema of the database for one run, and returns the DSN that leads there and how to drop it.
func scratchSchema(ctx context.Context, dsn string) (string, func() error, error) {
	name := "redoubt_bench_" + strings.ToLower(rand.Text())
	if err := execute(ctx, dsn, "CREATE SCHEMA "+name); err != nil {
		return "", nil, err
	}
	drop := func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		defer cancel()
		return execute(ctx, dsn, "DROP SCHEMA "+name+" CASCADE")
	}
	return inSchema(dsn, name), drop, nil
}

// inSchema adds a search path to a DSN of either form.
func inSchema(dsn, name string) string {
	address, err := url.Parse(dsn)
	if err != nil || address.Scheme == "" {
		return dsn + " search_path=" + name
	}
	query := address.Query()
	query.Set("search_path", name)
	address.RawQuery = query.Encode()
	return address.String()
}

func execute(ctx context.Context, dsn, statement string) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return errors.New("database: it cannot be reached at this DSN") // the error might quote a password
	}
	if _, err = conn.Exec(ctx, statement); err != nil {
		err = fmt.Errorf("database: %w", err)
	}
	return errors.Join(err, conn.Close(ctx))
}
