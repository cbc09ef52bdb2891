package certifier

import (
	"github.com/redoubt-kms/redoubt/internal/failpoint"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

// open makes the caller the writer. The epoch before is fenced: whoever still writes under it is refused from now on.
func (c *Certifier) open(wire.Empty) (wire.Opened, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	next := c.state
	next.Epoch++
	receipt, err := c.store(next)
	r := c.state.Rebased
	return wire.Opened{Epoch: c.state.Epoch, Receipt: receipt, Rebased: wire.Rebased{Statement: []byte(r.Statement), Time: r.Time, Pending: r.Pending}}, err
}

// moveAnchor moves the anchor along a chain of heads by compare-and-swap: the first must follow the newest head.
func (c *Certifier) moveAnchor(request wire.AnchorRequest) (wire.Anchored, error) {
	failpoint.Pass(failpoint.CertifierReceived)
	c.mu.Lock()
	defer c.mu.Unlock()
	if request.Epoch != c.state.Epoch {
		return wire.Anchored{}, wire.Faultf("fenced", "epoch %d has ended: another writer opened epoch %d", request.Epoch, c.state.Epoch)
	}
	next := c.state
	for _, head := range request.Heads {
		if err := follows(next.Head, head, c.state.Epoch); err != nil {
			return wire.Anchored{}, err
		}
		if head.Epoch < next.Rebased.Epoch {
			return wire.Anchored{}, wire.Faultf("refused", "head %d was written before the ledger was rebased", head.Index)
		}
		next.Head, next.Rebased.Pending = head, false
	}
	receipt, err := c.store(next)
	c.stats.anchored(len(request.Heads), err)
	failpoint.Pass(failpoint.CertifierBeforeReply)
	return wire.Anchored{Receipt: receipt}, err
}

func follows(previous, head proof.Head, epoch uint64) error {
	link, err := previous.Hash()
	if err != nil {
		return err
	}
	switch {
	case head.Version != 1 || head.Shard != previous.Shard:
		return wire.Faultf("refused", "head %d is of another version or shard", head.Index)
	case head.Index != previous.Index+1 || head.Previous != link:
		return wire.Faultf("conflict", "head %d does not follow the anchored head %d", head.Index, previous.Index)
	case head.Size < previous.Size || head.Epoch < previous.Epoch || head.Epoch > epoch:
		return wire.Faultf("refused", "head %d runs backwards", head.Index)
	}
	return nil
}

// store makes a state durable and returns the receipt for it. The file is synced before the receipt exists.
func (c *Certifier) store(next anchored) (proof.SignedReceipt, error) {
	now, err := c.clock.now()
	if err != nil {
		return proof.SignedReceipt{}, wire.Faultf("clock", "%v", err)
	}
	next.Time = now
	next.Sequence = c.state.Sequence + 1
	if err := c.anchor.write(next); err != nil {
		return proof.SignedReceipt{}, wire.Faultf("anchor", "the anchor cannot be written: %v", err)
	}
	c.state = next
	failpoint.Pass(failpoint.CertifierAfterSync)
	c.stats.receipts.Add(1)
	return c.receipt()
}

func (c *Certifier) receipt() (proof.SignedReceipt, error) {
	return proof.SignReceipt(c.key, proof.Receipt{Version: 1, Head: c.state.Head, Time: c.state.Time, Manifest: c.manifest})
}

// newest returns the receipt for the newest head at this time. The time is made durable like a head: it is told to
// others, and must not fall when we restart on a machine whose clock was set back.
func (c *Certifier) newest(wire.Empty) (wire.Anchored, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	receipt, err := c.store(c.state)
	return wire.Anchored{Receipt: receipt}, err
}

// note signs the newest head as a checkpoint (C2SP tlog-checkpoint) for those who watch the log.
func (c *Certifier) note(wire.Empty) (wire.Note, error) {
	c.mu.Lock()
	head := c.state.Head
	c.mu.Unlock()
	signed, err := proof.SignCheckpoint(c.key, proof.Checkpoint{Origin: proof.CheckpointOrigin(head.Shard), Size: head.Size, Root: head.Root})
	if err != nil {
		return wire.Note{}, err
	}
	own := c.vault.Keys.Certificate()
	if own == nil {
		return wire.Note{}, wire.Faultf("unavailable", "the certifier has no certificate yet")
	}
	return wire.Note{Checkpoint: signed, Certifier: *own}, nil
}
