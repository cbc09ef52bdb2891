package policy

import (
	"context"
	"time"
)

const (
	// maxTurn is how long a batch waits for the one before it.
	maxTurn = 5 * time.Millisecond
	// fewProposals is a batch that is stored beside the anchoring of the one before: where there is little to do,
	// time is worth more than processors.
	fewProposals = 8
)

// turn waits for the right moment to store the next batch: when the one before is signed, when as many proposals have
// gathered as that one carried and it is anchored at least, or after maxTurn.
//
// A commit costs four processes the same whether it carries one entry or fifty, so fewer and larger ones leave more of
// the processors to the requests; and a request that comes alone finds nothing to wait for.
func (e *Engine) turn(ctx context.Context, before *batch) {
	limit := time.NewTimer(maxTurn)
	defer limit.Stop()
	anchored := before.anchored
	if len(before.proposals) < fewProposals {
		anchored = nil
	}
	for {
		if anchored == nil && e.gathered() >= len(before.proposals) {
			return
		}
		select {
		case <-anchored:
			anchored = nil
		case <-e.wake:
		case <-before.signed:
			return
		case <-limit.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// gathered is how many proposals wait to be stored.
func (e *Engine) gathered() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.queue)
}
