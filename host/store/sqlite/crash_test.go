package sqlite

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// crash is what a disk holds when the power fails: the bytes of the files at one instant.
type crash struct{ db, wal []byte }

// freeze takes the files while nothing writes to them. The caller holds both locks of the store.
func freeze(t *testing.T, path string) crash {
	t.Helper()
	db, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	wal, err := os.ReadFile(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	return crash{db, wal}
}

// open writes the files elsewhere and opens them, as after a restart. The index of the log (-shm) is not restored: it is
// made from the log.
func (c crash) open(t *testing.T, wal []byte) *Store {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ledger.db")
	for name, b := range map[string][]byte{path: c.db, path + "-wal": wal} {
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := Open(t.Context(), path)
	if err != nil {
		t.Fatalf("after the crash: %v", err)
	}
	return s
}

// What Append acknowledged survives the loss of power at any instant, also one in the middle of the write that follows.
func TestNothingAcknowledgedIsLost(t *testing.T) {
	path := newLedger(t, 0)
	s, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	n, torn := uint64(0), 0
	for round := range 40 {
		for range 1 + round*7%40 {
			n++
			if err := s.Append(t.Context(), commitOf(t, n)); err != nil {
				t.Fatal(err)
			}
		}
		if round%3 == 0 { // at times with the tables caught up, at times not
			if _, err := s.flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		s.derive.Lock()
		before := freeze(t, path)
		if err := s.Append(t.Context(), commitOf(t, n+1)); err != nil {
			t.Fatal(err)
		}
		after := freeze(t, path)
		s.derive.Unlock()
		acknowledged := n
		n++

		checkCrash(t, before, before.wal, acknowledged, acknowledged)
		checkCrash(t, after, after.wal, n, n)
		first, last := written(before.wal, after.wal)
		for cut := first; cut < last; cut += 1357 {
			checkCrash(t, after, slices.Concat(after.wal[:cut], before.wal[min(cut, len(before.wal)):]), acknowledged, n)
			torn++
		}
		garbled := append([]byte{}, after.wal...) // sectors of a torn write land in any order
		clear(garbled[first:min(first+600, last)])
		checkCrash(t, after, garbled, acknowledged, n)
	}
	if torn < 40 {
		t.Errorf("only %d torn writes were tried", torn)
	}
}

// written finds the range of the log that a write changed; a log that began anew is written over from its start.
func written(before, after []byte) (first, last int) {
	for first < min(len(before), len(after)) && before[first] == after[first] {
		first++
	}
	for last = len(after); last > first && last <= len(before) && before[last-1] == after[last-1]; {
		last--
	}
	return first, last
}

// checkCrash opens what a crash left behind: a whole ledger of at least so many commits, that can go on.
func checkCrash(t *testing.T, c crash, wal []byte, atLeast, atMost uint64) {
	t.Helper()
	s := c.open(t, wal)
	defer s.Close()
	rows, err := s.Commits(t.Context(), 1, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	stored := uint64(len(rows))
	if stored < atLeast || stored > atMost {
		t.Fatalf("%d commits after the crash, %d were acknowledged", stored, atLeast)
	}
	index, items, err := s.Index(t.Context(), nil, 100)
	if err != nil || index != stored || len(items) != int(min(stored, 50)) {
		t.Fatalf("index of commit %d with %d items, %v; want %d", index, len(items), err, stored)
	}
	if err := s.Append(t.Context(), commitOf(t, stored+1)); err != nil {
		t.Fatalf("the ledger does not go on: %v", err)
	}
}

// The tables that look-ups need are made again from the commits, which alone are the truth.
func TestDerivedTablesCatchUp(t *testing.T) {
	path := newLedger(t, 200)
	execute(t, path, "DELETE FROM records")
	execute(t, path, "DELETE FROM tiles")
	execute(t, path, "UPDATE progress SET derived = 0, entries = 0")
	checkLedger(t, path, 200)
}
