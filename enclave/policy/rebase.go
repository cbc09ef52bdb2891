package policy

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/id"
	"github.com/redoubt-kms/redoubt/internal/ledger"
	"github.com/redoubt-kms/redoubt/internal/rule"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

// rebase is what the engine knows of the newest rebase of its ledger. The zero value is none.
type rebase struct {
	statement []byte // CBOR of proof.SignedRebase
	signed    proof.SignedRebase
	begin     uint64 // Unix milliseconds; requests from before are refused, and a usage window that holds it counts as exhausted
	pending   bool   // it is not logged yet
}

// methodRebase is the method of the log entry that tells of a rebase. No request can have it.
const methodRebase = "rebase"

// errClockBehind says that what was restored is from a later time than this machine has.
var errClockBehind = errors.New("the newest entry of the log is of a later time than this machine's clock shows: set the clock, and rebase again")

// openRebase takes over what the certifier says of the newest rebase. While that is pending, the head is only an
// operator's word, so the chain to it must be ours: the stored head is authenticated, which other starts need not do.
func (e *Engine) openRebase(ctx context.Context, told wire.Rebased, anchored proof.Head) error {
	if len(told.Statement) == 0 {
		return nil
	}
	r := rebase{statement: told.Statement, pending: told.Pending}
	if err := proof.Decode(told.Statement, &r.signed); err != nil {
		return err
	}
	if err := r.signed.Verify(e.vault.Manifest()); err != nil {
		return err
	}
	r.begin = max(r.signed.Rebase.NotBefore, told.Time)
	e.rebase = r
	if !r.pending || anchored.Index == 0 {
		return nil
	}
	if anchored != r.signed.Rebase.Onto {
		return fmt.Errorf("%w: the anchor is not at the head that it names", proof.ErrRebase)
	}
	rows, err := e.rows(ctx, anchored.Index, 1)
	if err != nil {
		return err
	}
	if len(rows) != 1 {
		return fmt.Errorf("%w (commit %d is missing)", errRolledBack, anchored.Index)
	}
	head, err := proof.Encode(anchored)
	if err != nil {
		return err
	}
	if string(rows[0].Head) != string(head) || rows[0].Tag != ledger.Tag(e.headKey, head) {
		return fmt.Errorf("%w (head %d is not one of this policy engine)", errRolledBack, anchored.Index)
	}
	return e.checkClock(anchored, rows[0])
}

// checkClock refuses to go on from entries of a time that has not come yet: what expires would live longer, and windows
// would open again.
func (e *Engine) checkClock(head proof.Head, row ledger.Row) error {
	now, err := e.clock.now()
	if err != nil {
		return err
	}
	commit, err := ledger.Open(head, row.Blob)
	if err != nil {
		return fmt.Errorf("%w (%w)", errRolledBack, err)
	}
	for i, stored := range commit.Entries {
		entry, err := e.openEntry(commit.First+uint64(i), stored)
		if err != nil {
			return err
		}
		if entry.Time > now {
			return errClockBehind
		}
	}
	return nil
}

// logRebase queues the entry that tells of a pending rebase. Nothing is served yet, so that it is the first one of the
// new epoch: whoever sees the log knows where the lost future was cut off.
func (e *Engine) logRebase() error {
	r := e.rebase
	if !r.pending || e.head.Index != r.signed.Rebase.Onto.Index {
		return nil // a commit of the new epoch follows already, and its first entry is this one
	}
	now, err := e.clock.now()
	if err != nil {
		return err
	}
	request := proof.Hash(sha256.Sum256(r.statement))
	p := &proposal{
		entry: ledger.Entry{
			Time: now, Method: methodRebase, Request: request, Replay: replayKey(request, proof.ID{}), RequestID: id.Random(),
			User: hex.EncodeToString(r.signed.Operator), Decision: ledger.Allowed, Policy: "operator", Environment: rule.Environment,
			Status: 200, Outcome: r.statement,
		},
		body: r.statement, replay: &replay{},
	}
	p.answer = answer{status: 200, body: p.entry.Outcome, request: request, requestID: p.entry.RequestID}
	e.vault.Log.Printf("REBASED onto head %d, entry %d: %s", e.head.Index, e.next, r.signed.Rebase.Reason)
	return e.apply(p, func() error { return nil })
}

// fence refuses requests that were made before the rebase. They may have had their effect in the future that was lost,
// and nobody remembers.
func (r rebase) fence(timestamp int64, now uint64) error {
	if timestamp >= int64(r.begin) {
		return nil
	}
	expired := api.Errorf(api.TypeExpired, "the request was made before the server was restored from a backup, at %s; look what became of it, and make a new one",
		time.UnixMilli(int64(r.begin)).UTC().Format(time.RFC3339Nano))
	expired.Path, expired.Time = "timestampMs", int64(now)
	return expired
}
