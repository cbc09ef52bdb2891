package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/redoubt-kms/redoubt/internal/wire"
)

// Dump calls see for each commit of one snapshot, from the first on, with its bodies, also while a server writes.
func Dump(ctx context.Context, dsn string, see func(wire.Commit) error) error {
	s, err := Open(ctx, dsn)
	if err != nil {
		return err
	}
	defer s.pool.Close()
	return pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, "SELECT idx, head, tag, blob, bodies FROM commits ORDER BY idx")
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
			if c.Tag, err = hashOf(tag); err != nil {
				return err
			}
			if err := see(c); err != nil {
				return err
			}
		}
		return rows.Err()
	})
}

// Import writes a new ledger from the commits of another one, in one transaction.
type Import struct {
	conn  *pgx.Conn
	tx    pgx.Tx
	store Store
	old   bool   // the ledger is there already
	last  []byte // head of the newest commit
	count uint64
}

// NewImport begins a ledger in a database that holds none. One that is there, from an import that was interrupted after
// its end, is compared instead.
func NewImport(ctx context.Context, dsn string) (*Import, error) {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	i := &Import{conn: conn}
	if err := conn.QueryRow(ctx, "SELECT to_regclass('ledger') IS NOT NULL").Scan(&i.old); err != nil {
		return nil, errors.Join(err, conn.Close(ctx))
	}
	if i.old {
		return i, nil
	}
	if i.tx, err = conn.Begin(ctx); err == nil {
		err = migrateIn(ctx, i.tx, true)
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close(ctx))
	}
	return i, nil
}

// Add adds the next commit.
func (i *Import) Add(ctx context.Context, c wire.Commit) error {
	i.count, i.last = i.count+1, c.Head
	if i.old {
		return nil
	}
	stored, err := wire.ReadStored(c.Blob)
	if err != nil {
		return err
	}
	return i.store.appendIn(ctx, i.tx, c, stored)
}

// Finish makes all of it durable at once.
func (i *Import) Finish(ctx context.Context) error {
	if !i.old {
		return errors.Join(i.tx.Commit(ctx), i.conn.Close(ctx))
	}
	defer i.conn.Close(ctx)
	var newest uint64
	var same bool
	if err := i.conn.QueryRow(ctx, "SELECT newest FROM ledger").Scan(&newest); err != nil {
		return err
	}
	if err := i.conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM commits WHERE idx = $1 AND head = $2)", int64(i.count), i.last).Scan(&same); err != nil {
		return err
	}
	if newest != i.count || !same && newest > 0 {
		return fmt.Errorf("database holds another ledger, of %d commits; name an empty one", newest)
	}
	return nil
}

// Abort leaves the database as it was.
func (i *Import) Abort() { _ = i.conn.Close(context.Background()) }
