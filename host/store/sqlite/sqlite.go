// Package sqlite keeps the ledger in one SQLite file, with write-ahead logging and full synchronisation. It is the
// embedded default. A commit is one row; the tables that look-ups need are derived from the rows a little later.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"time"

	_ "modernc.org/sqlite" // the driver

	"github.com/redoubt-kms/redoubt/host/desk"
	"github.com/redoubt-kms/redoubt/internal/wire"
)

// Store is a ledger in a SQLite file.
type Store struct {
	path  string
	file  os.FileInfo // of the path when it was opened
	write *sql.DB     // one connection
	read  *sql.DB
	add   *sql.Stmt

	mu      sync.Mutex // guards what follows, and that one commit is appended at a time
	newest  uint64
	size    uint64              // entries of the log
	unsure  bool                // a commit failed, and may be stored all the same
	pending []wire.StoredCommit // stored, not yet derived from
	fresh   map[wire.Key][]byte // records of pending commits, newest version
	derive  sync.Mutex          // held while tables are derived
	edge    *edge               // of what is derived; guarded by derive
	wake    chan struct{}

	appendedBytes   atomic.Uint64 // of commits since the store was opened
	checkpointEvery uint64        // bytes

	done chan struct{}
	stop context.CancelFunc
}

// Create makes the file of a new ledger. It fails when there is one already.
func Create(ctx context.Context, path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	db, err := open(path, 1)
	if err != nil {
		return err
	}
	return errors.Join(migrate(ctx, db, 0), db.Close())
}

// Open opens the file of a ledger. It never makes one: a mistyped path must not become an empty ledger.
func Open(ctx context.Context, path string) (*Store, error) {
	return openStore(ctx, path, checkpointEvery)
}

func openStore(ctx context.Context, path string, checkpointEvery uint64) (*Store, error) {
	file, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	write, err := open(path, 1)
	if err != nil {
		return nil, err
	}
	read, err := open(path, 4)
	if err != nil {
		return nil, errors.Join(err, write.Close())
	}
	s := &Store{
		path: path, file: file, write: write, read: read, fresh: map[wire.Key][]byte{},
		checkpointEvery: checkpointEvery, wake: make(chan struct{}, 1), done: make(chan struct{}),
	}
	if err := s.load(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("database %s: %w", path, err), write.Close(), read.Close())
	}
	running, stop := context.WithCancel(context.Background())
	s.stop = stop
	go s.deriveLoop(running)
	return s, nil
}

func open(path string, connections int) (*sql.DB, error) {
	pragmas := url.Values{"_pragma": {"journal_mode(WAL)", "synchronous(FULL)", "busy_timeout(5000)", "cache_size(-32000)", "wal_autocheckpoint(0)"}, "mode": {"rw"}, "_txlock": {"immediate"}}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?"+pragmas.Encode())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, nil
}

// load checks the schema and derives what a stop left behind.
func (s *Store) load(ctx context.Context) error {
	err := upgrade(ctx, s.write)
	if err != nil {
		return err
	}
	if err := s.write.QueryRowContext(ctx, "SELECT entries FROM progress").Scan(&s.size); err != nil {
		return err
	}
	if s.edge, err = loadEdge(ctx, s.write, s.size); err != nil {
		return err
	}
	if s.add, err = s.write.PrepareContext(ctx, "INSERT INTO commits (idx, head, tag, blob, bodies) VALUES (?, ?, ?, ?, ?)"); err != nil {
		return err
	}
	if err := s.write.QueryRowContext(ctx, "SELECT coalesce(max(idx), 0) FROM commits").Scan(&s.newest); err != nil {
		return err
	}
	for {
		more, err := s.deriveStored(ctx)
		if err != nil {
			return err
		}
		if !more {
			s.size = s.edge.size
			return nil
		}
	}
}

