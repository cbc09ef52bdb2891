package state

import (
	"bytes"
	"errors"
	"iter"

	"github.com/google/btree"

	"github.com/redoubt-kms/redoubt/internal/ledger"
	"github.com/redoubt-kms/redoubt/proof"
)

// Item is what the policy engine keeps in memory of a record.
type Item struct {
	Key     ledger.Key
	Version uint64
	Hash    proof.Hash
}

// Index is the ordered list of all records, with its digest. It is not safe for concurrent use.
type Index struct {
	tree   *btree.BTreeG[Item]
	digest Digest
}

// NewIndex returns an empty index.
func NewIndex() *Index {
	return &Index{tree: btree.NewG(64, func(a, b Item) bool { return bytes.Compare(a.Key[:], b.Key[:]) < 0 })}
}

// Clone returns a copy that changes apart from the original.
func (x *Index) Clone() *Index { return &Index{tree: x.tree.Clone(), digest: x.digest} }

// Get returns the current version and hash of a record, or that there is none.
func (x *Index) Get(key ledger.Key) (Item, bool) { return x.tree.Get(Item{Key: key}) }

// Len returns the number of records.
func (x *Index) Len() int { return x.tree.Len() }

// Sum returns the digest of all records.
func (x *Index) Sum() proof.Hash { return x.digest.Sum() }

// Put replaces a record in the index and in its digest.
func (x *Index) Put(item Item) {
	old, existed := x.tree.ReplaceOrInsert(item)
	if existed {
		x.digest.Remove(old.Key, old.Version, old.Hash)
	}
	x.digest.Add(item.Key, item.Version, item.Hash)
}

// Delete removes a record from the index and from its digest.
func (x *Index) Delete(key ledger.Key) {
	if old, existed := x.tree.Delete(Item{Key: key}); existed {
		x.digest.Remove(old.Key, old.Version, old.Hash)
	}
}

// ErrOrder says that a stream of items does not strictly ascend.
var ErrOrder = errors.New("index is not strictly ordered: an item was repeated or moved")

// Load appends items that come after all others, in their order. A repeated item is refused because 2^16 copies of one
// vanish from the digest.
func (x *Index) Load(items []Item) error {
	last, some := x.tree.Max()
	for _, item := range items {
		if some && bytes.Compare(item.Key[:], last.Key[:]) <= 0 {
			return ErrOrder
		}
		x.tree.ReplaceOrInsert(item)
		last, some = item, true
	}
	x.digest.addAll(items)
	return nil
}

// Snapshot returns the records as they are now, to be walked beside changes. It has no digest.
func (x *Index) Snapshot() *Index { return &Index{tree: x.tree.Clone()} }

// Range yields the records of a kind with a first identifier, in the order of their second one.
func (x *Index) Range(kind ledger.Kind, first proof.ID) iter.Seq[Item] {
	start := ledger.NewKey(kind, first, proof.ID{})
	return func(yield func(Item) bool) {
		x.tree.AscendGreaterOrEqual(Item{Key: start}, func(item Item) bool {
			return bytes.Equal(item.Key[:18], start[:18]) && yield(item)
		})
	}
}
