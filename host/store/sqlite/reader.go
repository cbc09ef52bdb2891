package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"

	"github.com/redoubt-kms/redoubt/internal/wire"
)

// Reader walks a ledger's file without changing it, also while a server writes to it.
type Reader struct {
	db *sql.DB
	tx *sql.Tx // one snapshot for all
}

// OpenReader opens a ledger's file for walking, after SQLite's own check of the file.
func OpenReader(ctx context.Context, path string) (*Reader, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	db, err := open(path, 1)
	if err != nil {
		return nil, err
	}
	var verdict string
	if err := db.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&verdict); err != nil || verdict != "ok" {
		return nil, errors.Join(fmt.Errorf("database %s is damaged: %s", path, verdict), err, db.Close())
	}
	if version, newest, err := schemaVersion(ctx, db); err != nil || version != newest {
		return nil, errors.Join(fmt.Errorf("database %s has schema version %d, want %d; a server that opens it brings it up to date", path, version, newest), err, db.Close())
	}
	tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &Reader{db: db, tx: tx}, nil
}

// Close ends the walk.
func (r *Reader) Close() error { return errors.Join(r.tx.Rollback(), r.db.Close()) }

// Commits calls see for each commit, from the first on, with its bodies.
func (r *Reader) Commits(ctx context.Context, see func(wire.Commit) error) error {
	rows, err := r.tx.QueryContext(ctx, "SELECT idx, head, tag, blob, bodies FROM commits ORDER BY idx")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var c wire.Commit
		var tag []byte
		if err := rows.Scan(&c.Index, &c.Head, &tag, &c.Blob, &c.Bodies); err != nil {
			return err
		}
		if len(tag) != len(c.Tag) {
			return fmt.Errorf("commit %d: its tag has %d bytes", c.Index, len(tag))
		}
		copy(c.Tag[:], tag)
		if err := see(c); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Derived returns the newest commit that the derived tables reflect, and the log's size then.
func (r *Reader) Derived(ctx context.Context) (commit, entries uint64, err error) {
	err = r.tx.QueryRowContext(ctx, "SELECT derived, entries FROM progress").Scan(&commit, &entries)
	return commit, entries, err
}

// Records calls see for each derived record.
func (r *Reader) Records(ctx context.Context, see func(key []byte, version uint64, hash, sealed []byte) error) error {
	records, err := r.tx.QueryContext(ctx, "SELECT key, version, hash, sealed FROM records ORDER BY key")
	if err != nil {
		return err
	}
	defer records.Close()
	for records.Next() {
		var key, sum, sealed []byte
		var version uint64
		if err := records.Scan(&key, &version, &sum, &sealed); err != nil {
			return err
		}
		if err := see(key, version, sum, sealed); err != nil {
			return err
		}
	}
	return records.Err()
}

// Tiles calls see for each stored tile of the log: its level, its number from the left, and its hashes.
func (r *Reader) Tiles(ctx context.Context, see func(level int, n int64, hashes []byte) error) error {
	rows, err := r.tx.QueryContext(ctx, "SELECT level, n, hashes FROM tiles ORDER BY level, n")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var level int
		var n int64
		var hashes []byte
		if err := rows.Scan(&level, &n, &hashes); err != nil {
			return err
		}
		if err := see(level, n, hashes); err != nil {
			return err
		}
	}
	return rows.Err()
}
