// Package postgres keeps the shelf in a table of a PostgreSQL database, beside the ledger's.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/redoubt-kms/redoubt/host/connect/shelf"
)

// Store is a shelf in a PostgreSQL database.
type Store struct{ pool *pgxpool.Pool }

// schema makes the table. The lock is for hosts that start at once, which CREATE IF NOT EXISTS does not serialise; keys are
// compared by their bytes, as everywhere.
const schema = `SELECT pg_advisory_xact_lock(8241997126417114475);
CREATE TABLE IF NOT EXISTS connect_shelf (
	kind TEXT COLLATE "C" NOT NULL, key TEXT COLLATE "C" NOT NULL, value BYTEA NOT NULL, version BIGINT NOT NULL, expires BIGINT NOT NULL,
	PRIMARY KEY (kind, key));
CREATE INDEX IF NOT EXISTS connect_shelf_expires ON connect_shelf (expires)`

const connectTimeout = 5 * time.Second

// errDSN does not quote the DSN: a password may be anywhere in it.
var errDSN = errors.New("database: its DSN cannot be read; want postgres://USER:PASSWORD@HOST:PORT/DATABASE")

// Open opens the shelf of a database, and makes its table when it is not there.
func Open(ctx context.Context, dsn string) (*Store, error) {
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, errDSN
	}
	if config.ConnConfig.ConnectTimeout == 0 {
		config.ConnConfig.ConnectTimeout = connectTimeout
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		_, err := tx.Conn().PgConn().Exec(ctx, schema).ReadAll()
		return err
	})
	if err != nil {
		pool.Close()
		return nil, fmt.Errorf("database: %w", err)
	}
	return &Store{pool: pool}, nil
}

// Get implements shelf.Shelf.
func (s *Store) Get(ctx context.Context, k shelf.Kind, key string, now time.Time) (shelf.Row, error) {
	return one(s.pool.QueryRow(ctx, "SELECT key, value, version, expires FROM connect_shelf WHERE kind = $1 AND key = $2 AND expires > $3", k, key, now.UnixMilli()))
}

func one(row pgx.Row) (shelf.Row, error) {
	var r shelf.Row
	var expires int64
	err := row.Scan(&r.Key, &r.Value, &r.Version, &expires)
	if errors.Is(err, pgx.ErrNoRows) {
		return r, shelf.ErrNone
	}
	r.Expires = shelf.Expiry(expires)
	return r, err
}

// Add implements shelf.Shelf.
func (s *Store) Add(ctx context.Context, k shelf.Kind, r shelf.Row, now time.Time) error {
	if err := r.Check(); err != nil {
		return err
	}
	// A row that has expired is replaced as if it had been swept.
	done, err := s.pool.Exec(ctx, `INSERT INTO connect_shelf AS s (kind, key, value, version, expires) VALUES ($1, $2, $3, 1, $4)
		ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value, version = 1, expires = excluded.expires WHERE s.expires <= $5`,
		k, r.Key, value(r), r.Millis(), now.UnixMilli())
	return changed(done, err, shelf.ErrTaken)
}

// Swap implements shelf.Shelf.
func (s *Store) Swap(ctx context.Context, k shelf.Kind, r shelf.Row, now time.Time) error {
	if err := r.Check(); err != nil {
		return err
	}
	done, err := s.pool.Exec(ctx, `UPDATE connect_shelf SET value = $1, version = version + 1, expires = $2
		WHERE kind = $3 AND key = $4 AND version = $5 AND expires > $6`, value(r), r.Millis(), k, r.Key, int64(r.Version), now.UnixMilli())
	return changed(done, err, shelf.ErrChanged)
}

// value is never NULL.
func value(r shelf.Row) []byte { return append([]byte{}, r.Value...) }

// changed says otherwise when a statement changed nothing.
func changed(done pgconn.CommandTag, err, otherwise error) error {
	if err == nil && done.RowsAffected() == 0 {
		err = otherwise
	}
	return err
}

// Take implements shelf.Shelf.
func (s *Store) Take(ctx context.Context, k shelf.Kind, key string, now time.Time) (shelf.Row, error) {
	return one(s.pool.QueryRow(ctx, "DELETE FROM connect_shelf WHERE kind = $1 AND key = $2 AND expires > $3 RETURNING key, value, version, expires",
		k, key, now.UnixMilli()))
}

// List implements shelf.Shelf.
func (s *Store) List(ctx context.Context, k shelf.Kind, after string, limit int, now time.Time) ([]shelf.Row, error) {
	rows, err := s.pool.Query(ctx, "SELECT key, value, version, expires FROM connect_shelf WHERE kind = $1 AND key > $2 AND expires > $3 ORDER BY key LIMIT $4",
		k, after, now.UnixMilli(), limit)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (shelf.Row, error) { return one(row) })
}

// Count implements shelf.Shelf.
func (s *Store) Count(ctx context.Context, k shelf.Kind) (int, error) {
	var n int
	err := s.pool.QueryRow(ctx, "SELECT count(*) FROM connect_shelf WHERE kind = $1", k).Scan(&n)
	return n, err
}

// Sweep implements shelf.Shelf.
func (s *Store) Sweep(ctx context.Context, now time.Time) (int, error) {
	done, err := s.pool.Exec(ctx, "DELETE FROM connect_shelf WHERE expires <= $1", now.UnixMilli())
	return int(done.RowsAffected()), err
}

// Close implements shelf.Shelf.
func (s *Store) Close() error {
	s.pool.Close()
	return nil
}

var _ shelf.Shelf = (*Store)(nil)
