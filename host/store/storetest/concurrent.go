package storetest

import (
	"bytes"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/redoubt-kms/redoubt/internal/wire"
)

// counterVersion reads the version that record made.
func counterVersion(sealed []byte) (version uint64) {
	var n int
	if _, err := fmt.Sscanf(string(sealed), "record %d, version %d", &n, &version); err != nil {
		return 0
	}
	return version
}

// While one writer appends, readers see every acknowledged commit at once, and never an older state after a newer one.
func testReaders(t *testing.T, b *bench) {
	const commits = 200
	var acknowledged atomic.Uint64
	done := make(chan struct{})
	var all sync.WaitGroup
	fail := func(format string, args ...any) { t.Errorf(format, args...) }
	k := key(1)
	reader := func(look func() (uint64, error)) {
		all.Go(func() {
			for newest := uint64(0); ; {
				before := acknowledged.Load()
				got, err := look()
				if err != nil {
					fail("while appending: %v", err)
					return
				}
				if got < before || got < newest {
					fail("read commit %d after %d was acknowledged and %d was read", got, before, newest)
					return
				}
				newest = got
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	reader(func() (uint64, error) {
		got, err := b.store.Records(t.Context(), [][]byte{k[:]})
		if err != nil {
			return 0, err
		}
		return counterVersion(got[0]), nil
	})
	reader(func() (uint64, error) {
		before := acknowledged.Load()
		got, err := b.store.Commits(t.Context(), before+1, 1000)
		return before + uint64(len(got)), err
	})
	reader(func() (uint64, error) {
		before := acknowledged.Load()
		if before > 0 { // each commit has two entries; the first leaf of the newest one must be there
			_, err := b.store.Hashes(t.Context(), []int64{tlog.StoredHashIndex(0, 2*int64(before)-2)})
			return before, err
		}
		return 0, nil
	})
	for i := range commits {
		b.append(t, 2, record(1, uint64(i+1)))
		acknowledged.Store(uint64(i + 1))
	}
	close(done)
	all.Wait()
	b.check(t)
}

// A page of the index reflects exactly the commit that it names, also while others are appended and derived.
func testIndexWhileAppending(t *testing.T, b *bench) {
	const commits = 400
	done := make(chan struct{})
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			for {
				index, items, err := b.store.Index(t.Context(), nil, 10)
				if err != nil {
					t.Errorf("while appending: %v", err)
					return
				}
				if index == 0 && len(items) == 0 {
					continue
				}
				k := key(1)
				want := wire.IndexItem{Key: k[:], Version: index, Hash: record(1, index).Hash()}
				if len(items) != 1 || !bytes.Equal(items[0].Key, want.Key) || items[0].Version != want.Version || items[0].Hash != want.Hash {
					t.Errorf("the page names commit %d and shows version %d", index, items[0].Version)
					return
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for i := range commits {
		b.append(t, 1, record(1, uint64(i+1)))
	}
	close(done)
	all.Wait()
}
