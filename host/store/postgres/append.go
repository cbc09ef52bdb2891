package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/redoubt-kms/redoubt/host/desk"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

const (
	maxTries    = 8
	settleAfter = 2 * time.Second // how long to ask what became of a commit whose connection was lost
)

// Append implements desk.Store.
func (s *Store) Append(ctx context.Context, c wire.Commit) error {
	stored, err := wire.ReadStored(c.Blob)
	if err != nil {
		return err
	}
	if stored.Version != 1 || stored.Index != c.Index {
		return fmt.Errorf("commit %d holds commit %d of version %d", c.Index, stored.Index, stored.Version)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for range maxTries {
		if err = s.try(ctx, c, stored); err == nil || !transient(err) {
			break
		}
	}
	if err == nil || errors.Is(err, desk.ErrConflict) {
		return err
	}
	s.edge = nil
	if s.happened(ctx, c) {
		return nil
	}
	return err
}

// happened asks whether a commit that failed is stored all the same: a connection can be lost after the database had
// made it durable and before it could say so.
func (s *Store) happened(ctx context.Context, c wire.Commit) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleAfter)
	defer cancel()
	var there bool
	err := s.pool.QueryRow(ctx, "SELECT EXISTS (SELECT FROM commits WHERE idx = $1 AND head = $2 AND blob = $3)", int64(c.Index), c.Head, c.Blob).Scan(&there)
	return err == nil && there
}

// try appends in one serialisable transaction, in two trips to the server: the compare-and-swap with all that follows
// from the commit, and the end of the transaction.
func (s *Store) try(ctx context.Context, c wire.Commit, stored wire.StoredCommit) error {
	return pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.Serializable}, func(tx pgx.Tx) error {
		return s.appendIn(ctx, tx, c, stored)
	})
}

// appendIn appends within a transaction.
func (s *Store) appendIn(ctx context.Context, tx pgx.Tx, c wire.Commit, stored wire.StoredCommit) error {
	tree, err := s.tree(ctx, tx)
	if err != nil {
		return err
	}
	if int64(stored.First) != tree.size {
		return s.misfit(ctx, tx, c, stored, tree.size)
	}
	ids, hashes, err := tree.grow(stored.Entries)
	if err != nil {
		return err
	}
	batch := &pgx.Batch{}
	swapped := int64(0)
	batch.Queue("UPDATE ledger SET newest = $1, entries = $2 WHERE newest = $1 - 1", int64(c.Index), tree.size).Exec(func(tag pgconn.CommandTag) error {
		swapped = tag.RowsAffected()
		return nil
	})
	batch.Queue("INSERT INTO commits (idx, head, tag, blob, bodies) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING", int64(c.Index), c.Head, c.Tag[:], c.Blob, c.Bodies)
	batch.Queue("INSERT INTO hashes (id, hash) SELECT * FROM unnest($1::bigint[], $2::bytea[]) ON CONFLICT DO NOTHING", ids, hashes)
	queueRecords(batch, stored.Records)
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return err
	}
	if swapped != 1 {
		s.edge = nil
		return fmt.Errorf("%w: it is number %d", desk.ErrConflict, c.Index)
	}
	s.edge, s.size = tree.trimmed(), tree.size
	return nil
}

// misfit says why a commit's entries do not continue the log: because another commit was faster, or because they never
// would.
func (s *Store) misfit(ctx context.Context, tx pgx.Tx, c wire.Commit, stored wire.StoredCommit, size int64) error {
	s.edge = nil
	var newest uint64
	if err := tx.QueryRow(ctx, "SELECT newest FROM ledger").Scan(&newest); err != nil {
		return err
	}
	if c.Index != newest+1 {
		return fmt.Errorf("%w: it is number %d, stored are %d", desk.ErrConflict, c.Index, newest)
	}
	return fmt.Errorf("commit %d: its entries begin at %d, the log has %d", c.Index, stored.First, size)
}

func queueRecords(batch *pgx.Batch, records []wire.StoredRecord) {
	last := map[wire.Key]int{} // of several changes of a record the last one counts
	for i, r := range records {
		last[r.Key] = i
	}
	var keys, hashes, sealed, gone [][]byte
	var versions []int64
	for i, r := range records {
		if last[r.Key] != i {
			continue
		}
		if len(r.Sealed) == 0 {
			gone = append(gone, r.Key[:])
			continue
		}
		hash := r.Hash()
		keys, versions, hashes, sealed = append(keys, r.Key[:]), append(versions, int64(r.Version)), append(hashes, hash[:]), append(sealed, r.Sealed)
	}
	if len(gone) > 0 {
		batch.Queue("DELETE FROM records WHERE key = ANY($1)", gone)
	}
	if len(keys) > 0 {
		batch.Queue(`INSERT INTO records (key, version, hash, sealed) SELECT * FROM unnest($1::bytea[], $2::bigint[], $3::bytea[], $4::bytea[])
			ON CONFLICT (key) DO UPDATE SET version = excluded.version, hash = excluded.hash, sealed = excluded.sealed`, keys, versions, hashes, sealed)
	}
}

// tree is the log's right edge while a commit is appended.
type tree struct {
	size int64
	kept map[int64]tlog.Hash
}

// tree returns the right edge at the newest commit, from memory or from the database.
func (s *Store) tree(ctx context.Context, tx pgx.Tx) (*tree, error) {
	if s.edge == nil {
		if err := tx.QueryRow(ctx, "SELECT entries FROM ledger").Scan(&s.size); err != nil {
			return nil, err
		}
		indexes := proof.Edge(uint64(s.size))
		hashes, err := readHashes(ctx, tx, indexes)
		if err != nil {
			return nil, err
		}
		s.edge = make(map[int64]tlog.Hash, len(indexes))
		for i, x := range indexes {
			s.edge[x] = hashes[i]
		}
	}
	t := &tree{size: s.size, kept: make(map[int64]tlog.Hash, len(s.edge))}
	for x, h := range s.edge {
		t.kept[x] = h
	}
	return t, nil
}

// grow appends entries and returns the new stored hashes with their numbers.
func (t *tree) grow(entries []wire.StoredEntry) (ids []int64, hashes [][]byte, err error) {
	for _, e := range entries {
		stored, err := tlog.StoredHashes(t.size, proof.Leaf(e.Commitment), t)
		if err != nil {
			return nil, nil, err
		}
		first := tlog.StoredHashIndex(0, t.size)
		for i, hash := range stored {
			t.kept[first+int64(i)] = hash
			ids, hashes = append(ids, first+int64(i)), append(hashes, hash[:])
		}
		t.size++
	}
	return ids, hashes, nil
}

// trimmed returns what the next commit needs.
func (t *tree) trimmed() map[int64]tlog.Hash {
	edge := map[int64]tlog.Hash{}
	for _, x := range proof.Edge(uint64(t.size)) {
		edge[x] = t.kept[x]
	}
	return edge
}

// ReadHashes implements tlog.HashReader.
func (t *tree) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		hash, ok := t.kept[x]
		if !ok {
			return nil, fmt.Errorf("hash %d of the log is not at hand", x)
		}
		out[i] = hash
	}
	return out, nil
}
