package storetest

import (
	"bytes"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

// check compares all that the store says with what was written into it.
func (b *bench) check(t *testing.T) {
	t.Helper()
	commits, err := b.store.Commits(t.Context(), 1, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(b.stored, commits); diff != "" {
		t.Fatalf("commits: (-stored +got)\n%s", diff)
	}
	b.checkRecords(t)
	index, items := b.walk(t, 100)
	if diff := cmp.Diff(b.items(), items); diff != "" || index != b.index {
		t.Fatalf("index of commit %d, want %d: (-want +got)\n%s", index, b.index, diff)
	}
	b.checkHashes(t)
}

// items is the index as it must be.
func (b *bench) items() []wire.IndexItem {
	var items []wire.IndexItem
	for k, r := range b.records {
		items = append(items, wire.IndexItem{Key: k[:], Version: r.Version, Hash: r.Hash()})
	}
	slices.SortFunc(items, func(x, y wire.IndexItem) int { return bytes.Compare(x.Key, y.Key) })
	return items
}

// walk reads the whole index in pages.
func (b *bench) walk(t *testing.T, limit int) (uint64, []wire.IndexItem) {
	t.Helper()
	var all []wire.IndexItem
	var after []byte
	for first, index := true, uint64(0); ; first = false {
		now, items, err := b.store.Index(t.Context(), after, limit)
		if err != nil {
			t.Fatal(err)
		}
		if !first && now != index {
			t.Fatalf("one page reflects commit %d, the next one %d", index, now)
		}
		if index = now; len(items) == 0 {
			return index, all
		}
		if len(items) > limit {
			t.Fatalf("a page of %d items, limit %d", len(items), limit)
		}
		all, after = append(all, items...), items[len(items)-1].Key
	}
}

func (b *bench) checkRecords(t *testing.T) {
	t.Helper()
	var keys, want [][]byte
	for n := range 40 {
		k := key(n)
		keys, want = append(keys, k[:]), append(want, b.records[k].Sealed)
	}
	got, err := b.store.Records(t.Context(), keys)
	if err != nil {
		t.Fatal(err)
	}
	for i := range keys {
		if !bytes.Equal(got[i], want[i]) {
			t.Fatalf("record %d is %q, want %q", i, got[i], want[i])
		}
	}
}

// A record is the newest version from the moment that its commit is acknowledged, before and after look-up tables catch
// up, and nothing once it is deleted.
func testRecords(t *testing.T, b *bench) {
	for version := range uint64(40) {
		b.append(t, 1, record(1, version+1), record(2+int(version)%5, version+1))
		if version%3 == 1 {
			b.append(t, 0, deletion(2+int(version)%5, version+2))
		}
		b.checkRecords(t)
		if version%7 == 0 {
			b.check(t) // makes the tables catch up
			b.checkRecords(t)
		}
	}
	b.append(t, 1, deletion(1, 41))
	b.checkRecords(t)
	b.append(t, 1, record(1, 42))
	b.check(t)
	// Of two versions in one commit the later one counts.
	b.append(t, 1, record(9, 1), record(9, 2))
	b.checkRecords(t)
	b.check(t)
}

func testBadKeys(t *testing.T, b *bench) {
	b.append(t, 1, record(1, 1))
	k := key(1)
	for _, bad := range [][]byte{nil, k[:33], append(k[:], 0)} {
		if _, err := b.store.Records(t.Context(), [][]byte{k[:], bad}); err == nil {
			t.Errorf("a key of %d bytes is looked up", len(bad))
		}
	}
	if got, err := b.store.Records(t.Context(), nil); err != nil || len(got) != 0 {
		t.Errorf("no keys: %v, %v", got, err)
	}
}

// The index is complete and ascends strictly, page by page, else the policy engine would refuse to serve.
func testIndexPages(t *testing.T, b *bench) {
	for n := range 300 {
		b.append(t, 1, record(n, 1), record(n/2, 2))
	}
	b.append(t, 0, deletion(5, 3), deletion(299, 2))
	for _, limit := range []int{1, 7, 100, 4096} {
		index, items := b.walk(t, limit)
		if index != b.index {
			t.Errorf("pages of %d reflect commit %d, want %d", limit, index, b.index)
		}
		if diff := cmp.Diff(b.items(), items); diff != "" {
			t.Errorf("pages of %d: (-want +got)\n%s", limit, diff)
		}
		for i := 1; i < len(items); i++ {
			if bytes.Compare(items[i-1].Key, items[i].Key) >= 0 {
				t.Fatalf("items %d and %d do not ascend", i-1, i)
			}
		}
	}
}

func (b *bench) checkHashes(t *testing.T) {
	t.Helper()
	var want hashes
	for i, leaf := range b.leaves {
		stored, err := tlog.StoredHashes(int64(i), proof.Leaf(leaf), &want)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, stored...)
	}
	indexes := make([]int64, len(want))
	for i := range indexes {
		indexes[i] = int64(i)
	}
	got, err := b.store.Hashes(t.Context(), indexes)
	if err != nil {
		t.Fatal(err)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("hash %d of %d differs from tlog's", i, len(want))
		}
	}
	for _, missing := range []int64{int64(len(want)), 1 << 40, -1} {
		if _, err := b.store.Hashes(t.Context(), []int64{missing}); err == nil {
			t.Errorf("hash %d of %d exists", missing, len(want))
		}
	}
}

type hashes []tlog.Hash

// ReadHashes implements tlog.HashReader.
func (h *hashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		out[i] = (*h)[x]
	}
	return out, nil
}

// The stored tree is tlog's own, whatever the sizes of the commits.
func testHashes(t *testing.T, b *bench) {
	for i := range 40 {
		b.append(t, i*i%17)
		if i%9 == 0 {
			b.checkHashes(t)
		}
	}
	b.checkHashes(t)
}

func testEmpty(t *testing.T, b *bench) {
	b.check(t)
	b.store = b.reopen(t, b.store)
	b.check(t)
	b.refuses(t, "a first commit that is not number 1", row(t, wire.StoredCommit{Version: 1, Index: 2}), true)
	b.refuses(t, "commit 0", row(t, wire.StoredCommit{Version: 1}), true)
	b.append(t, 0)
	b.check(t)
}
