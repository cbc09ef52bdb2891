package policy

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/ledger"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/rule"
	"github.com/redoubt-kms/redoubt/proof"
)

// frozen says what is frozen that a request of the caller needs, and who can lift that; nothing when it is empty.
func (c *caller) frozen(q rule.Question) string {
	f := c.controls.value.Freezes()
	const lift = "a user with policy ROOT can lift that (unfreeze)"
	switch {
	case c.member.User == nil:
	case slices.Contains(f.Users, c.member.User.Username):
		return fmt.Sprintf("user %q is frozen and may do nothing; another user with policy ROOT can lift that (unfreeze)", c.member.User.Username)
	case f.Organization && !duringFreeze(q.Method, c.member.User):
		return "the organization is frozen: nothing is done in it, though its members may read; " + lift
	case slices.Contains(f.Wallets, q.Wallet) && !q.Method.Reads() && q.Method != api.Freeze && q.Method != api.Unfreeze:
		return fmt.Sprintf("wallet %s is frozen: it is not used, exported, lent or given away; %s", uuid(q.Wallet), lift)
	}
	return ""
}

// duringFreeze says what is done in a frozen organization: it is looked at, it is freed, and more of it is frozen, so that
// whoever frees it can first freeze what was the reason. What waits is stopped: its time runs on, and it could be completed as
// soon as the freeze is lifted.
func duringFreeze(m api.Method, u *org.User) bool {
	return m.Reads() || m == api.Freeze || m == api.RejectRequest || m == api.VetoWayChange || m == api.Unfreeze && u.Policy.Type == org.PolicyRoot
}

// frozenByOwner says the same of a wallet of another organization. That one's members hear no more of it.
func frozenByOwner(owner found[org.Controls], wallet proof.ID) string {
	if !owner.value.Freezes().Holds("", wallet) {
		return ""
	}
	return fmt.Sprintf("wallet %s is frozen by the organization that owns it; a user of that one with policy ROOT can lift that", uuid(wallet))
}

// frozenMeanwhile is the answer to a repetition of a request that was allowed and that a freeze stops now: what was signed
// is not handed over once more, and what was logged and not signed is not made good for. Nil when nothing stops it.
func (e *Engine) frozenMeanwhile(ctx context.Context, c *caller, params any) *answer {
	c.replay = nil // which stays that of the entry it has
	a := e.untilSettled(ctx, c, func() (answer, error) {
		q, from, err := e.repeatedQuestion(ctx, c, params)
		if errors.Is(err, &api.Error{Type: api.TypeNotFound}) || err == nil && q.Frozen == "" {
			return answer{}, nil // a wallet that is another's by now does not matter to what was done
		}
		if err != nil {
			return answer{}, err
		}
		if from != nil {
			q.Wallet = from.wallet.value.ID
		}
		return e.deny(ctx, c, q.Wallet, c.ask(q))
	})
	if a.status == 0 {
		return nil
	}
	return &a
}

// repeatedQuestion is what the freezes are asked about a request that comes again: about its wallet, too, when it names
// one to sign with or to export.
func (e *Engine) repeatedQuestion(ctx context.Context, c *caller, params any) (rule.Question, *access, error) {
	var wallet, policyName string
	switch p := params.(type) {
	case interface{ Target() api.Signing }:
		wallet, policyName = p.Target().WalletID, p.Target().PolicyName
	case *api.ExportWalletParams:
		wallet, policyName = p.WalletID, p.PolicyName
	default:
		q := rule.Question{Method: c.method}
		q.Frozen = c.frozen(q)
		return q, nil, nil
	}
	from, err := e.reach(ctx, c, wallet, policyName)
	if err != nil {
		return rule.Question{}, nil, err
	}
	q := from.question(account{})
	q.Method = c.method
	if q.Frozen == "" {
		q.Frozen = c.frozen(q)
	}
	return q, &from, nil
}

func (e *Engine) freeze(ctx context.Context, c *caller, params *api.FreezeParams) (answer, error) {
	return e.changeFrozen(ctx, c, params, org.Frozen.With)
}

func (e *Engine) unfreeze(ctx context.Context, c *caller, params *api.FreezeParams) (answer, error) {
	return e.changeFrozen(ctx, c, params, func(f org.Frozen, username string, wallet proof.ID) (org.Frozen, error) {
		return f.Without(username, wallet), nil
	})
}

// changeFrozen freezes or frees something. It holds for everything that is decided after its entry: what was decided
// before and not yet applied rests on the version of the controls and is decided again.
func (e *Engine) changeFrozen(ctx context.Context, c *caller, params *api.FreezeParams, change func(org.Frozen, string, proof.ID) (org.Frozen, error)) (answer, error) {
	username, w, err := e.freezable(ctx, c, params)
	if err != nil {
		return answer{}, err
	}
	var wallet proof.ID
	if w.value != nil {
		wallet = w.value.ID
	}
	d := c.ask(rule.Question{Wallet: wallet, Target: username})
	if !d.Allowed {
		return e.deny(ctx, c, wallet, d)
	}
	next := c.controls.value.Next()
	before := next.Frozen
	if next.Frozen, err = change(before, username, wallet); err != nil {
		return answer{}, err
	}
	if o := c.record.value; o.Strands(before.Users, o, next.Frozen.Users, c.now) {
		return answer{}, api.Errorf(api.TypeInvalid, "this is the last user with policy ROOT who is not frozen: nobody could lift it again; freeze the organization instead").At("params.username")
	}
	p := c.change(d, frozenResult(next.Frozen))
	p.entry.Wallet = wallet
	if !next.Frozen.Equal(before) {
		p.put(controlsKey(c.organization), next)
	}
	err = e.apply(p, func() error {
		if w.value != nil && e.version(ledger.NewKey(ledger.KindWallet, c.organization, wallet)) != w.version {
			return errChanged
		}
		return e.unchanged(c)
	})
	if err != nil {
		return answer{}, err
	}
	return e.wait(ctx, p)
}

// freezable reads what the parameters name: a user or a wallet of the organization, or neither.
func (e *Engine) freezable(ctx context.Context, c *caller, params *api.FreezeParams) (username string, w found[org.Wallet], err error) {
	switch {
	case params.Username != nil && params.WalletID != nil:
		return "", w, api.Errorf(api.TypeInvalid, "name a user or a wallet, not both; neither for the whole organization").At("params.walletId")
	case params.Username != nil:
		known := c.record.value.User(*params.Username) >= 0 || slices.Contains(c.controls.value.Freezes().Users, *params.Username)
		if !known || *params.Username == "" {
			return "", w, api.Errorf(api.TypeNotFound, "no such user").At("params.username")
		}
		return *params.Username, w, nil
	case params.WalletID != nil:
		w, err = e.ownWallet(ctx, c, *params.WalletID)
		return "", w, err
	}
	return "", w, nil
}

func frozenResult(f org.Frozen) api.Frozen {
	result := api.Frozen{Organization: f.Organization, Usernames: append([]string{}, f.Users...), WalletIDs: []string{}}
	for _, w := range f.Wallets {
		result.WalletIDs = append(result.WalletIDs, uuid(w))
	}
	return result
}
