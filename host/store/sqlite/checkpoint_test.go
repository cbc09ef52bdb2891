package sqlite

import (
	"os"
	"path/filepath"
	"testing"
)

// The write-ahead log begins anew also while commits never pause.
func TestLogIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	if err := Create(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	const every, total = 1 << 20, 120 << 20
	s, err := openStore(t.Context(), path, every)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for n := uint64(1); s.appendedBytes.Load() < total; n++ {
		c := commitOf(t, n)
		c.Bodies = make([]byte, 32<<10)
		if err := s.Append(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	log, err := os.Stat(path + "-wal")
	if err != nil || log.Size() > total { // it would be more than all that was written
		t.Fatalf("the log has grown to %d MiB for %d MiB of commits, %v", log.Size()>>20, total>>20, err)
	}
}
