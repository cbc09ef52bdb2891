package evm

import (
	"math/big"
	"slices"

	"github.com/redoubt-kms/redoubt/chain"
	"github.com/redoubt-kms/redoubt/chain/evm/rlp"
)

const (
	gasPerBlob  = 1 << 17 // EIP-4844
	blobVersion = 0x01    // first byte of the hash of a KZG commitment
)

// MaxBlobFee is the most wei paid for a unit of blob gas; nil for every other kind.
func (t *Transaction) MaxBlobFee() *big.Int { return clone(t.blobFee) }

// BlobHashes name the blobs that a blob transaction publishes, by their versioned hashes.
func (t *Transaction) BlobHashes() [][32]byte { return slices.Clone(t.blobs) }

// readBlobs reads what a blob transaction has after the access list. The blobs themselves, their commitments and
// proofs travel beside the transaction and are no part of what is signed.
func (t *Transaction) readBlobs(r *rlp.Reader) error {
	var err error
	if t.blobFee, err = r.Uint(256); err != nil {
		return err
	}
	list, err := r.List()
	for err == nil && list.More() {
		var hash []byte
		if hash, err = list.Fixed(32); err == nil {
			t.blobs = append(t.blobs, [32]byte(hash))
		}
	}
	return err
}

func (t *Transaction) appendBlobs(out []byte) []byte {
	var list []byte
	for _, h := range t.blobs {
		list = rlp.AppendBytes(list, h[:])
	}
	return rlp.AppendList(rlp.AppendUint(out, t.blobFee), list)
}

// checkBlobs wants what every network wants of a blob transaction whatever its limits.
func (t *Transaction) checkBlobs() error {
	switch {
	case t.to == nil:
		return chain.Malformed(0, "a blob transaction has a receiver")
	case len(t.blobs) == 0:
		return chain.Malformed(0, "a blob transaction names at least one blob")
	}
	for i, h := range t.blobs {
		if h[0] != blobVersion {
			return chain.Malformed(0, "blob hash %d is not of version 1", i)
		}
	}
	return nil
}

// blobCost is the most wei that the blobs can take.
func (t *Transaction) blobCost() *big.Int {
	if t.blobFee == nil {
		return new(big.Int)
	}
	gas := big.NewInt(int64(len(t.blobs)) * gasPerBlob)
	return gas.Mul(gas, t.blobFee)
}
