package telemetry

import (
	"context"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/redoubt-kms/redoubt/host/desk"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

// Store watches the store.
func (t *Telemetry) Store(s desk.Store) desk.Store {
	if !t.on() {
		return s
	}
	return watchedStore{s, t}
}

type watchedStore struct {
	desk.Store
	t *Telemetry
}

// watch runs one call of the store.
func (s watchedStore) watch(stage string, call func() error) error {
	began := time.Now()
	err := call()
	if m := s.t.metrics; m != nil {
		m.stages.WithLabelValues(stage).Observe(time.Since(began).Seconds())
		if err != nil {
			m.storeErrors.WithLabelValues(stage).Inc()
		}
	}
	return err
}

// Append stores a commit.
func (s watchedStore) Append(ctx context.Context, c wire.Commit) error {
	began := time.Now()
	err := s.watch(stageCommit, func() error { return s.Store.Append(ctx, c) })
	if err == nil {
		s.t.committed(c, began)
	}
	return err
}

// committed notes a stored commit: its size, and which entries are in it.
func (t *Telemetry) committed(c wire.Commit, began time.Time) {
	var head proof.Head
	if proof.Decode(c.Head, &head) != nil {
		return // the policy engine's own matter; the store took it
	}
	t.mu.Lock()
	first := t.size
	t.size = head.Size
	t.commits[t.next] = stored{first: first, end: head.Size, began: began, ended: time.Now()}
	t.next = (t.next + 1) % len(t.commits)
	t.mu.Unlock()
	if t.metrics != nil && head.Size >= first {
		t.metrics.entries.Observe(float64(head.Size - first))
		t.metrics.bytes.Observe(float64(len(c.Head) + len(c.Tag) + len(c.Blob) + len(c.Bodies)))
	}
}

// Records implements desk.Store.
func (s watchedStore) Records(ctx context.Context, keys [][]byte) ([][]byte, error) {
	var sealed [][]byte
	err := s.watch(stageRecords, func() (err error) { sealed, err = s.Store.Records(ctx, keys); return err })
	return sealed, err
}

// Index implements desk.Store.
func (s watchedStore) Index(ctx context.Context, after []byte, limit int) (uint64, []wire.IndexItem, error) {
	var index uint64
	var items []wire.IndexItem
	err := s.watch(stageIndex, func() (err error) { index, items, err = s.Store.Index(ctx, after, limit); return err })
	return index, items, err
}

// Commits implements desk.Store.
func (s watchedStore) Commits(ctx context.Context, from uint64, limit int) ([]wire.Commit, error) {
	var commits []wire.Commit
	err := s.watch(stageCommits, func() (err error) { commits, err = s.Store.Commits(ctx, from, limit); return err })
	return commits, err
}

// Hashes implements desk.Store.
func (s watchedStore) Hashes(ctx context.Context, indexes []int64) ([]tlog.Hash, error) {
	var hashes []tlog.Hash
	err := s.watch(stageHashes, func() (err error) { hashes, err = s.Store.Hashes(ctx, indexes); return err })
	return hashes, err
}
