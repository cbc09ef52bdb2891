// Package state is what the policy engine keeps in memory of the ledger: the index of all records with its digest, and
// the right edge of the log. From them it knows whether what the host hands over is current, and computes the next head.
package state

import "github.com/redoubt-kms/redoubt/proof"

// Genesis is the head of an empty shard.
func Genesis(shard proof.ID) (proof.Head, error) {
	root, err := NewTree().Root()
	if err != nil {
		return proof.Head{}, err
	}
	return proof.Head{
		Version: 1, Shard: shard, Root: root, State: NewIndex().Sum(),
		StateAlg: proof.StateAlgorithm, TreeAlg: proof.TreeAlgorithm,
	}, nil
}
