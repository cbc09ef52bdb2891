package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"github.com/redoubt-kms/redoubt/internal/wire"
)

const (
	deriveEvery = 64 // commits
	deriveAfter = 500 * time.Millisecond

	checkpointEvery = 16 << 20 // bytes of commits
)

// deriveLoop keeps the derived tables close behind the commits, and moves the write-ahead log into the file.
func (s *Store) deriveLoop(ctx context.Context) {
	defer close(s.done)
	tick := time.NewTicker(deriveAfter)
	defer tick.Stop()
	moved, last := uint64(0), uint64(0) // bytes that were appended until the last checkpoint, and until the last look
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		case <-tick.C:
		}
		// A failure here loses nothing: what was not derived is derived later, from the commits.
		_, _ = s.flush(ctx)
		now := s.appendedBytes.Load()
		if now-moved > s.checkpointEvery || now == last && now > moved {
			moved = s.checkpoint(ctx, now)
		}
		last = now
	}
}

// checkpoint moves what the write-ahead log holds into the file, beside the commits that go on. SQLite would do it
// within a commit, which would then take a hundred times as long. The disk is busy with it for a while all the same, so
// under load it is done seldom, and otherwise when nothing else happens.
//
// The log begins anew only at a commit that finds all of it moved, which under load would be never. So what came
// meanwhile, which is little, is moved while commits wait.
func (s *Store) checkpoint(ctx context.Context, now uint64) uint64 {
	s.derive.Lock() // one thing at a time in the background
	defer s.derive.Unlock()
	const move = "PRAGMA wal_checkpoint(PASSIVE)"
	_, err := s.read.ExecContext(ctx, move)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		_, err = s.read.ExecContext(ctx, move)
	}
	if err != nil {
		return 0 // it is tried again
	}
	return now
}

// flush derives from all commits that were stored before the call, and returns the newest of them.
func (s *Store) flush(ctx context.Context) (uint64, error) {
	s.derive.Lock()
	defer s.derive.Unlock()
	return s.catchUp(ctx)
}

// catchUp is flush for a caller that holds the lock.
func (s *Store) catchUp(ctx context.Context) (uint64, error) {
	if err := s.settle(ctx); err != nil {
		return 0, err
	}
	s.mu.Lock()
	upto := s.newest // others go on appending: who waits for us must not wait for them
	s.mu.Unlock()
	for {
		s.mu.Lock()
		batch := s.pending[:min(len(s.pending), deriveEvery):min(len(s.pending), deriveEvery)]
		newest := s.newest
		s.mu.Unlock()
		if len(batch) == 0 {
			return newest, nil
		}
		if batch[0].Index > upto {
			return batch[0].Index - 1, nil
		}
		if err := s.deriveFrom(ctx, batch); err != nil {
			return 0, err
		}
		s.mu.Lock()
		s.pending = s.pending[len(batch):]
		s.forget(batch)
		s.mu.Unlock()
	}
}

// forget drops the records of derived commits from memory, but for those that a pending commit changed again.
func (s *Store) forget(batch []wire.StoredCommit) {
	for _, c := range batch {
		for _, r := range c.Records {
			delete(s.fresh, r.Key)
		}
	}
	for _, c := range s.pending {
		for _, r := range c.Records {
			s.fresh[r.Key] = r.Sealed
		}
	}
}

// deriveStored derives from commits that were stored before the store was opened, a batch at a time.
func (s *Store) deriveStored(ctx context.Context) (bool, error) {
	var derived uint64
	if err := s.write.QueryRowContext(ctx, "SELECT derived FROM progress").Scan(&derived); err != nil {
		return false, err
	}
	rows, err := s.Commits(ctx, derived+1, deriveEvery)
	if err != nil || len(rows) == 0 {
		return false, err
	}
	batch := make([]wire.StoredCommit, len(rows))
	for i, row := range rows {
		if row.Index != derived+uint64(i)+1 {
			return false, fmt.Errorf("commit %d is missing", derived+uint64(i)+1)
		}
		if batch[i], err = wire.ReadStored(row.Blob); err != nil {
			return false, fmt.Errorf("commit %d: %w", row.Index, err)
		}
	}
	return true, s.deriveFrom(ctx, batch)
}

// deriveFrom applies commits to the tables in one transaction. It is synchronised like a commit, though it need not be.
func (s *Store) deriveFrom(ctx context.Context, batch []wire.StoredCommit) error {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit it has nothing to do
	var derived, entries uint64
	if err := tx.QueryRowContext(ctx, "SELECT derived, entries FROM progress").Scan(&derived, &entries); err != nil {
		return err
	}
	if s.edge == nil { // the last transaction failed, and may be there all the same
		if s.edge, err = loadEdge(ctx, tx, entries); err != nil {
			return err
		}
		batch = slices.DeleteFunc(slices.Clone(batch), func(c wire.StoredCommit) bool { return c.Index <= derived })
	}
	next := s.edge.clone()
	var changed []tile
	for _, c := range batch {
		if c.Index != derived+1 || c.First != next.size || entries != s.edge.size {
			return fmt.Errorf("commit %d does not follow commit %d", c.Index, derived)
		}
		derived = c.Index
		for _, r := range c.Records {
			if err := putRecord(ctx, tx, r); err != nil {
				return err
			}
		}
		for _, e := range c.Entries {
			changed = append(changed, next.append(e.Commitment)...)
		}
	}
	for _, t := range append(changed, next.rest()...) {
		if _, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO tiles (level, n, hashes) VALUES (?, ?, ?)", t.level, int64(t.n), t.hashes); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, "UPDATE progress SET derived = ?, entries = ?", int64(derived), int64(next.size)); err != nil {
		return err
	}
	s.edge = nil
	if err := tx.Commit(); err != nil {
		return err
	}
	s.edge = next
	return nil
}

func putRecord(ctx context.Context, tx *sql.Tx, r wire.StoredRecord) error {
	if len(r.Sealed) == 0 {
		_, err := tx.ExecContext(ctx, "DELETE FROM records WHERE key = ?", r.Key[:])
		return err
	}
	hash := r.Hash()
	_, err := tx.ExecContext(ctx, `INSERT INTO records (key, version, hash, sealed) VALUES (?, ?, ?, ?)
		ON CONFLICT (key) DO UPDATE SET version = excluded.version, hash = excluded.hash, sealed = excluded.sealed`,
		r.Key[:], int64(r.Version), hash[:], r.Sealed)
	return err
}
