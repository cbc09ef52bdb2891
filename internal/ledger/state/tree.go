package state

import (
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/redoubt-kms/redoubt/proof"
)

// Tree is the right edge of the log: enough to append, to compute the root, and to prove the inclusion of what was
// appended since the last Trim. It is not safe for concurrent use.
type Tree struct {
	size int64
	kept map[int64]tlog.Hash // stored hashes by tlog's numbering
}

// NewTree returns the tree of an empty log.
func NewTree() *Tree { return &Tree{kept: map[int64]tlog.Hash{}} }

// OpenTree returns the tree of a log of a size, given the hashes of its right edge in the order of proof.Edge.
func OpenTree(size uint64, edge []proof.Hash) (*Tree, error) {
	t := &Tree{size: int64(size), kept: map[int64]tlog.Hash{}}
	indexes := proof.Edge(size)
	if len(edge) != len(indexes) {
		return nil, fmt.Errorf("right edge of %d hashes, want %d", len(edge), len(indexes))
	}
	for i, x := range indexes {
		t.kept[x] = edge[i]
	}
	return t, nil
}

// Size returns the number of entries.
func (t *Tree) Size() uint64 { return uint64(t.size) }

// Append adds the leaf of an entry's commitment.
func (t *Tree) Append(commitment proof.Hash) error {
	hashes, err := tlog.StoredHashesForRecordHash(t.size, tlog.RecordHash(proof.Leaf(commitment)), t)
	if err != nil {
		return err
	}
	first := tlog.StoredHashIndex(0, t.size)
	for i, h := range hashes {
		t.kept[first+int64(i)] = h
	}
	t.size++
	return nil
}

// Root returns the root of the whole log.
func (t *Tree) Root() (proof.Hash, error) { return tlog.TreeHash(t.size, t) }

// Prove returns the inclusion path of an entry in the log of a size, which may be smaller than the log is now. Both
// must be newer than the last Trim.
func (t *Tree) Prove(size, index uint64) ([]proof.Hash, error) {
	return tlog.ProveRecord(int64(size), int64(index), t)
}

// Trim forgets what is not needed to grow from a size on, or to prove what was appended after it.
func (t *Tree) Trim(size uint64) {
	first := tlog.StoredHashIndex(0, int64(size))
	edge := map[int64]bool{}
	for _, x := range proof.Edge(size) {
		edge[x] = true
	}
	for x := range t.kept {
		if x < first && !edge[x] {
			delete(t.kept, x)
		}
	}
}

// ReadHashes implements tlog.HashReader.
func (t *Tree) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		h, ok := t.kept[x]
		if !ok {
			return nil, fmt.Errorf("hash %d of the log is not at hand", x)
		}
		out[i] = h
	}
	return out, nil
}