// Append implements desk.Store.
func (s *Store) Append(ctx context.Context, c wire.Commit) error {
	stored, err := wire.ReadStored(c.Blob)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if now, err := os.Stat(s.path); err != nil || !os.SameFile(now, s.file) {
		return fmt.Errorf("database %s was removed or replaced while it was in use", s.path) // what goes into it would be lost
	}
	if s.unsure || c.Index != s.newest+1 {
		return fmt.Errorf("%w: it is number %d, stored are %d", desk.ErrConflict, c.Index, s.newest)
	}
	if stored.Version != 1 || stored.Index != c.Index || stored.First != s.size {
		return fmt.Errorf("commit %d: its blob is of commit %d, entry %d on; look-ups could not be derived from it", c.Index, stored.Index, stored.First)
	}
	if _, err := s.add.ExecContext(ctx, int64(c.Index), c.Head, c.Tag[:], c.Blob, c.Bodies); err != nil {
		s.unsure = true
		return err
	}
	s.appended(stored)
	s.appendedBytes.Add(uint64(len(c.Blob) + len(c.Bodies)))
	if len(s.pending) >= deriveEvery {
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
	return nil
}

// appended notes a stored commit. The lock is held.
func (s *Store) appended(c wire.StoredCommit) {
	s.newest, s.size = c.Index, c.First+uint64(len(c.Entries))
	s.pending = append(s.pending, c)
	for _, r := range c.Records {
		s.fresh[r.Key] = r.Sealed
	}
}

// settle finds out what became of a commit whose insertion failed: it may be there all the same.
func (s *Store) settle(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.unsure {
		return nil
	}
	rows, err := s.Commits(ctx, s.newest+1, 1)
	if err != nil {
		return err
	}
	for _, row := range rows {
		stored, err := wire.ReadStored(row.Blob)
		if err != nil {
			return err
		}
		s.appended(stored)
	}
	s.unsure = false
	return nil
}

// Records implements desk.Store.
func (s *Store) Records(ctx context.Context, keys [][]byte) ([][]byte, error) {
	sealed := make([][]byte, len(keys))
	for i, key := range keys {
		if len(key) != wire.KeySize {
			return nil, fmt.Errorf("key of %d bytes", len(key))
		}
		s.mu.Lock()
		b, ok := s.fresh[wire.Key(key)]
		s.mu.Unlock()
		if ok {
			sealed[i] = b
			continue
		}
		err := s.read.QueryRowContext(ctx, "SELECT sealed FROM records WHERE key = ?", key).Scan(&sealed[i])
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return nil, err
		}
	}
	return sealed, nil
}

// Index implements desk.Store.
func (s *Store) Index(ctx context.Context, after []byte, limit int) (uint64, []wire.IndexItem, error) {
	s.derive.Lock() // nothing is derived between the flush and the page, which reflects that commit and no later one
	defer s.derive.Unlock()
	derived, err := s.catchUp(ctx)
	if err != nil {
		return 0, nil, err
	}
	rows, err := s.read.QueryContext(ctx, "SELECT key, version, hash FROM records WHERE key > ? ORDER BY key LIMIT ?", append([]byte{}, after...), limit)
	if err != nil {
		return 0, nil, err
	}
	defer rows.Close()
	var items []wire.IndexItem
	for rows.Next() {
		var item wire.IndexItem
		var hash []byte
		if err := rows.Scan(&item.Key, &item.Version, &hash); err != nil {
			return 0, nil, err
		}
		if copy(item.Hash[:], hash) != len(item.Hash) {
			return 0, nil, errors.New("a stored hash is too short")
		}
		items = append(items, item)
	}
	return derived, items, rows.Err()
}

// maxPage bounds the bytes of a page of commits, but for its last one, so that it fits into a frame.
const maxPage = 8 << 20

// Commits implements desk.Store.
func (s *Store) Commits(ctx context.Context, from uint64, limit int) ([]wire.Commit, error) {
	rows, err := s.read.QueryContext(ctx, "SELECT idx, head, tag, blob FROM commits WHERE idx >= ? ORDER BY idx LIMIT ?", int64(from), limit)
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
	err := s.read.QueryRowContext(ctx, "SELECT bodies FROM commits WHERE idx = ?", int64(index)).Scan(&bodies)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return bodies, err
}

// Close implements desk.Store.
func (s *Store) Close() error {
	s.stop()
	<-s.done
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	_, err := s.flush(ctx)
	return errors.Join(err, s.add.Close(), s.read.Close(), s.write.Close())
}
