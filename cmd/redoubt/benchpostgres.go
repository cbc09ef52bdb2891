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

	"github.com/redoubt-kms/redoubt/cmd/redoubt/frame"
)

// scratchSchema makes a schema of the database for one run, and returns the DSN that leads there and how to drop it.
func scratchSchema(ctx context.Context, dsn string) (string, func() error, error) {
	name := "redoubt_bench_" + strings.ToLower(rand.Text())
	address, err := url.Parse(dsn)
	if err != nil || address.Scheme != "postgres" && address.Scheme != "postgresql" {
		return "", nil, frame.Usagef("--postgres wants postgres://USER@HOST/DATABASE")
	}
	if err := execute(ctx, dsn, "CREATE SCHEMA "+name); err != nil {
		return "", nil, fmt.Errorf("database: %w", err)
	}
	query := address.Query()
	query.Set("search_path", name)
	address.RawQuery = query.Encode()
	drop := func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		defer cancel()
		return execute(ctx, dsn, "DROP SCHEMA "+name+" CASCADE")
	}
	return address.String(), drop, nil
}

func execute(ctx context.Context, dsn, statement string) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statement)
	return errors.Join(err, conn.Close(ctx))
}
