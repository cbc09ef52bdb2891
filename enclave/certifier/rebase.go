package certifier

import (
	"fmt"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/redoubt-kms/redoubt/enclave"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

// statementLifetime is how long after its signature a rebase can be used, by the clock of this machine: one that nobody
// used must not lie about for ever.
const statementLifetime = 24 * time.Hour

// rebase moves the anchor to the head that an operator names, or makes it anew there when it is lost. It believes nobody
// but the operator, and the operators are those that the anchor knows, or its witness: what this certifier itself wrote
// before the backup. Without one of the two, whoever starts it could bring a manifest with an operator of his own.
func (a *anchorFile) rebase(state anchored, lost bool, v *enclave.Vault, manifest proof.Hash) (anchored, error) {
	order, signed, err := readOrder(v.Pack.Rebase)
	if err != nil {
		return state, err
	}
	if !lost && string(state.Rebased.Statement) == string(order.Statement) {
		return state, nil // it was taken at an earlier start, and has no second effect
	}
	if lost {
		if state, err = witnessed(v.Root, order.Witness); err != nil {
			return state, fmt.Errorf("%w: the anchor is lost, and what the backup kept of it is not this certifier's: %w", proof.ErrRebase, err)
		}
	}
	if err := state.accepts(v.Manifest()); err != nil {
		return state, err
	}
	now := uint64(time.Now().UnixMilli())
	if err := state.allows(signed, lost, v.Manifest(), manifest, now); err != nil {
		return state, err
	}
	if lost {
		if err := a.file.Truncate(2 * slotSize); err != nil {
			return state, err
		}
	}
	r := signed.Rebase
	state.Time = max(state.Time, now)
	state.Epoch = max(state.Epoch, r.From.Epoch, r.Onto.Epoch) + 1
	if lost {
		state.Epoch = max(state.Epoch, r.Time) // above all that the lost future can have used: it was opened less than a thousand times a second
	}
	state.Version, state.Head = 2, r.Onto
	state.Rebased = rebased{Statement: cbor.ByteString(order.Statement), Time: state.Time, Epoch: state.Epoch, Pending: true}
	for range 2 { // both slots, so that none holds what was anchored before
		state.Sequence++
		if err := a.write(state); err != nil {
			return state, err
		}
	}
	v.Log.Printf("REBASED onto head %d by operator %x: %s", r.Onto.Index, signed.Operator, r.Reason)
	return state, nil
}

func readOrder(b []byte) (wire.RebaseOrder, proof.SignedRebase, error) {
	var order wire.RebaseOrder
	var signed proof.SignedRebase
	if err := proof.Decode(b, &order); err != nil || order.Version != 1 {
		return order, signed, fmt.Errorf("%w: it is not a rebase of version 1", proof.ErrRebase)
	}
	if err := proof.Decode(order.Statement, &signed); err != nil {
		return order, signed, fmt.Errorf("%w: %w", proof.ErrRebase, err)
	}
	return order, signed, nil
}

// before is the statement of the newest rebase; the zero value when there was none.
func (state anchored) before() (proof.Rebase, error) {
	var signed proof.SignedRebase
	if len(state.Rebased.Statement) == 0 {
		return proof.Rebase{}, nil
	}
	err := proof.Decode([]byte(state.Rebased.Statement), &signed)
	return signed.Rebase, err
}

// allows checks that a statement is an operator's and is about exactly this state and this time.
func (state anchored) allows(signed proof.SignedRebase, lost bool, m proof.Manifest, manifest proof.Hash, now uint64) error {
	r := signed.Rebase
	if err := signed.Verify(m); err != nil {
		return err
	}
	before, err := state.before()
	if err != nil {
		return err
	}
	switch {
	case r.Manifest != manifest:
		return fmt.Errorf("%w: it was signed under another manifest than the one in force; sign another", proof.ErrRebase)
	case r.Lost != lost && lost:
		return fmt.Errorf("%w: it was signed while there was an anchor, which is lost or damaged now; move the anchor's file away and sign another", proof.ErrRebase)
	case r.Lost != lost:
		return fmt.Errorf("%w: it was signed for a lost anchor, but there is one, at head %d; sign another", proof.ErrRebase, state.Head.Index)
	case r.From != state.Head:
		return fmt.Errorf("%w: it leads away from head %d, but the anchored one is another, head %d: it is of another time, or was used before; sign another", proof.ErrRebase, r.From.Index, state.Head.Index)
	case r.Time <= before.Time: // a later one may have led back to where it begins
		return fmt.Errorf("%w: it is not newer than the one that was taken last; sign another", proof.ErrRebase)
	case now+uint64(maxJump.Milliseconds()) < max(r.Time, state.Time):
		return fmt.Errorf("%w: this machine's clock is behind the operator's, or behind the time that was anchored; set it right", proof.ErrRebase)
	case now > r.Time+uint64(statementLifetime.Milliseconds()):
		return fmt.Errorf("%w: it was signed more than %v ago; sign another", proof.ErrRebase, statementLifetime)
	}
	return nil
}
