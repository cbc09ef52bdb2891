package policy

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redoubt-kms/redoubt/internal/ledger"
	"github.com/redoubt-kms/redoubt/internal/wire"
)

// stats are plain counters. All that goes into them of a request is that there was one.
type stats struct {
	allowed, denied, commits, changed atomic.Uint64
	repeated                          atomic.Uint64
	recordHits, recordMisses          atomic.Uint64
	accountHits, accountMisses        atomic.Uint64
}

// committed counts a commit that is stored.
func (s *stats) committed(proposals []*proposal, records int) {
	var allowed, denied uint64
	for _, p := range proposals {
		switch p.entry.Decision { //nolint:exhaustive // what waits is neither
		case ledger.Allowed:
			allowed++
		case ledger.Denied:
			denied++
		}
	}
	s.commits.Add(1)
	s.allowed.Add(allowed)
	s.denied.Add(denied)
	s.changed.Add(uint64(records))
}

// countBudget is how long signer and certifier may take to tell their counters: whoever asks has better to do.
const countBudget = time.Second

// count answers with the counters of all three enclaves, as far as they answer.
func (d *desk) count(call *wire.Call) {
	<-d.ready
	if d.fault != nil {
		call.Fail(wire.Faultf("unavailable", "the policy engine does not serve"))
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), countBudget)
	defer cancel()
	call.Reply(d.engine.counters(ctx))
}

func (e *Engine) counters(ctx context.Context) wire.PolicyCounters {
	c := e.ownCounters()
	var both sync.WaitGroup
	both.Go(func() {
		if told, err := askSigner[wire.SignerCounters](ctx, e.signers, wire.KindSignerCounters, wire.Empty{}); err == nil {
			c.Signer = &told
		}
	})
	both.Go(func() {
		if told, err := wire.Ask[wire.CertifierCounters](ctx, e.certifier, wire.KindCertifierCounters, wire.Empty{}); err == nil {
			c.Certifier = &told
		}
	})
	both.Wait()
	return c
}

// itemBytes is what an item of the index holds: key, version and hash.
const itemBytes = ledger.KeySize + 8 + 32

func (e *Engine) ownCounters() wire.PolicyCounters {
	s := &e.stats
	c := wire.PolicyCounters{
		Allowed: s.allowed.Load(), Denied: s.denied.Load(), Commits: s.commits.Load(), Changed: s.changed.Load(),
		Repeated: s.repeated.Load(), RecordHits: s.recordHits.Load(), RecordMisses: s.recordMisses.Load(),
		AccountHits: s.accountHits.Load(), AccountMisses: s.accountMisses.Load(),
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	c.Queued, c.Records = uint64(len(e.queue)), uint64(e.index.Len())
	c.IndexBytes = c.Records * itemBytes
	c.HeadIndex, c.LogSize, c.HeadTime = e.head.Index, e.head.Size, e.receipt.Receipt.Time
	return c
}
