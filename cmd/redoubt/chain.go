package main

import (
	"fmt"

	"github.com/redoubt-kms/redoubt/internal/ledger"
	"github.com/redoubt-kms/redoubt/internal/ledger/state"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

// chain follows the commits of a ledger from its beginning: each must be the policy engine's, continue the one before,
// and hold the bytes that its head names.
type chain struct {
	key    [32]byte   // of the policy engine's tags
	head   proof.Head // newest one that was seen
	wanted proof.Head // one that must be on the way
	passed bool
}

func newChain(shard proof.ID, key [32]byte, wanted proof.Head) (*chain, error) {
	genesis, err := state.Genesis(shard)
	return &chain{key: key, head: genesis, wanted: wanted, passed: wanted == genesis}, err
}

func (c *chain) see(commit wire.Commit) error {
	row := ledger.Row{Index: commit.Index, Head: commit.Head, Tag: commit.Tag, Blob: commit.Blob, Bodies: commit.Bodies}
	head, stored, err := ledger.Follow(c.key, c.head, row)
	if err != nil {
		return err
	}
	c.head = head
	c.passed = c.passed || head == c.wanted
	return checkBodies(row, stored)
}

// check says whether the chain leads over the head that it must.
func (c *chain) check() error {
	switch {
	case c.head.Index < c.wanted.Index:
		return fmt.Errorf("the ledger holds %d commits, the anchor knows %d: it was rolled back or truncated", c.head.Index, c.wanted.Index)
	case !c.passed:
		return fmt.Errorf("head %d of the ledger is not the anchored one: it was forked", c.wanted.Index)
	}
	return nil
}
