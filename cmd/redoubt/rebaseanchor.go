package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/redoubt-kms/redoubt/enclave/certifier"
	"github.com/redoubt-kms/redoubt/internal/id"
	"github.com/redoubt-kms/redoubt/internal/ledger/state"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

// departure is what a rebase leads away from: the anchor, or, when that is lost, what the backup kept of it.
type departure struct {
	certifier.Peeked
	lost bool
}

// departure looks for the anchor. One that is there but cannot be read is not lost by itself: an operator decides that.
func (d deployment) departure() (departure, error) {
	f, err := os.Open(d.anchorFile())
	if errors.Is(err, os.ErrNotExist) {
		return d.witness()
	}
	if err != nil {
		return departure{}, err
	}
	defer f.Close()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB); err != nil {
		return departure{}, errors.New("a certifier uses the anchor: stop the server first")
	}
	peeked, err := certifier.Peek(f)
	if err == nil {
		return departure{Peeked: peeked}, nil
	}
	b, readErr := io.ReadAll(io.LimitReader(f, 1<<20))
	if readErr != nil {
		return departure{}, readErr
	}
	if len(bytes.Trim(b, "\x00")) > 0 {
		return departure{}, fmt.Errorf("%s is damaged: %w; if it cannot be repaired, move it away", d.anchorFile(), err)
	}
	return d.witness() // a rebase made it, and was not taken yet
}

func (d deployment) witness() (departure, error) {
	b, err := os.ReadFile(d.kept())
	if errors.Is(err, os.ErrNotExist) {
		return departure{}, fmt.Errorf("the anchor is lost, and so is %s, with which 'redoubt restore' shows the certifier what it wrote itself; restore a backup", d.kept())
	}
	if err != nil {
		return departure{}, err
	}
	var kept keptAnchor
	if err := proof.Decode(b, &kept); err != nil || kept.Version != 1 {
		return departure{}, fmt.Errorf("%s cannot be read; restore the backup again", d.kept())
	}
	peeked, err := certifier.PeekWitness(kept.Witness)
	return departure{peeked, true}, err
}

// newestHead verifies the whole ledger and returns its head.
func (d deployment) newestHead(c *cobra.Command, m proof.Manifest, from departure) (proof.Head, error) {
	genesis, err := state.Genesis(m.Shard)
	if err != nil {
		return genesis, err
	}
	v := &folderVerifier{head: genesis, tree: state.NewTree(), index: state.NewIndex(), headKey: d.headKey(), tail: &newest{}, anchored: from.Head, matched: from.Head == genesis}
	see, done := progress(c, "verify", from.Head.Index, v.see)
	err = d.commits(c.Context(), see)
	done()
	if err != nil {
		return v.head, err
	}
	if v.matched && !from.lost && !from.Pending && v.head.Index <= from.Head.Index+maxAhead {
		return v.head, fmt.Errorf("there is nothing to rebase: the ledger is the one that the anchor knows, with %d commits", v.head.Index)
	}
	return v.head, nil
}

// statement says what the operator signs.
func (o rebaseOptions) statement(m proof.Manifest, onto proof.Head, from departure) (proof.Rebase, error) {
	hash, err := m.Hash()
	if err != nil {
		return proof.Rebase{}, err
	}
	now := uint64(time.Now().UnixMilli())
	if now < from.Time {
		return proof.Rebase{}, fmt.Errorf("this machine's clock is behind the time that was anchored, %s: set it right", time.UnixMilli(int64(from.Time)).UTC().Format(time.RFC3339))
	}
	return proof.Rebase{
		Version: 1, Shard: m.Shard, Manifest: hash, Onto: onto, From: from.Head, Lost: from.lost, Reason: o.reason,
		Time: now, NotBefore: now + uint64(o.quiet.Milliseconds()), Nonce: id.Random(),
	}, nil
}

// leave writes the statement for the certifier, and, when the anchor is lost, an empty file in its place: in this order,
// so that there is never an anchor without a statement. Only the certifier can make an anchor of it.
func (d deployment) leave(signed proof.SignedRebase, from departure) error {
	statement, err := proof.Encode(signed)
	if err != nil {
		return err
	}
	order := wire.RebaseOrder{Version: 1, Statement: statement}
	if from.lost {
		order.Witness = from.Witness
	}
	b, err := proof.Encode(order)
	if err != nil {
		return err
	}
	next := d.order() + ".next"
	if err := os.RemoveAll(next); err != nil {
		return err
	}
	if err := writeNew(next, b); err != nil {
		return err
	}
	if err := errors.Join(os.Rename(next, d.order()), syncFolder(d.dir)); err != nil {
		return err
	}
	if !from.lost || there(d.anchorFile()) {
		return nil
	}
	if err := os.MkdirAll(d.anchor, 0o700); err != nil {
		return err
	}
	return errors.Join(writeNew(d.anchorFile(), nil), syncFolder(d.anchor))
}
