package desk

import (
	"context"
	"errors"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/redoubt-kms/redoubt/internal/wire"
)

// Store keeps the ledger. It is trusted for durability only: everything that it returns is checked by the policy
// engine. Implementations are safe for concurrent use.
type Store interface {
	// Append stores a commit if the newest stored one is the one before it. When it returns nil, the commit survives
	// the loss of power. It returns ErrConflict when another commit is newest.
	Append(ctx context.Context, c wire.Commit) error
	// Records returns the sealed records of keys, in their order, empty where there is none.
	Records(ctx context.Context, keys [][]byte) ([][]byte, error)
	// Index returns up to limit items with keys after the given one, in ascending order of keys, and the newest
	// commit, all of which they reflect.
	Index(ctx context.Context, after []byte, limit int) (uint64, []wire.IndexItem, error)
	// Commits returns up to limit commits from an index on, in ascending order, without their bodies. It returns fewer,
	// but one at least where there is one, when they would come to much more than 8 MiB.
	Commits(ctx context.Context, from uint64, limit int) ([]wire.Commit, error)
	// Bodies returns the sealed bodies of a commit, empty when there is no such commit or they were pruned.
	Bodies(ctx context.Context, index uint64) ([]byte, error)
	// Hashes returns the log's stored hashes by tlog's numbering. It fails when one does not exist.
	Hashes(ctx context.Context, indexes []int64) ([]tlog.Hash, error)
	// Close makes everything durable and releases the store.
	Close() error
}

// ErrConflict says that a commit does not follow the newest stored one: another writer was faster.
var ErrConflict = errors.New("the commit does not follow the newest stored one")
