package policy

import (
	"context"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/ledger"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/rule"
	"github.com/redoubt-kms/redoubt/internal/rule/txpolicy"
	"github.com/redoubt-kms/redoubt/proof"
)

// ownWallet finds a wallet of the caller's organization, which only its owner may give away or lend.
func (e *Engine) ownWallet(ctx context.Context, c *caller, text string) (found[org.Wallet], error) {
	wallet, err := parseID(text, "params.walletId")
	if err != nil {
		return found[org.Wallet]{}, err
	}
	w, err := e.wallet(ctx, c.organization, wallet)
	if err == nil && w.value == nil {
		err = api.Errorf(api.TypeNotFound, "no such wallet")
	}
	return w, err
}

// targetOrganization reads the organization that a wallet is lent or given to.
func (e *Engine) targetOrganization(ctx context.Context, c *caller, text string) (proof.ID, error) {
	target, err := parseID(text, "params.targetOrganizationId")
	if err != nil {
		return target, err
	}
	if target == c.organization {
		return target, api.Errorf(api.TypeInvalid, "is the wallet's owner").At("params.targetOrganizationId")
	}
	o, err := e.organization(ctx, target)
	if err == nil && o.value == nil {
		err = api.Errorf(api.TypeNotFound, "no such organization").At("params.targetOrganizationId")
	}
	return target, err
}

// between finds the wallet that is lent or given, and the organization that gets it.
func (e *Engine) between(ctx context.Context, c *caller, wallet, target string) (found[org.Wallet], proof.ID, error) {
	w, err := e.ownWallet(ctx, c, wallet)
	if err != nil {
		return w, proof.ID{}, err
	}
	to, err := e.targetOrganization(ctx, c, target)
	return w, to, err
}

func (e *Engine) grantAccess(ctx context.Context, c *caller, params *api.GrantParams) (answer, error) {
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
	made, err := e.newGrant(ctx, c, params.Policy, params.PolicyName, "params.policy")
	if err != nil {
		return answer{}, err
	}
	if params.TransactionPolicy.Given() {
		if made.Transactions, err = txpolicy.Read(params.TransactionPolicy, "params.transactionPolicy"); err != nil {
			return answer{}, err
		}
	}
	key := grantsKey(w.value.ID, target)
	before, err := load[org.Grants](ctx, e, key)
	if err != nil {
		return answer{}, err
	}
	after := &org.Grants{Version: org.SchemaVersion, Owner: c.organization}
	if before.value != nil {
		after = before.value
	}
	if after, err = after.With(made); err != nil {
		return answer{}, err
	}
	p := e.grantProposal(c, d, w.value.ID, grantResult(target, w.value.ID, made))
	p.put(key, after)
	if err := c.nameCounters(p, c.organization, c.controls.value, []*org.Policy{&made.Policy}); err != nil {
		return answer{}, err
	}
	return e.applyGrants(ctx, c, p, w, before.version, key)
}

// grantProposal starts the entry of a change of a wallet's grants.
func (e *Engine) grantProposal(c *caller, d rule.Decision, wallet proof.ID, result any) *proposal {
	p := c.change(d, result)
	p.entry.Wallet = wallet
	return p
}

// applyGrants stores a change of grants if wallet and grants are as they were seen.
func (e *Engine) applyGrants(ctx context.Context, c *caller, p *proposal, w found[org.Wallet], version uint64, key ledger.Key) (answer, error) {
	err := e.apply(p, func() error {
		if e.version(ledger.NewKey(ledger.KindWallet, c.organization, w.value.ID)) != w.version || e.version(key) != version {
			return errChanged
		}
		if !e.exists(key) && len(e.under(ledger.KindGrants, w.value.ID, api.MaxGrantees)) >= api.MaxGrantees {
			return api.Errorf(api.TypeLimit, "the wallet is granted to %d organizations, the most there may be", api.MaxGrantees)
		}
		return e.unchanged(c)
	})
	if err != nil {
		return answer{}, err
	}
	return e.wait(ctx, p)
}

func (e *Engine) revokeAccess(ctx context.Context, c *caller, params *api.RevokeParams) (answer, error) {
	d := c.ask(rule.Question{})
	if !d.Allowed {
		return e.deny(ctx, c, proof.ID{}, d)
	}
	w, err := e.ownWallet(ctx, c, params.WalletID)
	if err != nil {
		return answer{}, err
	}
	target, err := parseID(params.TargetOrganizationID, "params.targetOrganizationId")
	if err != nil {
		return answer{}, err
	}
	key := grantsKey(w.value.ID, target)
	before, err := load[org.Grants](ctx, e, key)
	if err != nil {
		return answer{}, err
	}
	gone := before.value.Find(params.TargetPolicyName)
	if gone == nil {
		return answer{}, api.Errorf(api.TypeNotFound, "no such grant").At("params.targetPolicyName")
	}
	result := grantResult(target, w.value.ID, *gone)
	at := int64(c.now)
	result.DeletedAtMs = &at
	p := e.grantProposal(c, d, w.value.ID, result)
	if left := before.value.Without(gone.Name); left != nil {
		p.put(key, left)
	} else {
		p.put(key, nil)
	}
	return e.applyGrants(ctx, c, p, w, before.version, key)
}

// accessGrants lists the grants of a wallet to an organization, for members of either.
func (e *Engine) accessGrants(ctx context.Context, c *caller, params *api.GrantsParams) (answer, error) {
	page := api.Grants{Grants: []api.Grant{}}
	var err error
	if page.Limit, page.Offset, err = readPage(params.Limit, params.Offset); err != nil {
		return answer{}, err
	}
	if d := c.ask(rule.Question{}); !d.Allowed {
		return e.deny(ctx, c, proof.ID{}, d)
	}
	wallet, err := parseID(params.WalletID, "params.walletId")
	if err != nil {
		return answer{}, err
	}
	owner, err := parseID(params.OwnerOrganizationID, "params.ownerOrganizationId")
	if err != nil {
		return answer{}, err
	}
	target, err := parseID(params.TargetOrganizationID, "params.targetOrganizationId")
	if err != nil {
		return answer{}, err
	}
	grants, err := load[org.Grants](ctx, e, grantsKey(wallet, target))
	if err != nil {
		return answer{}, err
	}
	if grants.value != nil && grants.value.Owner == owner {
		page.TotalCount = len(grants.value.All)
		for _, g := range grants.value.All[min(page.Offset, page.TotalCount):min(page.Offset+page.Limit, page.TotalCount)] {
			page.Grants = append(page.Grants, grantResult(target, wallet, g))
		}
	}
	return success(page), nil
}
