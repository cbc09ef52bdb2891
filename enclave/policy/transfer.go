package policy

import (
	"context"
	"time"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/id"
	"github.com/redoubt-kms/redoubt/internal/ledger"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/rule"
	"github.com/redoubt-kms/redoubt/proof"
)

// transferWallet gives a wallet to another organization, at once or when that one accepts.
func (e *Engine) transferWallet(ctx context.Context, c *caller, params *api.TransferParams) (answer, error) {
	d := c.ask(rule.Question{})
	if !d.Allowed {
		return e.deny(ctx, c, proof.ID{}, d)
	}
	w, target, err := e.between(ctx, c, params.WalletID, params.TargetOrganizationID)
	if err != nil {
		return answer{}, err
	}
	if d := c.ask(rule.Question{Wallet: w.value.ID, Held: w.value}); !d.Allowed {
		return e.deny(ctx, c, w.value.ID, d)
	}
	var retain []org.Grant
	if params.RetainPolicy.Given() {
		kept, err := e.newGrant(ctx, c, params.RetainPolicy, "", "params.retainPolicy")
		if err != nil {
			return answer{}, err
		}
		retain = append(retain, kept)
	}
	if !params.AwaitAcceptance && len(c.named(retain)) > 0 {
		return answer{}, api.Errorf(api.TypeInvalid, "a policy with limits has the new owner count what it names, so the new owner must accept: set awaitAcceptance").At("params.retainPolicy")
	}
	if params.AwaitAcceptance {
		return e.offer(ctx, c, d, w, target, retain)
	}
	p := e.grantProposal(c, d, w.value.ID, ownership(target, w.value.ID))
	return e.applyTransfer(ctx, c, p, w, target, retain, func() error { return nil })
}

// ownership is how the contract writes that a wallet is an organization's.
func ownership(owner, wallet proof.ID) api.Grant {
	return grantResult(owner, wallet, org.Grant{Version: org.GrantV0, Scopes: []string{org.ScopeOwner}})
}

// applyTransfer moves a wallet. It arrives without tags, which are names of the old owner's: in the new organization they
// might be what an app looks its wallet up by. All grants end, but for what the old owner retains. The secret stays where
// it is. also is checked together with the rest.
func (e *Engine) applyTransfer(ctx context.Context, c *caller, p *proposal, w found[org.Wallet], target proof.ID, retain []org.Grant, also func() error) (answer, error) {
	old := w.value
	moved := *old
	moved.Organization, moved.Tags = target, nil
	before := ledger.NewKey(ledger.KindWallet, old.Organization, old.ID)
	p.put(before, nil)
	p.put(ledger.NewKey(ledger.KindWallet, target, old.ID), &moved)
	for _, tag := range old.Tags {
		p.put(e.tagRecord(old.Organization, tag), nil)
	}
	kept := grantsKey(old.ID, old.Organization)
	if len(retain) > 0 {
		p.put(kept, &org.Grants{Version: org.SchemaVersion, Owner: target, All: retain})
	}
	err := e.apply(p, func() error {
		if e.version(before) != w.version {
			return errChanged
		}
		for _, grantee := range e.under(ledger.KindGrants, old.ID, api.MaxGrantees) { // those of this moment
			if key := grantsKey(old.ID, grantee); key != kept {
				p.put(key, nil)
			}
		}
		if err := also(); err != nil {
			return err
		}
		return e.unchanged(c)
	})
	if err != nil {
		return answer{}, err
	}
	return e.wait(ctx, p)
}

// offer notes that another organization may accept a wallet. Until it does, nothing changes.
func (e *Engine) offer(ctx context.Context, c *caller, d rule.Decision, w found[org.Wallet], target proof.ID, retain []org.Grant) (answer, error) {
	migration := id.Ordered(time.UnixMilli(int64(c.now)))
	pending := &org.Pending{
		Version: org.SchemaVersion, Owner: c.organization, Wallet: w.value.ID, Retain: retain,
		Created: c.now, Expires: c.now + uint64(api.PendingExpiry.Milliseconds()),
	}
	result := ownership(target, w.value.ID)
	result.MigrationID = uuid(migration)
	p := e.grantProposal(c, d, w.value.ID, result)
	live, stale, err := e.pending(ctx, target, c.now)
	if err != nil {
		return answer{}, err
	}
	for _, old := range stale {
		p.put(pendingKey(target, old), nil)
	}
	for old, one := range live {
		if one.value.Owner == c.organization && one.value.Wallet == w.value.ID {
			p.put(pendingKey(target, old), nil) // the newest offer is the one that counts
		}
	}
	p.put(pendingKey(target, migration), pending)
	err = e.apply(p, func() error {
		if e.version(ledger.NewKey(ledger.KindWallet, c.organization, w.value.ID)) != w.version {
			return errChanged
		}
		if len(e.under(ledger.KindPending, target, api.MaxPending)) >= api.MaxPending+len(stale) {
			return api.Errorf(api.TypeLimit, "the organization has %d wallets to accept, the most there may be", api.MaxPending)
		}
		return e.unchanged(c)
	})
	if err != nil {
		return answer{}, err
	}
	return e.wait(ctx, p)
}

func pendingKey(target, migration proof.ID) ledger.Key {
	return ledger.NewKey(ledger.KindPending, target, migration)
}

// pending lists the wallets that an organization may accept, and those of which the time is over.
func (e *Engine) pending(ctx context.Context, target proof.ID, now uint64) (map[proof.ID]found[org.Pending], []proof.ID, error) {
	e.mu.Lock()
	all := e.under(ledger.KindPending, target, api.MaxPending)
	e.mu.Unlock()
	live := map[proof.ID]found[org.Pending]{}
	var stale []proof.ID
	for _, migration := range all {
		one, err := load[org.Pending](ctx, e, pendingKey(target, migration))
		switch {
		case err != nil:
			return nil, nil, err
		case one.value == nil: // accepted meanwhile
		case org.Expired(one.value.Expires, now):
			stale = append(stale, migration)
		default:
			live[migration] = one
		}
	}
	return live, stale, nil
}
