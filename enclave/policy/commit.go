package policy

import (
	"context"
	"crypto/sha256"
	"fmt"
	"runtime"

	"github.com/redoubt-kms/redoubt/internal/failpoint"
	"github.com/redoubt-kms/redoubt/internal/ledger"
	"github.com/redoubt-kms/redoubt/internal/ledger/state"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

// commitLoop stores batches one after the other, and takes its time: see turn.
func (e *Engine) commitLoop(ctx context.Context) error {
	before := newBatch(nil, proof.Head{})
	close(before.anchored)
	close(before.signed)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-e.wake:
		}
		runtime.Gosched() // let those that are nearly there join
		for {
			e.turn(ctx, before)
			proposals := e.take()
			if len(proposals) == 0 {
				break
			}
			b, err := e.commit(ctx, proposals)
			if err != nil {
				return fmt.Errorf("commit: %w", err)
			}
			before = b
			select {
			case e.anchors <- b:
			case <-ctx.Done():
				return nil
			}
		}
	}
}

func (e *Engine) take() []*proposal {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := 0
	for size := 0; n < min(len(e.queue), maxBatch) && size < maxBatchBytes; n++ {
		size += e.queue[n].size()
	}
	taken := e.queue[:n:n]
	e.queue = e.queue[n:]
	return taken
}

// commit seals a batch, has the host store it, and only then lets the index follow.
func (e *Engine) commit(ctx context.Context, proposals []*proposal) (*batch, error) {
	failpoint.Pass(failpoint.PolicyBeforeSeal)
	newest := lastChanges(proposals)
	stored := ledger.Commit{Version: 1, Index: e.head.Index + 1, First: proposals[0].entry.Index}
	var bodies [][]byte
	var items []state.Item
	chains, err := e.number(ctx, proposals, stored.Index)
	if err != nil {
		return nil, err
	}
	for _, p := range proposals {
		records, err := e.sealRecords(p, newest)
		if err != nil {
			return nil, err
		}
		for _, r := range records {
			items = append(items, state.Item{Key: r.Key, Version: r.Version, Hash: r.Hash()})
		}
		stored.Records = append(stored.Records, records...)
		entry, body, err := e.sealEntry(p)
		if err != nil {
			return nil, err
		}
		stored.Entries = append(stored.Entries, entry)
		bodies = append(bodies, body)
	}
	ends, more, err := e.sealEnds(chains)
	if err != nil {
		return nil, err
	}
	stored.Records, items = append(stored.Records, ends...), append(items, more...)
	head, row, err := e.nextHead(stored, items, bodies)
	if err != nil {
		return nil, err
	}
	failpoint.Pass(failpoint.PolicyBeforeCommitFrame)
	if _, err := wire.Ask[wire.Empty](ctx, e.host, wire.KindCommit, row); err != nil {
		return nil, err
	}
	failpoint.Pass(failpoint.PolicyAfterCommit)
	e.stats.committed(proposals, len(items))
	e.settle(head, proposals, newest, chains)
	return newBatch(proposals, head), nil
}

// lastChanges finds, for each record, the last change of the batch: only that one is stored.
func lastChanges(proposals []*proposal) map[ledger.Key]uint64 {
	last := map[ledger.Key]uint64{}
	for _, p := range proposals {
		for _, c := range p.changes {
			last[c.key] = c.version
		}
	}
	return last
}

// sealRecords seals what a proposal changed, and notes every change in its entry. A change that a later one of the
// batch overtakes is in the log but not stored; of a counter, which all requests of a batch may move, it is not sealed
// for that either: the entry tells of it among its counters.
func (e *Engine) sealRecords(p *proposal, newest map[ledger.Key]uint64) ([]ledger.Record, error) {
	var records []ledger.Record
	for _, c := range p.changes {
		if c.key.Kind() == ledger.KindUsage && newest[c.key] != c.version {
			continue
		}
		r := ledger.Record{Key: c.key, Version: c.version, Sealed: c.sealed}
		if c.value != nil && c.sealed == nil {
			plain, err := proof.Encode(c.value)
			if err != nil {
				return nil, err
			}
			if r.Sealed, err = e.recordKey.Seal(ledger.Context(c.key, c.version), plain); err != nil {
				return nil, err
			}
		}
		noted := ledger.Change{Key: c.key, Version: c.version}
		if len(r.Sealed) > 0 {
			noted.Hash = r.Hash()
		}
		p.entry.Changes = append(p.entry.Changes, noted)
		if newest[c.key] == c.version {
			records = append(records, r)
		}
	}
	return records, nil
}

