package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/redoubt-kms/redoubt/internal/wire"
)

// Import writes the file of a new ledger from the commits of another one. Commits are the truth: what look-ups need is
// derived from them.
type Import struct {
	path string
	db   *sql.DB
	tx   *sql.Tx
	held int // commits of the transaction
	last uint64
}

// importBatch is how many commits share a transaction. Nothing uses the file before all of them are in it.
const importBatch = 256

// NewImport begins a file where there is none.
func NewImport(ctx context.Context, path string) (*Import, error) {
	if err := Create(ctx, path); err != nil {
		return nil, err
	}
	db, err := open(path, 1)
	return &Import{path: path, db: db}, err
}

// Add adds the next commit.
func (i *Import) Add(ctx context.Context, c wire.Commit) error {
	if c.Index != i.last+1 {
		return fmt.Errorf("commit %d follows commit %d", c.Index, i.last)
	}
	if i.tx == nil {
		tx, err := i.db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		i.tx = tx
	}
	if _, err := i.tx.ExecContext(ctx, "INSERT INTO commits (idx, head, tag, blob, bodies) VALUES (?, ?, ?, ?, ?)", int64(c.Index), c.Head, c.Tag[:], c.Blob, c.Bodies); err != nil {
		return err
	}
	i.held, i.last = i.held+1, c.Index
	if i.held < importBatch {
		return nil
	}
	return i.flush()
}

func (i *Import) flush() error {
	if i.tx == nil {
		return nil
	}
	err := i.tx.Commit()
	i.tx, i.held = nil, 0
	return err
}

// Finish derives what look-ups need, and closes the file so that all of it is in that one file.
func (i *Import) Finish(ctx context.Context) error {
	if err := errors.Join(i.flush(), i.db.Close()); err != nil {
		return err
	}
	s, err := Open(ctx, i.path)
	if err != nil {
		return err
	}
	return s.Close()
}

// Abort closes the file, which is not whole.
func (i *Import) Abort() {
	if i.tx != nil {
		_ = i.tx.Rollback()
	}
	_ = i.db.Close()
}
