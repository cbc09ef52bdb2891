package client

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/redoubt-kms/redoubt/proof"
)

// ErrRolledBack says that the server's log no longer holds an answer that it gave: its state is an older one. When an
// operator rebased it, after a backup was restored, the message says so, and why; otherwise somebody put old state back.
// Either way, what was signed and changed in between is forgotten by the server and by nobody else.
var ErrRolledBack = errors.New("the server lost answers that it gave")

// slack is how far apart the times of two answers may be while their entries are in the other order, and how much older
// an attestation from a file may be than what it still has to cover.
const slack = 30 * time.Second

// Holds checks that the log, as it is attested, still holds an answer whose receipt was verified.
func (a *Attestation) Holds(r proof.Result) error {
	at := func(ms uint64) string { return time.UnixMilli(int64(ms)).UTC().Format(time.RFC3339) }
	if b := a.Rebase; b != nil && r.LogIndex >= b.Rebase.Onto.Size && r.Time < b.Rebase.Time && (r.Logged || r.LogIndex > b.Rebase.Onto.Size) {
		return fmt.Errorf("%w: the answer is genuine, but its entry %d of %s is in the log no more: on %s an operator rebased the server onto entry %d (%q)",
			ErrRolledBack, r.LogIndex, at(r.Time), at(b.Rebase.Time), b.Rebase.Onto.Size, b.Rebase.Reason)
	}
	late := uint64(slack.Milliseconds())
	if a.live {
		late = 0
	}
	if r.Logged && r.LogIndex >= a.Receipt.Head.Size && r.Time+late <= a.Receipt.Time {
		return fmt.Errorf("%w: the answer is genuine, but the log ends before its entry %d of %s, and no operator said why: old state was put back", ErrRolledBack, r.LogIndex, at(r.Time))
	}
	return nil
}

// memory is the newest logged answer that a client saw, and what it concluded.
type memory struct {
	mu     sync.Mutex
	newest proof.Result
	fault  error
}

// remember notices when the log of a server goes back: a later answer has an earlier entry. From then on the client trusts
// no answer; a person has to look.
func (c *Client) remember(ctx context.Context, r proof.Result) error {
	c.memory.mu.Lock()
	defer c.memory.mu.Unlock()
	m := &c.memory
	if m.fault != nil || !r.Logged {
		return m.fault
	}
	if !m.newest.Logged || r.LogIndex >= m.newest.LogIndex {
		m.newest = r
		return nil
	}
	if r.Time < m.newest.Time+uint64(slack.Milliseconds()) {
		return nil // answers overtake one another
	}
	a, err := c.Attestation(ctx)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnproven, err)
	}
	if m.fault = a.Holds(m.newest); m.fault == nil {
		m.fault = fmt.Errorf("%w: entry %d comes after entry %d", ErrRolledBack, r.LogIndex, m.newest.LogIndex)
	}
	return m.fault
}
