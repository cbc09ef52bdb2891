package ledger

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/redoubt-kms/redoubt/proof"
)

// Row is one commit as the host stores and returns it.
type Row struct {
	Index  uint64
	Head   []byte     // CBOR of proof.Head
	Tag    proof.Hash // the policy engine's MAC over the head
	Blob   []byte     // CBOR of Commit
	Bodies []byte     // CBOR of the sealed bodies; may be pruned
}

// ErrChain says that a stored commit does not continue the chain of heads.
var ErrChain = errors.New("stored commit does not continue the ledger")

// Tag authenticates a head with a key of the policy engine, so that commits which were stored but not yet anchored
// when the power failed can be told from the host's inventions.
func Tag(key [32]byte, head []byte) proof.Hash {
	mac := hmac.New(sha256.New, key[:])
	mac.Write(head)
	return proof.Hash(mac.Sum(nil))
}

// Follow checks that a row is the commit after a head, by tag, chain and content, and returns what it holds.
func Follow(key [32]byte, previous proof.Head, row Row) (proof.Head, Commit, error) {
	var head proof.Head
	var commit Commit
	want := Tag(key, row.Head)
	if !hmac.Equal(want[:], row.Tag[:]) {
		return head, commit, fmt.Errorf("%w: commit %d is not the policy engine's", ErrChain, row.Index)
	}
	if err := proof.Decode(row.Head, &head); err != nil {
		return head, commit, fmt.Errorf("%w: head %d: %w", ErrChain, row.Index, err)
	}
	link, err := previous.Hash()
	if err != nil {
		return head, commit, err
	}
	if head.Shard != previous.Shard || head.Index != previous.Index+1 || head.Previous != link || head.Epoch < previous.Epoch {
		return head, commit, fmt.Errorf("%w: head %d does not follow head %d", ErrChain, head.Index, previous.Index)
	}
	commit, err = Open(head, row.Blob)
	if err == nil && head.Size != previous.Size+uint64(len(commit.Entries)) {
		err = fmt.Errorf("%w: commit %d has the wrong number of entries", ErrChain, head.Index)
	}
	return head, commit, err
}

// Open reads the stored blob of a commit and checks it against the head that it led to.
func Open(head proof.Head, blob []byte) (Commit, error) {
	var commit Commit
	if sha256.Sum256(blob) != head.Commit {
		return commit, fmt.Errorf("%w: commit %d has other bytes than its head names", ErrChain, head.Index)
	}
	if err := proof.Decode(blob, &commit); err != nil {
		return commit, fmt.Errorf("%w: commit %d: %w", ErrChain, head.Index, err)
	}
	if commit.Version != 1 || commit.Index != head.Index || commit.First+uint64(len(commit.Entries)) != head.Size {
		return commit, fmt.Errorf("%w: commit %d does not fit its head", ErrChain, head.Index)
	}
	return commit, nil
}
