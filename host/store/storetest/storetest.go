// Package storetest holds the one conformance suite of [desk.Store]. Every store runs it, so that the policy engine
// meets the same behaviour whatever keeps the ledger.
package storetest

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"

	"github.com/redoubt-kms/redoubt/host/desk"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

// Test runs the suite. open makes a new and empty store; reopen closes a store and opens the same ledger again. Both
// leave it to the test's cleanup to close what they return.
func Test(t *testing.T, open func(t *testing.T) desk.Store, reopen func(t *testing.T, s desk.Store) desk.Store) {
	for name, run := range map[string]func(*testing.T, *bench){
		"AppendFollows":     testAppendFollows,
		"AppendRaces":       testAppendRaces,
		"BadBlob":           testBadBlob,
		"CancelledAppend":   testCancelledAppend,
		"CommitsInOrder":    testCommits,
		"LargeCommits":      testLargeCommits,
		"RecordsAreNewest":  testRecords,
		"RecordsOfBadKeys":  testBadKeys,
		"IndexPages":        testIndexPages,
		"IndexIsSnapshot":   testIndexWhileAppending,
		"HashesAreTlogs":    testHashes,
		"Durable":           testDurable,
		"ReadersAndWriter":  testReaders,
		"EmptyLedger":       testEmpty,
		"AppendAfterClosed": testClosed,
	} {
		t.Run(name, func(t *testing.T) { run(t, &bench{store: open(t), reopen: reopen}) })
	}
}

// bench is a store under test, with the ledger that is written into it.
type bench struct {
	store  desk.Store
	reopen func(*testing.T, desk.Store) desk.Store

	index, size uint64
	stored      []wire.Commit
	leaves      []proof.Hash // commitments
	records     map[wire.Key]wire.StoredRecord
}

// key makes the key of the n-th record.
func key(n int) wire.Key {
	return wire.NewKey(wire.RecordKind(1+n%3), proof.ID{byte(n >> 8), byte(n)}, proof.ID{1})
}

// record makes a version of the n-th record; version 0 of the contents deletes it.
func record(n int, version uint64) wire.StoredRecord {
	return wire.StoredRecord{Key: key(n), Version: version, Sealed: fmt.Appendf(nil, "record %d, version %d", n, version)}
}

func deletion(n int, version uint64) wire.StoredRecord {
	return wire.StoredRecord{Key: key(n), Version: version}
}

// next makes the commit that follows, with so many entries, and does not store it.
func (b *bench) next(t *testing.T, entries int, records ...wire.StoredRecord) wire.Commit {
	t.Helper()
	stored := wire.StoredCommit{Version: 1, Index: b.index + 1, First: b.size, Records: records}
	for i := range entries {
		commitment := proof.Hash(sha256.Sum256(fmt.Appendf(nil, "entry %d", b.size+uint64(i))))
		stored.Entries = append(stored.Entries, wire.StoredEntry{Commitment: commitment, Sealed: []byte("sealed")})
	}
	return row(t, stored)
}

func row(t *testing.T, stored wire.StoredCommit) wire.Commit {
	t.Helper()
	blob, err := proof.Encode(stored)
	if err != nil {
		t.Fatal(err)
	}
	head := fmt.Appendf(nil, "head %d", stored.Index)
	return wire.Commit{Index: stored.Index, Head: head, Tag: sha256.Sum256(head), Blob: blob, Bodies: []byte("bodies")}
}

// note takes a commit that was stored into the account.
func (b *bench) note(t *testing.T, c wire.Commit) {
	t.Helper()
	stored, err := wire.ReadStored(c.Blob)
	if err != nil {
		t.Fatal(err)
	}
	if b.records == nil {
		b.records = map[wire.Key]wire.StoredRecord{}
	}
	for _, r := range stored.Records {
		if b.records[r.Key] = r; len(r.Sealed) == 0 {
			delete(b.records, r.Key)
		}
	}
	for _, e := range stored.Entries {
		b.leaves = append(b.leaves, e.Commitment)
	}
	c.Bodies = nil // a look-up leaves them out
	b.index, b.size, b.stored = c.Index, b.size+uint64(len(stored.Entries)), append(b.stored, c)
}

// append stores the commit that follows.
func (b *bench) append(t *testing.T, entries int, records ...wire.StoredRecord) {
	t.Helper()
	c := b.next(t, entries, records...)
	if err := b.store.Append(t.Context(), c); err != nil {
		t.Fatalf("commit %d: %v", c.Index, err)
	}
	b.note(t, c)
}

// refuses checks that a commit is not stored.
func (b *bench) refuses(t *testing.T, why string, c wire.Commit, conflict bool) {
	t.Helper()
	err := b.store.Append(t.Context(), c)
	if err == nil || errors.Is(err, desk.ErrConflict) != conflict {
		t.Errorf("%s: error %v; want one, that of a conflict: %v", why, err, conflict)
	}
}
