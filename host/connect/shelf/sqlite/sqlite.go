// Package sqlite keeps the shelf in one SQLite file, with write-ahead logging and full synchronisation.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	_ "modernc.org/sqlite" // the driver

	"github.com/redoubt-kms/redoubt/host/connect/shelf"
)

// Store is a shelf in a SQLite file.
type Store struct {
	write *sql.DB // one connection
	read  *sql.DB
}

const schema = `CREATE TABLE IF NOT EXISTS shelf (
	kind TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, version INTEGER NOT NULL, expires INTEGER NOT NULL,
	PRIMARY KEY (kind, key)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS shelf_expires ON shelf (expires);
PRAGMA user_version = 1`

// schemaVersion is what this release reads.
const schemaVersion = 1

// Open opens the file, and makes it when it is not there: an empty shelf loses logins, and no wallet.
func Open(ctx context.Context, path string) (*Store, error) {
	// SQLite itself would let everybody read it.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	write, err := open(path, 1)
	if err != nil {
		return nil, err
	}
	if err := prepare(ctx, write); err != nil {
		return nil, errors.Join(fmt.Errorf("database %s: %w", path, err), write.Close())
	}
	read, err := open(path, 4)
	if err != nil {
		return nil, errors.Join(err, write.Close())
	}
	return &Store{write: write, read: read}, nil
}

func prepare(ctx context.Context, db *sql.DB) error {
	var version int
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	switch version {
	case schemaVersion:
		return nil
	case 0:
		_, err := db.ExecContext(ctx, schema)
		return err
	default:
		return fmt.Errorf("schema version %d, this release reads version %d", version, schemaVersion)
	}
}

func open(path string, connections int) (*sql.DB, error) {
	pragmas := url.Values{"_pragma": {"journal_mode(WAL)", "synchronous(FULL)", "busy_timeout(5000)"}, "mode": {"rwc"}, "_txlock": {"immediate"}}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?"+pragmas.Encode())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, nil
}

// Get implements shelf.Shelf.
func (s *Store) Get(ctx context.Context, k shelf.Kind, key string, now time.Time) (shelf.Row, error) {
	return one(s.read.QueryRowContext(ctx, "SELECT key, value, version, expires FROM shelf WHERE kind = ? AND key = ? AND expires > ?", k, key, now.UnixMilli()))
}

type scanner interface{ Scan(to ...any) error }

func one(row scanner) (shelf.Row, error) {
	var r shelf.Row
	var expires int64
	err := row.Scan(&r.Key, &r.Value, &r.Version, &expires)
	if errors.Is(err, sql.ErrNoRows) {
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
	done, err := s.write.ExecContext(ctx, `INSERT INTO shelf (kind, key, value, version, expires) VALUES (?, ?, ?, 1, ?)
		ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value, version = 1, expires = excluded.expires WHERE expires <= ?`,
		k, r.Key, value(r), r.Millis(), now.UnixMilli())
	return changed(done, err, shelf.ErrTaken)
}

// Swap implements shelf.Shelf.
func (s *Store) Swap(ctx context.Context, k shelf.Kind, r shelf.Row, now time.Time) error {
	if err := r.Check(); err != nil {
		return err
	}
	done, err := s.write.ExecContext(ctx, `UPDATE shelf SET value = ?, version = version + 1, expires = ?
		WHERE kind = ? AND key = ? AND version = ? AND expires > ?`, value(r), r.Millis(), k, r.Key, r.Version, now.UnixMilli())
	return changed(done, err, shelf.ErrChanged)
}

// value is never NULL.
func value(r shelf.Row) []byte { return append([]byte{}, r.Value...) }

// changed says otherwise when a statement changed nothing.
func changed(done sql.Result, err, otherwise error) error {
	if err != nil {
		return err
	}
	n, err := done.RowsAffected()
	if err == nil && n == 0 {
		err = otherwise
	}
	return err
}

// Take implements shelf.Shelf.
func (s *Store) Take(ctx context.Context, k shelf.Kind, key string, now time.Time) (shelf.Row, error) {
	return one(s.write.QueryRowContext(ctx, "DELETE FROM shelf WHERE kind = ? AND key = ? AND expires > ? RETURNING key, value, version, expires",
		k, key, now.UnixMilli()))
}

// List implements shelf.Shelf.
func (s *Store) List(ctx context.Context, k shelf.Kind, after string, limit int, now time.Time) ([]shelf.Row, error) {
	rows, err := s.read.QueryContext(ctx, "SELECT key, value, version, expires FROM shelf WHERE kind = ? AND key > ? AND expires > ? ORDER BY key LIMIT ?",
		k, after, now.UnixMilli(), limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []shelf.Row
	for rows.Next() {
		r, err := one(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, rows.Err()
}

// Count implements shelf.Shelf.
func (s *Store) Count(ctx context.Context, k shelf.Kind) (int, error) {
	var n int
	err := s.read.QueryRowContext(ctx, "SELECT count(*) FROM shelf WHERE kind = ?", k).Scan(&n)
	return n, err
}

// Sweep implements shelf.Shelf.
func (s *Store) Sweep(ctx context.Context, now time.Time) (int, error) {
	done, err := s.write.ExecContext(ctx, "DELETE FROM shelf WHERE expires <= ?", now.UnixMilli())
	if err != nil {
		return 0, err
	}
	n, err := done.RowsAffected()
	return int(n), err
}

// Close implements shelf.Shelf.
func (s *Store) Close() error { return errors.Join(s.read.Close(), s.write.Close()) }

var _ shelf.Shelf = (*Store)(nil)
