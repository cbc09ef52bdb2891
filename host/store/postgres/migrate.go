package postgres

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
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

// errNoLedger says that a database has none of our tables.
var errNoLedger = errors.New("database holds no ledger: it is another one, or nothing was set up in it (redoubt init)")

// The numbers of PostgreSQL's errors that we tell apart.
const (
	undefinedTable       = "42P01"
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
)

func isFault(err error, code string) bool {
	var fault *pgconn.PgError
	return errors.As(err, &fault) && fault.Code == code
}

// schemaVersion returns the version of a ledger's tables. The first release wrote it into the ledger's row.
func schemaVersion(ctx context.Context, db rower) (int, error) {
	var there, first bool
	err := db.QueryRow(ctx, "SELECT to_regclass('migrations') IS NOT NULL, to_regclass('ledger') IS NOT NULL").Scan(&there, &first)
	if err != nil {
		return 0, err
	}
	var version int
	switch {
	case there:
		err = db.QueryRow(ctx, "SELECT max(version) FROM migrations").Scan(&version)
	case first:
		err = db.QueryRow(ctx, "SELECT schema FROM ledger").Scan(&version)
	default:
		err = errNoLedger
	}
	return version, err
}

type rower interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

type beginner interface {
	BeginTx(ctx context.Context, options pgx.TxOptions) (pgx.Tx, error)
}

// migrationLock is the number of the advisory lock that hosts which start at once wait for.
const migrationLock = 0x7265646f756274

// migrate brings a database from its schema version to this release's: to a ledger from nothing when create says so. All
// steps are one transaction, and one host's.
func migrate(ctx context.Context, db beginner, create bool) error {
	return pgx.BeginTxFunc(ctx, db, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
		return migrateIn(ctx, tx, create)
	})
}

// migrateIn is migrate within a transaction of the caller's.
func migrateIn(ctx context.Context, tx pgx.Tx, create bool) error {
	all, err := steps()
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", int64(migrationLock)); err != nil {
		return err
	}
	version, err := schemaVersion(ctx, tx)
	if create && errors.Is(err, errNoLedger) {
		version, err = 0, nil
	}
	if err != nil {
		return err
	}
	if version > len(all) || version < 0 {
		return fmt.Errorf("schema version %d, this release reads versions up to %d", version, len(all))
	}
	for ; version < len(all); version++ {
		if _, err := tx.Exec(ctx, all[version]); err != nil {
			return fmt.Errorf("migration %d: %w", version+1, err)
		}
		if version == 0 {
			continue // the version is in what the first step made, until the second moves it
		}
		if _, err := tx.Exec(ctx, "INSERT INTO migrations (version) VALUES ($1)", version+1); err != nil {
			return fmt.Errorf("migration %d: %w", version+1, err)
		}
	}
	return nil
}
