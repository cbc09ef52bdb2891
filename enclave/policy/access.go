package policy

import (
	"context"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/ledger"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/rule"
	"github.com/redoubt-kms/redoubt/proof"
)

// access is a wallet that the caller may reach: one of their organization, or another's by a grant.
type access struct {
	by     proof.ID // the caller's organization
	wallet found[org.Wallet]
	grants found[org.Grants]   // of the caller's organization; without value for a wallet of its own
	grant  *org.Grant          // the one that counts
	owner  found[org.Controls] // of the owner; not looked up for a wallet of the caller's organization
}

// reach finds a wallet of the caller's organization, or one that it was granted. One that is another's and one that is
// not are told alike.
func (e *Engine) reach(ctx context.Context, c *caller, text, policyName string) (access, error) {
	wallet, err := parseID(text, "params.walletId")
	if err != nil {
		return access{}, err
	}
	own, err := e.wallet(ctx, c.organization, wallet)
	if err != nil {
		return access{}, err
	}
	if own.value != nil {
		if policyName != "" {
			return access{}, api.Errorf(api.TypeInvalid, "names a grant, but the wallet is the organization's own").At("params.policyName")
		}
		return access{by: c.organization, wallet: own}, nil
	}
	return e.reachGranted(ctx, c, wallet, policyName)
}

func (e *Engine) reachGranted(ctx context.Context, c *caller, wallet proof.ID, policyName string) (access, error) {
	none := api.Errorf(api.TypeNotFound, "no such wallet")
	grants, err := load[org.Grants](ctx, e, grantsKey(wallet, c.organization))
	if err != nil {
		return access{}, err
	}
	if grants.value == nil {
		return access{}, none
	}
	a := access{by: c.organization, grants: grants, grant: grants.value.Find(policyName)}
	switch {
	case a.grant == nil && policyName == "":
		return access{}, api.Errorf(api.TypeNotFound, "the wallet is granted by name only").At("params.policyName")
	case a.grant == nil:
		return access{}, api.Errorf(api.TypeNotFound, "no grant of this name").At("params.policyName")
	}
	a.wallet, err = e.wallet(ctx, grants.value.Owner, wallet)
	if err == nil && a.wallet.value == nil {
		err = errChanged // the wallet was given away between the two looks
	}
	if err != nil {
		return a, err
	}
	a.owner, err = load[org.Controls](ctx, e, controlsKey(grants.value.Owner))
	return a, err
}

// question is what the policies are asked about an account of the wallet.
func (a access) question(account account) rule.Question {
	return rule.Question{
		Held: a.wallet.value, PolicyName: a.name(),
		Wallet: a.wallet.value.ID, Grant: a.grant, Frozen: frozenByOwner(a.owner, a.wallet.value.ID),
		Path: org.Path{Steps: account.path, Curve: account.curve, Format: account.format},
	}
}

// name is that of the grant by which the wallet is used.
func (a access) name() string {
	if a.grant == nil {
		return ""
	}
	return a.grant.Name
}

// unchanged says whether wallet and grants are still as they were found. The engine's lock is held.
func (a access) unchanged(e *Engine) error {
	w := a.wallet.value
	if e.version(ledger.NewKey(ledger.KindWallet, w.Organization, w.ID)) != a.wallet.version {
		return errChanged
	}
	if a.grant != nil && e.version(grantsKey(w.ID, a.by)) != a.grants.version {
		return errChanged
	}
	if a.grant != nil && e.version(controlsKey(w.Organization)) != a.owner.version {
		return errChanged
	}
	return nil
}

func grantsKey(wallet, target proof.ID) ledger.Key {
	return ledger.NewKey(ledger.KindGrants, wallet, target)
}
