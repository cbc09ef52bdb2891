package policy

import (
	"context"
	"slices"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/ledger"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/rule"
	"github.com/redoubt-kms/redoubt/proof"
	"github.com/redoubt-kms/redoubt/stamp"
)

// createOrganization is the only method that may come without a stamp, where the manifest says so. A stamped one must
// be stamped by a key that the new organization lists.
func (e *Engine) createOrganization(ctx context.Context, c *caller, raw []byte) (answer, error) {
	var params api.CreateOrganizationParams
	if err := decode(raw, &params, "params"); err != nil {
		return answer{}, err
	}
	if c.stamp == nil && !e.vault.Manifest().OpenSignUp {
		return answer{}, unauthenticated()
	}
	made, err := e.newOrganization(ctx, c, params)
	if err != nil {
		return answer{}, err
	}
	if params.ParentOrganizationID != "" {
		return e.createChild(ctx, c, params.ParentOrganizationID, made)
	}
	var caller proof.ID
	if c.stamp != nil {
		if caller, err = c.foundingKey(made); err != nil {
			return answer{}, err
		}
	}
	return e.found(ctx, c, caller, func() (answer, error) {
		c.organization = made.ID
		return e.applyOrganization(ctx, c, signUp(), nil, made, organizationResult(made))
	})
}

// foundingKey finds the authenticator of a new organization that stamped its founding, and names it.
func (c *caller) foundingKey(made *org.Organization) (proof.ID, error) {
	switch c.stamp.Kind {
	case stamp.PKI:
		if _, ok := made.Find(c.stamp.Algorithm, c.stamp.PublicKey); ok {
			return org.HolderID(c.stamp.Algorithm, c.stamp.PublicKey), nil
		}
	case stamp.Passkey:
		if m, p, ok := made.Credential(c.stamp.Passkey.CredentialID); ok {
			if _, err := c.verifyPasskey(p); err == nil {
				return org.HolderID("", m.Authenticator.PublicKey), nil
			}
		}
	case stamp.OIDC:
		return proof.ID{}, api.Errorf(api.TypeUnsupported, "an organization is founded unstamped, or stamped by a key that it lists")
	}
	return proof.ID{}, unauthenticated()
}

// signUp is the decision that lets somebody found an organization whom no policy knows yet.
func signUp() rule.Decision { return rule.Decision{Allowed: true, Rule: "sign-up"} }

// found founds an organization, once for equal requests of a caller.
func (e *Engine) found(ctx context.Context, c *caller, caller proof.ID, do func() (answer, error)) (answer, error) {
	first := func(p *replay) answer {
		c.replay = p
		return e.untilSettled(ctx, c, do)
	}
	return e.once(ctx, replayKey(c.request, caller), c.now, first, nil, func(p *replay) answer {
		a, err := e.fromLog(ctx, c, p, nil)
		if err != nil {
			return failure(err, c.requestID)
		}
		return a
	}), nil
}

// createChild founds an organization that names another one as its parent. That is the parent's to say, so it is a member
// of the parent who asks, by its policies; whose keys the new one has does not matter.
func (e *Engine) createChild(ctx context.Context, c *caller, parent string, made *org.Organization) (answer, error) {
	if c.stamp == nil {
		return answer{}, unauthenticated()
	}
	var err error
	if made.Parent, err = parseID(parent, "params.parentOrganizationId"); err != nil {
		return answer{}, err
	}
	c.organization = made.Parent
	if err := e.authenticate(ctx, c); err != nil {
		return answer{}, err
	}
	if err := e.limiter.allow(c); err != nil {
		return answer{}, err
	}
	return e.found(ctx, c, c.member.Authenticator.ID, func() (answer, error) {
		d := c.ask(rule.Question{})
		if !d.Allowed {
			return e.deny(ctx, c, proof.ID{}, d)
		}
		return e.applyOrganization(ctx, c, d, nil, made, organizationResult(made))
	})
}

// applyOrganization stores a new state of the caller's organization, with the marks of who holds a key of it.
func (e *Engine) applyOrganization(ctx context.Context, c *caller, d rule.Decision, before, after *org.Organization, result any) (answer, error) {
	p, err := e.propose(c, d, before, after, result)
	if err != nil {
		return answer{}, err
	}
	if err := e.apply(p, func() error { return e.unchanged(c) }); err != nil {
		return answer{}, err
	}
	return e.wait(ctx, p)
}

// propose starts the entry of a new state of an organization.
func (e *Engine) propose(c *caller, d rule.Decision, before, after *org.Organization, result any) (*proposal, error) {
	if frozen := c.controls.value.Freezes().Users; before != nil && len(frozen) > 0 && before.Strands(frozen, after, frozen, c.now) {
		return nil, api.Errorf(api.TypeInvalid, "this leaves no user with policy ROOT who is not frozen and could lift a freeze; unfreeze or add one first")
	}
	p := c.change(d, result)
	p.put(organizationKey(after.ID), after)
	controls := c.controls.value
	if before == nil {
		controls = nil // those of the caller's organization, if any, are another's
	}
	var policies []*org.Policy
	for i := range after.Users {
		if p := &after.Users[i].Policy; !before.Has(p) { // of those that it has all is counted
			policies = append(policies, p)
		}
	}
	if err := c.nameCounters(p, after.ID, controls, policies); err != nil {
		return nil, err
	}
	var held []proof.ID
	if before != nil {
		e.forgetCounts(p, before, after)
		held = before.Keys()
	}
	holds := after.Keys()
	for _, key := range holds {
		if !slices.Contains(held, key) {
			p.put(ledger.NewKey(ledger.KindAuthenticator, key, after.ID), &org.Holder{Version: org.SchemaVersion})
		}
	}
	for _, key := range held {
		if !slices.Contains(holds, key) {
			p.put(ledger.NewKey(ledger.KindAuthenticator, key, after.ID), nil)
		}
	}
	return p, nil
}