func (e *Engine) sealEntry(p *proposal) (ledger.Stored, []byte, error) {
	var err error
	if p.encoded, err = proof.Encode(p.entry); err != nil {
		return ledger.Stored{}, nil, err
	}
	p.salt = ledger.Salt(e.logKey, p.entry.Organization, p.entry.Index)
	context := ledger.EntryContext(p.entry.Index)
	sealed, err := e.entryKey.Seal(context, p.encoded)
	if err != nil {
		return ledger.Stored{}, nil, err
	}
	body, err := e.entryKey.Seal(append(context, "body"...), p.body)
	if err != nil {
		return ledger.Stored{}, nil, err
	}
	return ledger.Stored{Commitment: ledger.Commitment(p.salt, p.encoded), Sealed: sealed, Body: sha256.Sum256(body)}, body, nil
}

// nextHead moves tree and index on and makes the head and the row to store. When the row is then not stored, the engine
// stops, so that what moved here does not matter.
func (e *Engine) nextHead(stored ledger.Commit, items []state.Item, bodies [][]byte) (proof.Head, wire.Commit, error) {
	e.treeMu.Lock()
	defer e.treeMu.Unlock()
	for _, entry := range stored.Entries {
		if err := e.tree.Append(entry.Commitment); err != nil {
			return proof.Head{}, wire.Commit{}, err
		}
	}
	state := e.moveIndex(items)
	blob, err := proof.Encode(stored)
	if err != nil {
		return proof.Head{}, wire.Commit{}, err
	}
	head := e.head
	head.Epoch, head.Index, head.Size, head.State, head.Commit = e.epoch, e.head.Index+1, e.tree.Size(), state, sha256.Sum256(blob)
	if head.Previous, err = e.head.Hash(); err != nil {
		return head, wire.Commit{}, err
	}
	if head.Root, err = e.tree.Root(); err != nil {
		return head, wire.Commit{}, err
	}
	encoded, err := proof.Encode(head)
	if err != nil {
		return head, wire.Commit{}, err
	}
	sealedBodies, err := proof.Encode(bodies)
	row := wire.Commit{Index: head.Index, Head: encoded, Tag: ledger.Tag(e.headKey, encoded), Blob: blob, Bodies: sealedBodies}
	return head, row, err
}

// moveIndex folds the changed records into the index and its digest, each once.
func (e *Engine) moveIndex(items []state.Item) proof.Hash {
	if len(items) == 0 {
		return e.head.State
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	empty := ledger.Record{}.Hash()
	for _, item := range items {
		if item.Hash == empty {
			e.index.Delete(item.Key)
		} else {
			e.index.Put(item)
		}
	}
	return e.index.Sum()
}

// settle is after the commit: what was dirty is now what the host returns.
func (e *Engine) settle(head proof.Head, proposals []*proposal, newest map[ledger.Key]uint64, chains chained) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.head = head
	chains.keep(e)
	for _, p := range proposals {
		for _, c := range p.changes {
			if newest[c.key] != c.version {
				continue
			}
			if e.dirty[c.key].version == c.version {
				delete(e.dirty, c.key)
			}
			if c.value != nil && c.sealed == nil {
				e.records.put(c.key, c.version, c.value)
			} else {
				e.records.drop(c.key)
			}
		}
		e.replays.committed(p.replay, head.Index, ledger.Commitment(p.salt, p.encoded), p.entry.Time)
	}
}
