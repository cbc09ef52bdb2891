package policy

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/ledger"
	"github.com/redoubt-kms/redoubt/internal/ledger/state"
	"github.com/redoubt-kms/redoubt/proof"
)

// remembered is a request that the log holds from before a start.
type remembered struct {
	key  proof.Hash
	seen uint64 // Unix milliseconds
	place
}

// loadReplays walks back over the last api.ReplayWindow of the log, so that a request from before the stop is known.
func (e *Engine) loadReplays(ctx context.Context) error {
	const step = 64 // commits that are held at once
	now, err := e.clock.now()
	if err != nil {
		return err
	}
	oldest := now - uint64(api.ReplayWindow/time.Millisecond)
	var found []remembered // newest first
	for head := e.head; head.Index > 0; {
		from := uint64(1)
		if head.Index > step {
			from = head.Index - step + 1
		}
		rows, err := e.rows(ctx, from, int(head.Index-from+1))
		if err != nil {
			return err
		}
		if missing := from + uint64(len(rows)); missing <= head.Index {
			return fmt.Errorf("%w (commit %d is missing)", errRolledBack, missing)
		}
		enough, previous, err := e.replaysOf(ctx, rows, head, oldest, &found)
		if err != nil {
			return err
		}
		if enough {
			break
		}
		head = previous
	}
	for i := len(found) - 1; i >= 0; i-- {
		e.replays.places.put(found[i].key, found[i].place, found[i].seen, 0)
	}
	return nil
}

// replaysOf reads rows that end with a known head, from the newest to the oldest, and returns the head before them.
func (e *Engine) replaysOf(ctx context.Context, rows []ledger.Row, head proof.Head, oldest uint64, into *[]remembered) (bool, proof.Head, error) {
	commits := make([]ledger.Commit, len(rows))
	indexes := make([]uint64, len(rows)) // of the heads
	for i := len(rows) - 1; i >= 0; i-- {
		var err error
		if commits[i], err = ledger.Open(head, rows[i].Blob); err != nil {
			return false, head, fmt.Errorf("%w (%w)", errRolledBack, err)
		}
		indexes[i] = head.Index
		if head, err = e.headBefore(ctx, rows, i, head); err != nil {
			return false, head, err
		}
	}
	entries, err := e.openEntries(commits)
	if err != nil {
		return false, head, err
	}
	for i := len(commits) - 1; i >= 0; i-- {
		for j := len(entries[i]) - 1; j >= 0; j-- {
			entry := entries[i][j]
			if entry.Time < oldest {
				return true, head, nil
			}
			at := place{index: entry.Index, commit: indexes[i], commitment: commits[i].Entries[j].Commitment}
			*into = append(*into, remembered{key: entry.Replay, seen: entry.Time, place: at})
		}
	}
	return false, head, nil
}

// openEntries unseals the entries of commits, on all processors: of what a start does, this takes longest.
func (e *Engine) openEntries(commits []ledger.Commit) ([][]ledger.Entry, error) {
	entries := make([][]ledger.Entry, len(commits))
	faults := make(chan error, len(commits))
	var all sync.WaitGroup
	workers := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i, c := range commits {
		workers <- struct{}{}
		all.Go(func() {
			defer func() { <-workers }()
			entries[i] = make([]ledger.Entry, len(c.Entries))
			for j, stored := range c.Entries {
				var err error
				if entries[i][j], err = e.openEntry(c.First+uint64(j), stored); err != nil {
					faults <- err
					return
				}
			}
		})
	}
	all.Wait()
	select {
	case err := <-faults:
		return nil, err
	default:
		return entries, nil
	}
}

// headBefore returns the head before row i, checked by the link in the head after it. Before the first row of a run it
// is unknown until the next run is read, so only its link is known: the run is asked for again with one row more.
func (e *Engine) headBefore(ctx context.Context, rows []ledger.Row, i int, head proof.Head) (proof.Head, error) {
	if head.Index == 1 {
		return state.Genesis(head.Shard)
	}
	var previous proof.Head
	if i > 0 {
		if err := proof.Decode(rows[i-1].Head, &previous); err != nil {
			return previous, fmt.Errorf("%w (%w)", errRolledBack, err)
		}
	} else {
		run, err := e.rows(ctx, head.Index-1, 1)
		if err != nil {
			return previous, err
		}
		if len(run) != 1 {
			return previous, fmt.Errorf("%w (commit %d is missing)", errRolledBack, head.Index-1)
		}
		if err := proof.Decode(run[0].Head, &previous); err != nil {
			return previous, fmt.Errorf("%w (%w)", errRolledBack, err)
		}
	}
	link, err := previous.Hash()
	if err != nil {
		return previous, err
	}
	if link != head.Previous {
		return previous, fmt.Errorf("%w (head %d is not the one before head %d)", errRolledBack, previous.Index, head.Index)
	}
	return previous, nil
}

// openEntry unseals an entry and checks it against its commitment.
func (e *Engine) openEntry(index uint64, stored ledger.Stored) (ledger.Entry, error) {
	var entry ledger.Entry
	plain, err := e.entryKey.Open(ledger.EntryContext(index), stored.Sealed)
	if err != nil {
		return entry, fmt.Errorf("entry %d: %w", index, err)
	}
	if err := proof.Decode(plain, &entry); err != nil {
		return entry, err
	}
	if ledger.Commitment(ledger.Salt(e.logKey, entry.Organization, index), plain) != stored.Commitment || entry.Index != index {
		return entry, fmt.Errorf("entry %d: %w", index, ledger.ErrEntry)
	}
	return entry, nil
}
