package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/redoubt-kms/redoubt/cmd/redoubt/backup"
	"github.com/redoubt-kms/redoubt/enclave/certifier"
	"github.com/redoubt-kms/redoubt/host/connect/shelf"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

// unpacked takes what a backup holds, and checks each part against those before it: the manifest, the keys that it names,
// the anchor of its shard, and the chain of commits that leads over the anchored head. Rows of logins stand for themselves.
type unpacked struct {
	ctx      context.Context
	at       deployment
	pinned   string
	manifest *proof.Manifest
	keys     keySet
	anchor   *certifier.Peeked
	chain    *chain
	ledger   importer
	rows     kept
	shelf    shelf.Importer // nil without rows
	show     func(done, all uint64)
	done     func()
}

var _ backup.Taker = (*unpacked)(nil)

// Manifest implements backup.Taker.
func (u *unpacked) Manifest(b []byte) error {
	var signed proof.SignedManifest
	if err := proof.Decode(b, &signed); err != nil {
		return fmt.Errorf("%w: manifest: %w", backup.ErrBackup, err)
	}
	if err := signed.Verify(); err != nil {
		return err
	}
	hash, err := signed.Manifest.Hash()
	if err != nil {
		return err
	}
	if found := hex.EncodeToString(hash[:]); u.pinned != "" && u.pinned != found {
		return fmt.Errorf("the manifest of this backup is %s, not %s", found, u.pinned)
	}
	u.manifest = &signed.Manifest
	return writeNew(u.at.manifest(), b)
}

// Key implements backup.Taker.
func (u *unpacked) Key(name string, secret []byte) error {
	if u.manifest == nil || !slices.Contains(keyNames(), name) {
		return fmt.Errorf("%w: a key %q has no place in it", backup.ErrBackup, name)
	}
	if err := checkKey(*u.manifest, name, secret); err != nil {
		return err
	}
	u.keys[name] = secret
	return writeNew(u.at.key(name), secret)
}

// Anchor implements backup.Taker.
func (u *unpacked) Anchor(b []byte) error {
	var kept keptAnchor
	if err := proof.Decode(b, &kept); err != nil || kept.Version != 1 {
		return fmt.Errorf("%w: what it keeps of the anchor cannot be read", backup.ErrBackup)
	}
	peeked, err := certifier.PeekWitness(kept.Witness)
	if err != nil {
		return err
	}
	u.anchor = &peeked
	return writeNew(u.at.kept(), b)
}

// Commit implements backup.Taker.
func (u *unpacked) Commit(c wire.Commit) error {
	if err := u.begin(); err != nil {
		return err
	}
	if err := u.chain.see(c); err != nil {
		return err
	}
	all := max(u.anchor.Head.Index, c.Index)
	u.show(c.Index, all)
	return u.ledger.Add(u.ctx, c)
}

// begin opens the ledger once the rest is there.
func (u *unpacked) begin() error {
	if u.chain != nil {
		return nil
	}
	if u.manifest == nil || u.anchor == nil {
		return fmt.Errorf("%w: it lacks its manifest or its anchor", backup.ErrBackup)
	}
	for _, name := range keyNames() {
		if _, ok := u.keys[name]; !ok && name != keyOperator {
			return fmt.Errorf("%w: it lacks the key %s", backup.ErrBackup, name)
		}
	}
	key, err := u.keys.headKey()
	if err != nil {
		return err
	}
	if u.chain, err = newChain(u.manifest.Shard, key, u.anchor.Head); err != nil {
		return err
	}
	ledger, err := u.at.importer(u.ctx)
	if err != nil {
		return err
	}
	u.ledger = ledger
	return nil
}

// finish checks that the whole of it is what the contents say, and makes it durable.
func (u *unpacked) finish(told backup.Contents) error {
	if err := u.begin(); err != nil { // a ledger without commits
		return err
	}
	if err := u.chain.check(); err != nil {
		return err
	}
	is, err := contentsOf(*u.manifest, u.chain.head)
	if err != nil {
		return err
	}
	if is.Shard != told.Shard || is.Manifest != told.Manifest || is.Commits != told.Commits || is.Entries != told.Entries || is.Root != told.Root ||
		u.rows != (kept{told.Apps, told.Passkeys}) {
		return fmt.Errorf("%w: it is not what its contents say", backup.ErrBackup)
	}
	ledger := u.ledger
	u.ledger = nil
	if err := ledger.Finish(u.ctx); err != nil {
		return err
	}
	return u.finishRows()
}

func (u *unpacked) close() {
	u.keys.clear()
	if u.ledger != nil {
		u.ledger.Abort()
	}
	if u.shelf != nil {
		u.shelf.Abort()
	}
}
