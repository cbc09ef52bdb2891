package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// store is where the driven server keeps its ledger.
type store struct {
	args []string // of the server
	size func(context.Context) (int64, error)
	drop func()
	dir  string // of the data; log verify reads it when it holds the ledger
	file bool   // the ledger is a file of the folder
}

func (s settings) openStore(ctx context.Context, dir string) (*store, error) {
	data := filepath.Join(dir, "data")
	if s.postgres == "" {
		return &store{dir: data, file: true, drop: func() {}, size: func(context.Context) (int64, error) { return filesSize(filepath.Join(data, "redoubt.db*")) }}, nil
	}
	name := "redoubt_soak_" + strings.ToLower(rand.Text())
	address, err := url.Parse(s.postgres)
	if err != nil || address.Scheme != "postgres" && address.Scheme != "postgresql" {
		return nil, errors.New("SOAK_POSTGRES wants postgres://USER@HOST/DATABASE")
	}
	if err := query(ctx, s.postgres, nil, "CREATE SCHEMA "+name); err != nil {
		return nil, err
	}
	values := address.Query()
	values.Set("search_path", name)
	address.RawQuery = values.Encode()
	return &store{
		dir: data, args: []string{"--postgres", address.String()},
		size: func(ctx context.Context) (n int64, err error) {
			return n, query(ctx, s.postgres, &n, "SELECT sum(pg_total_relation_size(c.oid))::bigint FROM pg_class c WHERE relkind = 'r' AND relnamespace = '"+name+"'::regnamespace")
		},
		drop: func() {
			if err := query(context.WithoutCancel(ctx), s.postgres, nil, "DROP SCHEMA "+name+" CASCADE"); err != nil {
				fmt.Fprintln(os.Stderr, "soak: left behind:", err)
			}
		},
	}, nil
}

func query(ctx context.Context, dsn string, into *int64, statement string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	if into == nil {
		_, err = conn.Exec(ctx, statement)
	} else {
		err = conn.QueryRow(ctx, statement).Scan(into)
	}
	return errors.Join(err, conn.Close(ctx))
}

func filesSize(pattern string) (int64, error) {
	names, err := filepath.Glob(pattern)
	if err != nil {
		return 0, err
	}
	var total int64
	for _, name := range names {
		info, err := os.Stat(name)
		if err != nil {
			return 0, err
		}
		total += info.Size()
	}
	return total, nil
}
