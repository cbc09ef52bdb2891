package proof

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"
)

// LeafVersion is the version of the log's leaves.
const LeafVersion = 1

// Leaf returns the log's record for an entry: its version and the commitment to the entry. Its RFC 6962 leaf hash is
// SHA-256(0x00 ‖ version ‖ commitment).
func Leaf(commitment Hash) []byte {
	return append([]byte{LeafVersion}, commitment[:]...)
}

// Commit is the commitment to an entry: SHA-256(salt ‖ entry).
func Commit(salt Hash, entry []byte) Hash {
	h := sha256.New()
	h.Write(salt[:])
	h.Write(entry)
	return Hash(h.Sum(nil))
}

// hashes is a complete list of stored hashes, in tlog's order.
type hashes []Hash

// ReadHashes implements tlog.HashReader.
func (h hashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		if x < 0 || x >= int64(len(h)) {
			return nil, fmt.Errorf("no stored hash %d", x)
		}
		out[i] = h[x]
	}
	return out, nil
}

// Edge lists the stored hashes, by tlog's numbering, that a tree of a size needs in order to grow: the roots of its
// largest complete subtrees, from left to right.
func Edge(size uint64) []int64 {
	var indexes []int64
	start := int64(0)
	for level := 62; level >= 0; level-- {
		if size&(1<<level) != 0 {
			indexes = append(indexes, tlog.StoredHashIndex(level, start>>level))
			start += 1 << level
		}
	}
	return indexes
}

var errPath = errors.New("inclusion path does not fit the tree")

// RootFromPath computes the root of a tree of a size from one leaf and its inclusion path (RFC 9162, section 2.1.3.2).
func RootFromPath(path []Hash, size, index uint64, leaf Hash) (Hash, error) {
	if index >= size {
		return Hash{}, errPath
	}
	inner := bits.Len64(index ^ (size - 1))
	border := bits.OnesCount64(index >> inner)
	if len(path) != inner+border {
		return Hash{}, errPath
	}
	root := leaf
	for i, sibling := range path[:inner] {
		if index>>i&1 == 0 {
			root = tlog.NodeHash(root, sibling)
		} else {
			root = tlog.NodeHash(sibling, root)
		}
	}
	for _, sibling := range path[inner:] {
		root = tlog.NodeHash(sibling, root)
	}
	return root, nil
}

// CheckInclusion checks that the leaf of a commitment is in the log under a root.
func CheckInclusion(path []Hash, size, index uint64, root, commitment Hash) error {
	got, err := RootFromPath(path, size, index, tlog.RecordHash(Leaf(commitment)))
	if err != nil {
		return err
	}
	if got != root {
		return errPath
	}
	return nil
}
