package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/redoubt-kms/redoubt/host/connect/shelf"
)

// Dump calls see for each row of one snapshot that lasts, in the order of kinds and keys, also while a server writes. It
// makes no file.
func Dump(ctx context.Context, path string, now time.Time, see func(shelf.Kind, shelf.Row) error) error {
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("database: %w", err)
	}
	db, err := open(path, 1)
	if err != nil {
		return err
	}
	tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return errors.Join(err, db.Close())
	}
	err = dump(ctx, tx, now, see)
	if err != nil {
		err = fmt.Errorf("database %s: %w", path, err)
	}
	return errors.Join(err, tx.Rollback(), db.Close())
}

func dump(ctx context.Context, tx *sql.Tx, now time.Time, see func(shelf.Kind, shelf.Row) error) error {
	var version int
	if err := tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	if version != schemaVersion {
		return fmt.Errorf("schema version %d, this release reads version %d", version, schemaVersion)
	}
	for _, k := range shelf.Lasting() {
		rows, err := tx.QueryContext(ctx, "SELECT key, value, version, expires FROM shelf WHERE kind = ? AND expires > ? ORDER BY key", k, now.UnixMilli())
		if err != nil {
			return err
		}
		if err := each(rows, func(r shelf.Row) error { return see(k, r) }); err != nil {
			return err
		}
	}
	return nil
}

func each(rows *sql.Rows, see func(shelf.Row) error) error {
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

// Import fills a new file.
type Import struct {
	path string
	db   *sql.DB
	tx   *sql.Tx
}

// NewImport begins a file where there is none.
func NewImport(ctx context.Context, path string) (*Import, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	db, err := open(path, 1)
	if err != nil {
		return nil, err
	}
	if err := prepare(ctx, db); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &Import{path, db, tx}, nil
}

// Add implements shelf.Importer.
func (i *Import) Add(ctx context.Context, k shelf.Kind, r shelf.Row) error {
	if err := r.Check(); err != nil {
		return err
	}
	_, err := i.tx.ExecContext(ctx, "INSERT INTO shelf (kind, key, value, version, expires) VALUES (?, ?, ?, 1, ?)", k, r.Key, value(r), r.Millis())
	return err
}

// Finish implements shelf.Importer. All of it is then in the one file, which may be moved.
func (i *Import) Finish(context.Context) error {
	if err := errors.Join(i.tx.Commit(), i.db.Close()); err != nil {
		return err
	}
	if _, err := os.Lstat(i.path + "-wal"); !errors.Is(err, os.ErrNotExist) {
		return errors.Join(fmt.Errorf("database %s: something is left in its write-ahead log", i.path), err)
	}
	return nil
}

// Abort implements shelf.Importer. The file stays, and is not whole.
func (i *Import) Abort() { _ = errors.Join(i.tx.Rollback(), i.db.Close()) }

var _ shelf.Importer = (*Import)(nil)
