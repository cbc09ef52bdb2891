package state_test

import (
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/redoubt-kms/redoubt/internal/ledger"
	"github.com/redoubt-kms/redoubt/internal/ledger/state"
	"github.com/redoubt-kms/redoubt/proof"
)

func key(n uint64) ledger.Key {
	var a proof.ID
	binary.BigEndian.PutUint64(a[:], n)
	return ledger.NewKey(ledger.KindWallet, a, a)
}

func hash(n uint64) proof.Hash { return sha256.Sum256(binary.BigEndian.AppendUint64(nil, n)) }

// The digest of a set must not depend on the way that led to it.
func TestDigestIsAMultisetHash(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	there := map[ledger.Key]state.Item{}
	walked := state.NewIndex()
	for range 2000 {
		k := key(r.Uint64N(50))
		if r.IntN(3) == 0 {
			walked.Delete(k)
			delete(there, k)
			continue
		}
		item := state.Item{Key: k, Version: r.Uint64N(9), Hash: hash(r.Uint64N(1000))}
		walked.Put(item)
		there[k] = item
	}
	direct := state.NewIndex()
	for n := range uint64(50) {
		if item, ok := there[key(n)]; ok {
			if err := direct.Load([]state.Item{item}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if walked.Sum() != direct.Sum() || walked.Len() != direct.Len() {
		t.Fatal("the digest depends on the order of changes")
	}
	direct.Put(state.Item{Key: key(3), Version: 77, Hash: hash(1)})
	if walked.Sum() == direct.Sum() {
		t.Fatal("another version has the same digest")
	}
}

func TestLoadRefusesRepeatedItems(t *testing.T) {
	x := state.NewIndex()
	for _, n := range []uint64{1, 2, 5} {
		if err := x.Load([]state.Item{{Key: key(n)}}); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range []uint64{5, 4} {
		if err := x.Load([]state.Item{{Key: key(n)}}); err == nil {
			t.Errorf("item %d was accepted after item 5", n)
		}
	}
}

func TestRangeYieldsOneOrganization(t *testing.T) {
	x := state.NewIndex()
	org, other := proof.ID{1}, proof.ID{2}
	for i := range byte(5) {
		x.Put(state.Item{Key: ledger.NewKey(ledger.KindWallet, org, proof.ID{i})})
		x.Put(state.Item{Key: ledger.NewKey(ledger.KindWallet, other, proof.ID{i})})
		x.Put(state.Item{Key: ledger.NewKey(ledger.KindTag, org, proof.ID{i})})
	}
	n := byte(0)
	for item := range x.Range(ledger.KindWallet, org) {
		if item.Key.Second() != (proof.ID{n}) || item.Key.First() != org {
			t.Errorf("item %d is %x", n, item.Key)
		}
		n++
	}
	if n != 5 {
		t.Errorf("%d items, want 5", n)
	}
}

// A tree that keeps only its right edge must agree with tlog's own over all hashes, also after it was reopened.
func TestTreeAgreesWithFullTree(t *testing.T) {
	full := fullTree{}
	edge := state.NewTree()
	for n := range uint64(300) {
		c := hash(n)
		stored, err := tlog.StoredHashes(int64(n), proof.Leaf(c), &full)
		if err != nil {
			t.Fatal(err)
		}
		full = append(full, stored...)
		if err := edge.Append(c); err != nil {
			t.Fatal(err)
		}
		want, err := tlog.TreeHash(int64(n+1), &full)
		if err != nil {
			t.Fatal(err)
		}
		got, err := edge.Root()
		if err != nil || got != want {
			t.Fatalf("size %d: root %v, want %v (%v)", n+1, got, want, err)
		}
		path, err := edge.Prove(n+1, n)
		if err != nil {
			t.Fatal(err)
		}
		if err := proof.CheckInclusion(path, n+1, n, want, c); err != nil {
			t.Fatalf("size %d: %v", n+1, err)
		}
		if n%7 == 0 {
			hashes, err := full.ReadHashes(proof.Edge(n + 1))
			if err != nil {
				t.Fatal(err)
			}
			if edge, err = state.OpenTree(n+1, hashes); err != nil {
				t.Fatal(err)
			}
		} else if n%5 == 0 {
			edge.Trim(n + 1)
		}
	}
}

func TestRootFromPathAgreesWithTlog(t *testing.T) {
	full := fullTree{}
	for n := range uint64(40) {
		stored, err := tlog.StoredHashes(int64(n), proof.Leaf(hash(n)), &full)
		if err != nil {
			t.Fatal(err)
		}
		full = append(full, stored...)
		for i := range n + 1 {
			path, err := tlog.ProveRecord(int64(n+1), int64(i), &full)
			if err != nil {
				t.Fatal(err)
			}
			root, _ := tlog.TreeHash(int64(n+1), &full)
			if err := proof.CheckInclusion(path, n+1, i, root, hash(i)); err != nil {
				t.Errorf("size %d index %d: %v", n+1, i, err)
			}
			if proof.CheckInclusion(path, n+1, i, root, hash(i+1)) == nil {
				t.Errorf("size %d index %d: another leaf passes", n+1, i)
			}
		}
	}
}

type fullTree []tlog.Hash

func (f *fullTree) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		out[i] = (*f)[x]
	}
	return out, nil
}

func BenchmarkDigestChange(b *testing.B) {
	var d state.Digest
	for b.Loop() {
		d.Add(key(1), 1, proof.Hash{})
	}
}
