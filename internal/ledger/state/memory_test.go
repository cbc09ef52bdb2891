package state

import (
	"encoding/binary"
	"math/rand"
	"runtime"
	"testing"

	"github.com/redoubt-kms/redoubt/internal/ledger"
)

// What the policy engine keeps of a record is bounded, also after a start, which fills the tree in order and so leaves
// its nodes half empty.
func TestBytesOfARecord(t *testing.T) {
	const records, most = 200_000, 200
	for name, key := range map[string]func(uint64) uint64{
		"in order": func(i uint64) uint64 { return i },
		"anywhere": func(uint64) uint64 { return rand.Uint64() },
	} {
		x := NewIndex()
		before := heap()
		for i := range uint64(records) {
			var k ledger.Key
			binary.BigEndian.PutUint64(k[2:], key(i))
			x.tree.ReplaceOrInsert(Item{Key: k, Version: 1})
		}
		each := (heap() - before) / records
		if each > most {
			t.Errorf("%s: %d bytes a record, at most %d", name, each, most)
		}
		t.Logf("%s: %d bytes a record", name, each)
		runtime.KeepAlive(x)
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
