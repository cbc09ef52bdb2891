package policy

import (
	"bytes"
	"context"
	"maps"
	"slices"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/rule"
	"github.com/redoubt-kms/redoubt/proof"
)

// listPending lists the wallets that the caller's organization may accept, in the order in which they were offered.
func (e *Engine) listPending(ctx context.Context, c *caller, _ *api.OrganizationParams) (answer, error) {
	if d := c.ask(rule.Question{}); !d.Allowed {
		return e.deny(ctx, c, proof.ID{}, d)
	}
	live, _, err := e.pending(ctx, c.organization, c.now)
	if err != nil {
		return answer{}, err
	}
	result := api.PendingMigrations{PendingMigrations: []api.PendingMigration{}}
	for _, migration := range slices.SortedFunc(maps.Keys(live), func(a, b proof.ID) int { return bytes.Compare(a[:], b[:]) }) {
		one := live[migration].value
		w, err := e.wallet(ctx, one.Owner, one.Wallet)
		if err != nil {
			return answer{}, err
		}
		if w.value == nil {
			continue // its owner gave it to somebody else
		}
		result.PendingMigrations = append(result.PendingMigrations, api.PendingMigration{
			MigrationID: uuid(migration), OwnerOrganizationID: uuid(one.Owner), WalletID: uuid(one.Wallet), WalletName: w.value.Name,
			CreatedAtMs: int64(one.Created), ExpiresAtMs: int64(one.Expires),
		})
	}
	return success(result), nil
}

// completeTransfer accepts a wallet.
func (e *Engine) completeTransfer(ctx context.Context, c *caller, params *api.CompleteTransferParams) (answer, error) {
	d := c.ask(rule.Question{})
	if !d.Allowed {
		return e.deny(ctx, c, proof.ID{}, d)
	}
	none := api.Errorf(api.TypeNotFound, "no such wallet to accept").At("params.migrationId")
	migration, err := parseID(params.MigrationID, "params.migrationId")
	if err != nil {
		return answer{}, none // clients send names of migrations that were never ours
	}
	key := pendingKey(c.organization, migration)
	pending, err := load[org.Pending](ctx, e, key)
	if err != nil {
		return answer{}, err
	}
	if pending.value == nil || org.Expired(pending.value.Expires, c.now) {
		return answer{}, none
	}
	w, err := e.wallet(ctx, pending.value.Owner, pending.value.Wallet)
	if err != nil {
		return answer{}, err
	}
	if w.value == nil {
		return answer{}, none
	}
	owner, err := load[org.Controls](ctx, e, controlsKey(pending.value.Owner))
	if err != nil {
		return answer{}, err
	}
	if d := c.ask(rule.Question{Frozen: frozenByOwner(owner, w.value.ID)}); !d.Allowed {
		return e.deny(ctx, c, w.value.ID, d)
	}
	p := e.grantProposal(c, d, w.value.ID, ownership(c.organization, w.value.ID))
	p.put(key, nil)
	var policies []*org.Policy
	for i := range pending.value.Retain {
		policies = append(policies, &pending.value.Retain[i].Policy)
	}
	if err := c.nameCounters(p, c.organization, c.controls.value, policies); err != nil {
		return answer{}, err
	}
	return e.applyTransfer(ctx, c, p, w, c.organization, pending.value.Retain, func() error {
		if e.version(key) != pending.version || e.version(controlsKey(pending.value.Owner)) != owner.version {
			return errChanged
		}
		return nil
	})
}
