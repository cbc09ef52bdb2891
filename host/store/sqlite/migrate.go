package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
)

//go:embed migrations/*.sql
var migrations embed.FS

// steps reads the migrations in their order; the last one leads to the schema that this release reads.
func steps() ([]string, error) {
	names, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	var all []string
	for _, name := range names {
		b, err := migrations.ReadFile(name)
		if err != nil {
			return nil, err
		}
		all = append(all, string(b))
	}
	return all, nil
}

// migrate brings a file from its schema version to this release's, each step in a transaction with its number.
func migrate(ctx context.Context, db *sql.DB, from int) error {
	all, err := steps()
	if err != nil {
		return err
	}
	for version := from + 1; version <= len(all); version++ {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		if _, err = tx.ExecContext(ctx, all[version-1]); err == nil {
			_, err = tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", version))
		}
		if err != nil {
			return errors.Join(fmt.Errorf("migration %d: %w", version, err), tx.Rollback())
		}
		if err := tx.Commit(); err != nil {
			return err
		}
	}
	return nil
}

// upgrade checks a file's schema version, and migrates it when it is of an earlier release.
func upgrade(ctx context.Context, db *sql.DB) error {
	version, newest, err := schemaVersion(ctx, db)
	if err != nil {
		return err
	}
	if version > newest {
		return fmt.Errorf("schema version %d, this release reads versions up to %d", version, newest)
	}
	return migrate(ctx, db, version)
}

// schemaVersion returns a file's schema version and the newest that there is. A file without one is not a ledger.
func schemaVersion(ctx context.Context, db *sql.DB) (version, newest int, err error) {
	all, err := steps()
	if err != nil {
		return 0, 0, err
	}
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return 0, 0, err
	}
	if version <= 0 {
		return 0, 0, errors.New("no schema version: the file is empty, cut or damaged")
	}
	return version, len(all), nil
}