func (e *Engine) getOrganization(ctx context.Context, c *caller, _ *api.OrganizationParams) (answer, error) {
	if d := c.ask(rule.Question{}); !d.Allowed {
		return e.deny(ctx, c, proof.ID{}, d)
	}
	return success(organizationResult(c.record.value)), nil
}

func (e *Engine) addUser(ctx context.Context, c *caller, params *api.AddUserParams) (answer, error) {
	d := c.ask(rule.Question{Target: params.User.Username})
	if !d.Allowed {
		return e.deny(ctx, c, proof.ID{}, d)
	}
	user, err := e.newUser(ctx, c, params.User, "params.user")
	if err != nil {
		return answer{}, err
	}
	if err := e.testPolicy(ctx, c, user, params.User.Policy, "params.user.policy"); err != nil {
		return answer{}, err
	}
	after, err := c.record.value.AddUser(user, params.ReplaceExpirable, e.limits)
	if err != nil {
		return answer{}, err
	}
	return e.applyOrganization(ctx, c, d, c.record.value, after, organizationResult(after))
}

func (e *Engine) updateUser(ctx context.Context, c *caller, params *api.UpdateUserParams) (answer, error) {
	d := c.ask(rule.Question{Target: params.Username})
	if !d.Allowed {
		return e.deny(ctx, c, proof.ID{}, d)
	}
	var newer *org.Policy
	if params.NewPolicy.Given() {
		p, err := e.newPolicy(ctx, c, params.NewPolicy, "params.newPolicy")
		if err != nil {
			return answer{}, err
		}
		newer = &p
		if i := c.record.value.User(params.Username); i >= 0 {
			user := c.record.value.Users[i]
			user.Policy = p
			if err := e.testPolicy(ctx, c, user, params.NewPolicy, "params.newPolicy"); err != nil {
				return answer{}, err
			}
		}
	}
	add, err := traits(params.AddTraits, "params.addTraits")
	if err != nil {
		return answer{}, err
	}
	for i, name := range params.RemoveTraits {
		if err := checkName(name, api.MaxName, element("params.removeTraits", i)); err != nil {
			return answer{}, err
		}
	}
	after, err := c.record.value.UpdateUser(params.Username, newer, add, params.RemoveTraits, c.now)
	if err != nil {
		return answer{}, err
	}
	return e.applyOrganization(ctx, c, d, c.record.value, after, organizationResult(after))
}

func (e *Engine) createAuthenticator(ctx context.Context, c *caller, params *api.CreateAuthenticatorParams) (answer, error) {
	d := c.ask(rule.Question{Target: params.Username})
	if !d.Allowed {
		return e.deny(ctx, c, proof.ID{}, d)
	}
	made, err := newAuthenticator(params.Authenticator, c.now, "params.authenticator")
	if err != nil {
		return answer{}, err
	}
	after, err := c.record.value.AddAuthenticator(params.Username, made, params.ReplaceExpirable, e.limits)
	if err != nil {
		return answer{}, err
	}
	return e.applyOrganization(ctx, c, d, c.record.value, after, authenticatorResult(made))
}

func (e *Engine) updateAuthenticator(ctx context.Context, c *caller, params *api.UpdateAuthenticatorParams) (answer, error) {
	d := c.ask(rule.Question{Target: params.Username})
	if !d.Allowed {
		return e.deny(ctx, c, proof.ID{}, d)
	}
	authenticator, err := parseID(params.AuthenticatorID, "params.authenticatorId")
	if err != nil {
		return answer{}, err
	}
	newer := params.Authenticator
	if newer.AuthenticatorName != nil {
		if err := checkName(*newer.AuthenticatorName, api.MaxName, "params.authenticator.authenticatorName"); err != nil {
			return answer{}, err
		}
	}
	expires, err := expiry(newer.ExpiresInMs, c.now, "params.authenticator.expiresInMs")
	if err != nil {
		return answer{}, err
	}
	change := func(a *org.Authenticator) {
		if newer.AuthenticatorName != nil {
			a.Name = *newer.AuthenticatorName
		}
		if newer.ExpiresInMs != nil {
			a.Expires = expires
		}
	}
	if err := c.mayTouch(params.Username, authenticator); err != nil {
		return answer{}, err
	}
	after, updated, err := c.record.value.UpdateAuthenticator(params.Username, authenticator, change, c.now)
	if err != nil {
		return answer{}, err
	}
	return e.applyOrganization(ctx, c, d, c.record.value, after, authenticatorResult(updated))
}

func (e *Engine) deleteAuthenticator(ctx context.Context, c *caller, params *api.DeleteAuthenticatorParams) (answer, error) {
	d := c.ask(rule.Question{Target: params.Username})
	if !d.Allowed {
		return e.deny(ctx, c, proof.ID{}, d)
	}
	authenticator, err := parseID(params.AuthenticatorID, "params.authenticatorId")
	if err != nil {
		return answer{}, err
	}
	if err := c.mayTouch(params.Username, authenticator); err != nil {
		return answer{}, err
	}
	after, gone, err := c.record.value.DeleteAuthenticator(params.Username, authenticator, c.now)
	if err != nil {
		return answer{}, err
	}
	return e.applyOrganization(ctx, c, d, c.record.value, after, authenticatorResult(gone))
}
