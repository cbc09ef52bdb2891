package storetest

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/redoubt-kms/redoubt/host/desk"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

// Append is a compare-and-swap on the newest commit: this is what fences two writers off each other.
func testAppendFollows(t *testing.T, b *bench) {
	b.append(t, 1)
	first := b.stored[0]
	b.refuses(t, "the same commit again", first, true)
	b.append(t, 2)
	b.refuses(t, "an older commit", first, true)
	ahead := *b
	ahead.note(t, ahead.next(t, 1))
	b.refuses(t, "a commit that skips one", ahead.next(t, 1), true)
	b.check(t)
	b.append(t, 1)
	b.check(t)
}

// Of several writers that are equally fast, one wins, and the others learn that they lost.
func testAppendRaces(t *testing.T, b *bench) {
	for range 20 {
		const writers = 8
		commits, outcomes := make([]wire.Commit, writers), make([]error, writers)
		for i := range writers {
			commits[i] = b.next(t, 1, record(i, b.index+1))
		}
		var all sync.WaitGroup
		for i := range writers {
			all.Go(func() { outcomes[i] = b.store.Append(t.Context(), commits[i]) })
		}
		all.Wait()
		won := -1
		for i, err := range outcomes {
			switch {
			case err == nil && won >= 0:
				t.Fatalf("writers %d and %d both stored commit %d", won, i, b.index+1)
			case err == nil:
				won = i
			case !errors.Is(err, desk.ErrConflict):
				t.Fatalf("writer %d: %v", i, err)
			}
		}
		if won < 0 {
			t.Fatal("nobody won")
		}
		b.note(t, commits[won])
	}
	b.check(t)
}

// A blob that look-ups could not be derived from must not get in: it would make the ledger unreadable for ever.
func testBadBlob(t *testing.T, b *bench) {
	b.append(t, 3, record(1, 1))
	good := b.next(t, 2, record(1, 2))
	for why, blob := range map[string][]byte{
		"nothing": nil, "garbage": []byte("garbage"), "cut short": good.Blob[:len(good.Blob)-1],
		"with more behind it": append(append([]byte{}, good.Blob...), 0),
	} {
		bad := good
		bad.Blob = blob
		b.refuses(t, why, bad, false)
	}
	for why, stored := range map[string]wire.StoredCommit{
		"of another index": {Version: 1, Index: b.index + 2, First: b.size},
		"with a gap":       {Version: 1, Index: b.index + 1, First: b.size + 1, Entries: []wire.StoredEntry{{Commitment: proof.Hash{1}}}},
		"overlapping":      {Version: 1, Index: b.index + 1, First: b.size - 1, Entries: []wire.StoredEntry{{Commitment: proof.Hash{1}}}},
		"of version 2":     {Version: 2, Index: b.index + 1, First: b.size},
	} {
		bad := row(t, stored)
		bad.Index = b.index + 1
		b.refuses(t, why, bad, false)
	}
	b.check(t)
	b.append(t, 2, record(1, 2))
	b.check(t)
}

// A caller that gives up does not know whether its commit is stored, but the store must, and go on either way.
func testCancelledAppend(t *testing.T, b *bench) {
	b.append(t, 1, record(1, 1))
	for range 5 {
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		c := b.next(t, 1, record(2, b.index+1))
		if b.store.Append(gone, c) == nil {
			b.note(t, c)
			continue
		}
		newest, _, err := b.store.Index(t.Context(), nil, 1)
		if err != nil {
			t.Fatal(err)
		}
		if newest == c.Index {
			b.note(t, c)
		}
		b.append(t, 1, record(3, b.index+1))
	}
	b.check(t)
}

// Look-ups return the commits as they were stored, in order and without gaps, however they are paged.
func testCommits(t *testing.T, b *bench) {
	for i := range 70 {
		b.append(t, i%3, record(i%7, uint64(i+1)))
	}
	for _, limit := range []int{1, 9, 64, 1000} {
		var got []wire.Commit
		for from := uint64(1); ; {
			page, err := b.store.Commits(t.Context(), from, limit)
			if err != nil {
				t.Fatal(err)
			}
			if len(page) > limit {
				t.Fatalf("a page of %d commits, limit %d", len(page), limit)
			}
			if len(page) == 0 {
				break
			}
			got, from = append(got, page...), page[len(page)-1].Index+1
		}
		if diff := cmp.Diff(b.stored, got); diff != "" {
			t.Errorf("pages of %d: (-stored +got)\n%s", limit, diff)
		}
	}
	if bodies, err := b.store.Bodies(t.Context(), 30); err != nil || string(bodies) != "bodies" {
		t.Errorf("bodies of commit 30: %q, %v", bodies, err)
	}
	if bodies, err := b.store.Bodies(t.Context(), 1<<40); err != nil || len(bodies) != 0 {
		t.Errorf("bodies of no commit: %q, %v", bodies, err)
	}
	if page, err := b.store.Commits(t.Context(), 30, 2); err != nil || len(page) != 2 || page[0].Index != 30 || page[1].Index != 31 {
		t.Errorf("commits from 30: %d, %v", len(page), err)
	}
}

// A page of large commits is cut, so that it fits into a frame, and still gets on.
func testLargeCommits(t *testing.T, b *bench) {
	const count, size = 12, 3 << 20
	for i := range count {
		r := record(i, 1)
		r.Sealed = make([]byte, size)
		b.append(t, 1, r)
	}
	for from := uint64(1); from <= count; {
		page, err := b.store.Commits(t.Context(), from, 1000)
		if err != nil || len(page) == 0 || len(page)*size > 16<<20 {
			t.Fatalf("%d commits of %d bytes from %d on, %v", len(page), size, from, err)
		}
		for _, c := range page {
			if c.Index != from || len(c.Blob) < size {
				t.Fatalf("commit %d of %d bytes, want commit %d", c.Index, len(c.Blob), from)
			}
			from++
		}
	}
}

// What was acknowledged is there after the store was closed and opened again, at every length of the ledger.
func testDurable(t *testing.T, b *bench) {
	for i := range 12 {
		for j := range i * i {
			b.append(t, 1+j%3, record(j%11, uint64(100*i+j+1)))
		}
		if i == 6 {
			b.append(t, 0, deletion(3, 9999))
		}
		b.store = b.reopen(t, b.store)
		b.check(t)
		if i > 0 {
			b.refuses(t, "the newest commit again", b.stored[len(b.stored)-1], true)
		}
	}
}

func testClosed(t *testing.T, b *bench) {
	b.append(t, 1)
	c := b.next(t, 1)
	if err := b.store.Close(); err != nil {
		t.Fatal(err)
	}
	if err := b.store.Append(t.Context(), c); err == nil {
		t.Error("a closed store acknowledged a commit")
	}
}
