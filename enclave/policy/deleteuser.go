package policy

import (
	"context"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/ledger"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/rule"
	"github.com/redoubt-kms/redoubt/proof"
)

// deleteUser removes a user. Their keys are strangers' from the moment that it is applied, also in what was decided before
// and not yet applied: apply looks again at the organization's version. Their ways to sign in lead to a new organization from
// then on, or they would lead for ever to one in which the person is nobody.
func (e *Engine) deleteUser(ctx context.Context, c *caller, params *api.DeleteUserParams) (answer, error) {
	d := c.ask(rule.Question{Target: params.Username})
	if !d.Allowed {
		return e.deny(ctx, c, proof.ID{}, d)
	}
	before := c.record.value
	after, err := before.DeleteUser(params.Username, c.now)
	if err != nil {
		return answer{}, err
	}
	left, err := e.leadsOf(ctx, &before.Users[before.User(params.Username)])
	if err != nil {
		return answer{}, err
	}
	p, err := e.propose(c, d, before, after, organizationResult(after))
	if err != nil {
		return answer{}, err
	}
	for _, w := range left {
		p.put(w.key, w.lead.value.Left())
	}
	check := func() error {
		for _, w := range left {
			if e.version(w.key) != w.lead.version {
				return errChanged
			}
		}
		return e.unchanged(c)
	}
	if err := e.apply(p, check); err != nil {
		return answer{}, err
	}
	return e.wait(ctx, p)
}

// leading is the record of where a way to sign in leads, under its key.
type leading struct {
	key  ledger.Key
	lead found[org.Identity]
}

// leadsOf reads where the ways to sign in of a user lead, those that expired too.
func (e *Engine) leadsOf(ctx context.Context, u *org.User) ([]leading, error) {
	var all []leading
	for i := range u.Authenticators {
		subject, ok := u.Authenticators[i].Way()
		if !ok {
			continue
		}
		w := leading{key: identityKey(subject)}
		var err error
		if w.lead, err = load[org.Identity](ctx, e, w.key); err != nil {
			return nil, err
		}
		all = append(all, w)
	}
	return all, nil
}
