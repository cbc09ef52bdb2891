package policy

import (
	"context"
	"crypto/sha256"
	"fmt"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain"
	"github.com/redoubt-kms/redoubt/internal/ledger"
	"github.com/redoubt-kms/redoubt/proof"
)

// fromLog answers a retry whose entry is in the log while its answer is not at hand. A change or a denial has its answer
// in the entry; a signature is made again for the same entry, and is the same.
func (e *Engine) fromLog(ctx context.Context, c *caller, p *replay, again func() (answer, error)) (answer, error) {
	if err := e.anchored(ctx, p.index+1); err != nil { // p.index does not change once the entry is logged
		return answer{}, err
	}
	entry, err := e.entryOf(ctx, p)
	if err != nil {
		return answer{}, err
	}
	c.requestID = entry.RequestID
	if entry.Decision == ledger.Waiting {
		return e.afterWaiting(ctx, c, &entry)
	}
	if len(entry.Outcome) == 0 || entry.Permit != (proof.Hash{}) {
		if again == nil {
			return answer{}, ledger.ErrEntry
		}
		return again()
	}
	a := c.complete(answer{status: int(entry.Status), body: entry.Outcome})
	a.org = entry.Organization
	return e.signLogged(ctx, a, &entry)
}

// signLogged has an answer signed for the entry that it had before.
func (e *Engine) signLogged(ctx context.Context, a answer, entry *ledger.Entry) (answer, error) {
	done := make(chan answer, 1)
	e.send([]*finished{{answer: a, entry: entry, deliver: func(a answer) { done <- a }}})
	select {
	case a = <-done:
		return a, nil
	case <-e.stopped:
		return answer{}, errStopped
	case <-ctx.Done():
		return answer{}, ctx.Err()
	}
}

// entryOf reads the entry of a replay from the host and checks it against the commitment.
func (e *Engine) entryOf(ctx context.Context, p *replay) (ledger.Entry, error) {
	e.mu.Lock()
	index, commit, commitment := p.index, p.commit, p.commitment
	e.mu.Unlock()
	rows, err := e.rows(ctx, commit, 1)
	if err != nil {
		return ledger.Entry{}, err
	}
	if len(rows) != 1 {
		return ledger.Entry{}, ledger.ErrEntry
	}
	var stored ledger.Commit
	if err := proof.Decode(rows[0].Blob, &stored); err != nil {
		return ledger.Entry{}, err
	}
	if index < stored.First || index-stored.First >= uint64(len(stored.Entries)) || stored.Entries[index-stored.First].Commitment != commitment {
		return ledger.Entry{}, ledger.ErrEntry
	}
	return e.openEntry(index, stored.Entries[index-stored.First])
}

// signAgain makes the signature of a logged entry once more. Nothing is authorised here: the permit must be the one
// that the entry names, to the last bit.
func (e *Engine) signAgain(ctx context.Context, c *caller, w access, a account, in intent, p *replay) (answer, error) {
	if frozen := frozenByOwner(w.owner, w.wallet.value.ID); frozen != "" {
		return answer{}, api.Errorf(api.TypeDenied, "%s", frozen)
	}
	entry, err := e.entryOf(ctx, p)
	if err != nil {
		return answer{}, err
	}
	remade := entry
	made := &proposal{entry: entry, answer: c.complete(answer{})}
	if made.order, err = e.newOrder(ctx, c, w.wallet.value, a, in, &remade); err != nil {
		return answer{}, err
	}
	if c.longPermit = remade.Permit != entry.Permit; c.longPermit { // it waited for approvals
		if made.order, err = e.newOrder(ctx, c, w.wallet.value, a, in, &remade); err != nil {
			return answer{}, err
		}
	}
	if remade.Permit != entry.Permit {
		return answer{}, fmt.Errorf("entry %d: %w", entry.Index, ledger.ErrEntry)
	}
	if made.encoded, err = proof.Encode(entry); err != nil {
		return answer{}, err
	}
	made.salt = ledger.Salt(e.logKey, entry.Organization, entry.Index)
	result, err := e.resign(ctx, made)
	if err != nil {
		return answer{}, err
	}
	return e.signLogged(ctx, e.signed(made, result, nil), &entry)
}

// effects writes effects as the log keeps them.
func effects(in chain.Effects) ledger.Effects {
	out := ledger.Effects{Programs: in.Programs, Unknown: in.Unknown}
	for _, t := range in.Transfers {
		out.Transfers = append(out.Transfers, ledger.Movement{Asset: t.Asset, From: t.From, To: t.To, Amount: t.Amount.String()})
	}
	for _, a := range in.Approvals {
		m := ledger.Movement{Asset: a.Asset, From: a.Owner, To: a.Spender, Amount: "unlimited"}
		if a.Amount != nil {
			m.Amount = a.Amount.String()
		}
		out.Approvals = append(out.Approvals, m)
	}
	for _, a := range in.AuthorityChanges {
		out.Authority = append(out.Authority, ledger.AuthorityChange{Subject: a.Subject, Kind: a.Kind, To: a.To})
	}
	if in.FeeMax != nil {
		out.FeeMax = in.FeeMax.String()
	}
	return out
}

func hashOf(b []byte) proof.Hash { return sha256.Sum256(b) }

// prepareMethod is what POST /prepare asks policies for: the caller prepares what it will have signed.
const prepareMethod = api.SignTransaction
