// Package postgres keeps the ledger in PostgreSQL, or in anything that speaks its protocol and has serialisable
// transactions. A commit is one transaction: the row, and the tables that follow from it.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/redoubt-kms/redoubt/host/desk"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

// Store is a ledger in a PostgreSQL database.
type Store struct {
	pool *pgxpool.Pool

	mu   sync.Mutex          // one commit is appended at a time
	edge map[int64]tlog.Hash // right edge of the log at the newest commit; nil when it must be read again
	size int64               // of the log then
}

// connectTimeout is how long a server that does not answer is waited for, unless the DSN says otherwise.
const connectTimeout = 5 * time.Second

// Create makes the tables of a new ledger. It fails when there is one that holds anything.
func Create(ctx context.Context, dsn string) error {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return errDSN
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTimeout
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return fmt.Errorf("database: %w", err)
	}
	if err := create(ctx, conn); err != nil {
		return errors.Join(fmt.Errorf("database: %w", err), conn.Close(ctx))
	}
	return conn.Close(ctx)
}

func create(ctx context.Context, conn *pgx.Conn) error {
	if err := writable(ctx, conn); err != nil {
		return err
	}
	var newest int
	switch err := conn.QueryRow(ctx, "SELECT newest FROM ledger").Scan(&newest); {
	case err == nil && newest > 0:
		return fmt.Errorf("it holds a ledger of %d commits already", newest)
	case err != nil && !isFault(err, undefinedTable):
		return err
	}
	return migrate(ctx, conn, true) // also when an initialisation was interrupted after this
}

// Open opens a ledger. It never makes one: a mistyped name must not become an empty ledger.
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
	if err := open(ctx, pool); err != nil {
		pool.Close()
		return nil, fmt.Errorf("database: %w", err)
	}
	return &Store{pool: pool}, nil
}

func open(ctx context.Context, pool *pgxpool.Pool) error {
	if err := writable(ctx, pool); err != nil {
		return err
	}
	return migrate(ctx, pool, false)
}

// errDSN does not quote the DSN, nor what a parser says about it: a password may be anywhere in it.
var errDSN = errors.New("database: its DSN cannot be read; want postgres://USER:PASSWORD@HOST:PORT/DATABASE, or words like host=… dbname=…")

// writable refuses a database that takes no commits, before anybody relies on it.
func writable(ctx context.Context, db rower) error {
	var readOnly string
	if err := db.QueryRow(ctx, "SHOW transaction_read_only").Scan(&readOnly); err != nil {
		return err
	}
	if readOnly != "off" {
		return errors.New("it is read-only: a standby, or default_transaction_read_only is set")
	}
	return nil
}

// Close implements desk.Store.
func (s *Store) Close() error {
	s.pool.Close()
	return nil
}

// Records implements desk.Store.
func (s *Store) Records(ctx context.Context, keys [][]byte) ([][]byte, error) {
	sealed := make([][]byte, len(keys))
	at := map[wire.Key][]int{}
	for i, key := range keys {
		if len(key) != wire.KeySize {
			return nil, fmt.Errorf("key of %d bytes", len(key))
		}
		at[wire.Key(key)] = append(at[wire.Key(key)], i)
	}
	rows, err := s.pool.Query(ctx, "SELECT key, sealed FROM records WHERE key = ANY($1)", keys)
	if err != nil {
		return nil, err
	}
	var key, b []byte
	_, err = pgx.ForEachRow(rows, []any{&key, &b}, func() error {
		if len(key) != wire.KeySize {
			return fmt.Errorf("stored key of %d bytes", len(key))
		}
		for _, i := range at[wire.Key(key)] {
			sealed[i] = append([]byte(nil), b...)
		}
		return nil
	})
	return sealed, err
}

// Index implements desk.Store.
func (s *Store) Index(ctx context.Context, after []byte, limit int) (uint64, []wire.IndexItem, error) {
	var newest uint64
	var items []wire.IndexItem
	err := pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, "SELECT newest FROM ledger").Scan(&newest); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, "SELECT key, version, hash FROM records WHERE key > $1 ORDER BY key LIMIT $2", append([]byte{}, after...), limit)
		if err != nil {
			return err
		}
		var item wire.IndexItem
		var key, hash []byte
		_, err = pgx.ForEachRow(rows, []any{&key, &item.Version, &hash}, func() error {
			item.Key = append([]byte(nil), key...)
			item.Hash, err = hashOf(hash)
			items = append(items, item)
			return err
		})
		return err
	})
	return newest, items, err
}

// maxPage bounds the bytes of a page of commits, but for its last one.
const maxPage = 8 << 20

// Commits implements desk.Store.
func (s *Store) Commits(ctx context.Context, from uint64, limit int) ([]wire.Commit, error) {
	rows, err := s.pool.Query(ctx, "SELECT idx, head, tag, blob FROM commits WHERE idx >= $1 ORDER BY idx LIMIT $2", int64(from), limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var commits []wire.Commit
	for size := 0; size < maxPage && rows.Next(); {
		var c wire.Commit
		var tag []byte
		if err := rows.Scan(&c.Index, &c.Head, &tag, &c.Blob); err != nil {
			return nil, err
		}
		copy(c.Tag[:], tag)
		commits, size = append(commits, c), size+len(c.Head)+len(c.Blob)
	}
	return commits, rows.Err()
}

// Bodies implements desk.Store.
func (s *Store) Bodies(ctx context.Context, index uint64) ([]byte, error) {
	var bodies []byte
	err := s.pool.QueryRow(ctx, "SELECT bodies FROM commits WHERE idx = $1", int64(index)).Scan(&bodies)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	return bodies, err
}

// Hashes implements desk.Store.
func (s *Store) Hashes(ctx context.Context, indexes []int64) ([]tlog.Hash, error) {
	return readHashes(ctx, s.pool, indexes)
}

type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func readHashes(ctx context.Context, db querier, indexes []int64) ([]tlog.Hash, error) {
	rows, err := db.Query(ctx, "SELECT id, hash FROM hashes WHERE id = ANY($1)", indexes)
	if err != nil {
		return nil, err
	}
	found := make(map[int64]tlog.Hash, len(indexes))
	var id int64
	var b []byte
	_, err = pgx.ForEachRow(rows, []any{&id, &b}, func() error {
		var err error
		found[id], err = hashOf(b)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		hash, ok := found[x]
		if !ok {
			return nil, fmt.Errorf("hash %d of the log is not stored", x)
		}
		out[i] = hash
	}
	return out, nil
}

func hashOf(b []byte) (proof.Hash, error) {
	if len(b) != len(proof.Hash{}) {
		return proof.Hash{}, errors.New("a stored hash has the wrong size")
	}
	return proof.Hash(b), nil
}

var _ desk.Store = (*Store)(nil)

// transient says that a transaction failed only because of another one, and may be tried again.
func transient(err error) bool {
	return isFault(err, serializationFailure) || isFault(err, deadlockDetected)
}
