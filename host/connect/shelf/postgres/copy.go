package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/redoubt-kms/redoubt/host/connect/shelf"
)

// Dump calls see for each row of one snapshot that lasts, in the order of kinds and keys, also while a server writes. It
// makes no table.
func Dump(ctx context.Context, dsn string, now time.Time, see func(shelf.Kind, shelf.Row) error) error {
	conn, err := connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	return pgx.BeginTxFunc(ctx, conn, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		var is bool
		if err := tx.QueryRow(ctx, "SELECT to_regclass('connect_shelf') IS NOT NULL").Scan(&is); err != nil || !is {
			return err
		}
		for _, k := range shelf.Lasting() {
			rows, err := tx.Query(ctx, "SELECT key, value, version, expires FROM connect_shelf WHERE kind = $1 AND expires > $2 ORDER BY key", k, now.UnixMilli())
			if err != nil {
				return err
			}
			if err := each(rows, func(r shelf.Row) error { return see(k, r) }); err != nil {
				return err
			}
		}
		return nil
	})
}

func each(rows pgx.Rows, see func(shelf.Row) error) error {
	defer rows.Close()
	for rows.Next() {
		r, err := one(rows)
		if err != nil {
			return err
		}
		if err := see(r); err != nil {
			return err
		}
	}
	return rows.Err()
}

func connect(ctx context.Context, dsn string) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, errDSN
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTimeout
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	return conn, nil
}

// Import adds rows to a database, in one transaction.
type Import struct {
	conn *pgx.Conn
	tx   pgx.Tx
}

// NewImport begins to add rows. What is there already stays as it is, so that one that was interrupted at its end can be
// done again.
func NewImport(ctx context.Context, dsn string) (*Import, error) {
	conn, err := connect(ctx, dsn)
	if err != nil {
		return nil, err
	}
	tx, err := conn.Begin(ctx)
	if err == nil {
		_, err = tx.Conn().PgConn().Exec(ctx, schema).ReadAll()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("database: %w", err), conn.Close(ctx))
	}
	return &Import{conn, tx}, nil
}

// Add implements shelf.Importer.
func (i *Import) Add(ctx context.Context, k shelf.Kind, r shelf.Row) error {
	if err := r.Check(); err != nil {
		return err
	}
	_, err := i.tx.Exec(ctx, "INSERT INTO connect_shelf (kind, key, value, version, expires) VALUES ($1, $2, $3, 1, $4) ON CONFLICT DO NOTHING", k, r.Key, value(r), r.Millis())
	return err
}

// Finish implements shelf.Importer.
func (i *Import) Finish(ctx context.Context) error {
	return errors.Join(i.tx.Commit(ctx), i.conn.Close(ctx))
}

// Abort implements shelf.Importer.
func (i *Import) Abort() { _ = i.conn.Close(context.Background()) }

var _ shelf.Importer = (*Import)(nil)
