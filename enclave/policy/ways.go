package policy

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/id"
	"github.com/redoubt-kms/redoubt/internal/ledger"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/rule"
	"github.com/redoubt-kms/redoubt/proof"
)

// A change of the ways to sign in that only one of several asks for waits so long, in which the others may veto it. What may
// wait at once is bounded.
const (
	recoveryDelay = 48 * time.Hour
	maxWayChanges = 8
)

func waysKey(organization proof.ID) ledger.Key {
	return ledger.NewKey(ledger.KindWays, organization, proof.ID{})
}

// enterWays asks the policies, and reads the changes that wait and the ways by which the caller signed in: that of the
// stamp, and those of the proofs.
func (e *Engine) enterWays(ctx context.Context, c *caller, proofs []string) (d rule.Decision, shown []string, err error) {
	if d = c.ask(rule.Question{}); !d.Allowed {
		return d, nil, nil
	}
	if !c.onPages() { // else an app could be one of the two ways that change the ways
		return d, nil, api.Errorf(api.TypeInvalid, "ways to sign in are changed by whoever signed in, and this stamp is no login of Connect")
	}
	if c.ways, err = e.waitingWays(ctx, c); err != nil {
		return d, nil, err
	}
	shown = []string{c.session}
	if len(proofs) > maxWayChanges {
		return d, nil, api.Errorf(api.TypeLimit, "at most %d", maxWayChanges).At("params.proofs")
	}
	for i, text := range proofs {
		subject, err := e.loginOf(ctx, c, text)
		if err != nil {
			return d, nil, api.Errorf(api.TypeInvalid, "not the token of a login to Connect with the key of this stamp, or it has expired; sign in again").At(element("params.proofs", i))
		}
		shown = append(shown, subject)
	}
	return d, shown, nil
}

// waitingWays reads the changes that wait. What waited when the ledger was restored from a backup may have been vetoed in the future
// that was lost, so it does not wait any more.
func (e *Engine) waitingWays(ctx context.Context, c *caller) (found[org.Ways], error) {
	w, err := load[org.Ways](ctx, e, waysKey(c.organization))
	w.value = w.value.Since(c.fence)
	return w, err
}

// addWay adds a way to sign in, at once where enough of the others ask for it.
func (e *Engine) addWay(ctx context.Context, c *caller, params *api.AddWayParams) (answer, error) {
	d, shown, err := e.enterWays(ctx, c, params.Proofs)
	if err != nil {
		return answer{}, err
	}
	if !d.Allowed {
		return e.deny(ctx, c, proof.ID{}, d)
	}
	if err := checkName(params.Name, api.MaxName, "params.name"); err != nil {
		return answer{}, err
	}
	subject, err := e.loginOf(ctx, c, params.IDToken)
	if err != nil {
		return answer{}, api.Errorf(api.TypeInvalid, "not the token of a login to Connect with the key of this stamp, or it has expired; sign in with the new way again").At("params.idToken")
	}
	change := org.WayChange{ID: id.Random(), Subject: subject, Name: params.Name, By: c.session, Created: c.now}
	return e.changeWays(ctx, c, d, change, shown)
}

// removeWay takes a way to sign in away, at once where enough of the others ask for it.
func (e *Engine) removeWay(ctx context.Context, c *caller, params *api.RemoveWayParams) (answer, error) {
	d, shown, err := e.enterWays(ctx, c, params.Proofs)
	if err != nil {
		return answer{}, err
	}
	if !d.Allowed {
		return e.deny(ctx, c, proof.ID{}, d)
	}
	way, err := parseID(params.WayID, "params.wayId")
	if err != nil {
		return answer{}, err
	}
	if _, _, err := c.record.value.RemoveWay(way, c.now); err != nil {
		return answer{}, err
	}
	change := org.WayChange{ID: id.Random(), Remove: way, By: c.session, Created: c.now}
	return e.changeWays(ctx, c, d, change, shown)
}

func (e *Engine) changeWays(ctx context.Context, c *caller, d rule.Decision, change org.WayChange, shown []string) (answer, error) {
	if c.record.value.Suffice(shown, c.now) {
		return e.carryOutChange(ctx, c, d, change)
	}
	next := c.ways.value.Next()
	if len(next.Pending) >= maxWayChanges {
		return answer{}, api.Errorf(api.TypeLimit, "%d changes of the ways to sign in wait already; veto or complete one first", maxWayChanges)
	}
	change.Effective = c.now + uint64(recoveryDelay.Milliseconds())
	next.Pending = append(next.Pending, change)
	waiting := c.wayChangeResult(&change)
	p := c.change(d, api.WayChanged{Pending: &waiting})
	p.put(waysKey(c.organization), next)
	if err := e.apply(p, func() error { return e.waysUnchanged(c) }); err != nil {
		return answer{}, err
	}
	return e.wait(ctx, p)
}

// completeWayChange carries out a change that waited long enough.
func (e *Engine) completeWayChange(ctx context.Context, c *caller, params *api.WayChangeParams) (answer, error) {
	d, change, err := e.findWayChange(ctx, c, params)
	if err != nil {
		return answer{}, err
	}
	if !d.Allowed {
		return e.deny(ctx, c, proof.ID{}, d)
	}
	if c.now < change.Effective {
		return answer{}, api.Errorf(api.TypeConflict, "the change waits until %s, so that the other ways to sign in can veto it", timestamp(change.Effective)).At("params.changeId")
	}
	return e.carryOutChange(ctx, c, d, change)
}

// vetoWayChange stops a change that waits. Every way to sign in may.
func (e *Engine) vetoWayChange(ctx context.Context, c *caller, params *api.WayChangeParams) (answer, error) {
	d, change, err := e.findWayChange(ctx, c, params)
	if err != nil {
		return answer{}, err
	}
	if !d.Allowed {
		return e.deny(ctx, c, proof.ID{}, d)
	}
	stopped := c.wayChangeResult(&change)
	p := c.change(d, api.WayChanged{Pending: &stopped})
	p.put(waysKey(c.organization), without(c.ways.value, change.ID))
	if err := e.apply(p, func() error { return e.waysUnchanged(c) }); err != nil {
		return answer{}, err
	}
	return e.wait(ctx, p)
}

func (e *Engine) findWayChange(ctx context.Context, c *caller, params *api.WayChangeParams) (rule.Decision, org.WayChange, error) {
	d, _, err := e.enterWays(ctx, c, nil)
	if err != nil || !d.Allowed {
		return d, org.WayChange{}, err
	}
	change, err := parseID(params.ChangeID, "params.changeId")
	if err != nil {
		return d, org.WayChange{}, err
	}
	i := c.ways.value.Find(change)
	if i < 0 {
		return d, org.WayChange{}, api.Errorf(api.TypeNotFound, "no such change waits").At("params.changeId")
	}
	return d, c.ways.value.Pending[i], nil
}

// without returns the record without a change; nil when nothing is left to keep.
func without(w *org.Ways, change proof.ID) any {
	next := w.Next()
	next.Pending = slices.DeleteFunc(next.Pending, func(c org.WayChange) bool { return c.ID == change })
	if len(next.Pending) == 0 {
		return nil
	}
	return next
}

// carryOutChange adds or removes a way now. An added one leads to this organization from now on, a removed one to a new one.
func (e *Engine) carryOutChange(ctx context.Context, c *caller, d rule.Decision, change org.WayChange) (answer, error) {
	before := c.record.value
	var after *org.Organization
	var way org.Way
	var err error
	if change.Remove == (proof.ID{}) {
		way.Subject = change.Subject
		var made org.Authenticator
		if made, err = newWay(change, c.now); err != nil {
			return answer{}, err
		}
		way.Authenticator = &made
		after, err = before.AddWay(made, c.now, e.limits)
	} else {
		i := slices.IndexFunc(before.Ways(c.now), func(w org.Way) bool { return w.Authenticator.ID == change.Remove })
		if i >= 0 {
			way = before.Ways(c.now)[i]
		}
		after, _, err = before.RemoveWay(change.Remove, c.now)
	}
	if err != nil {
		return answer{}, err
	}
	lead, err := load[org.Identity](ctx, e, identityKey(way.Subject))
	if err != nil {
		return answer{}, err
	}
	result := c.wayResult(way)
	p, err := e.propose(c, d, before, after, api.WayChanged{Way: &result})
	if err != nil {
		return answer{}, err
	}
	next := lead.value.Left()
	adds := change.Remove == (proof.ID{})
	if adds {
		next = lead.value.Led(c.organization)
	}
	p.put(identityKey(way.Subject), next)
	if c.ways.value.Find(change.ID) >= 0 {
		p.put(waysKey(c.organization), without(c.ways.value, change.ID))
	}
	check := func() error {
		if e.version(identityKey(way.Subject)) != lead.version {
			return errChanged
		}
		if adds {
			if err := e.mayLead(way.Subject, lead.value, c.organization); err != nil {
				return err
			}
		}
		return e.waysUnchanged(c)
	}
	if err := e.apply(p, check); err != nil {
		return answer{}, err
	}
	return e.wait(ctx, p)
}

// mayLead refuses a way that leads to another organization which exists: somebody's wallets would be out of their reach. The
// engine's lock is held, so that none is founded meanwhile.
func (e *Engine) mayLead(subject string, lead *org.Identity, here proof.ID) error {
	if there := e.leadsTo(subject, lead); there != here && e.exists(organizationKey(there)) {
		return api.Errorf(api.TypeConflict, "this way signs in to another organization already; remove it there first")
	}
	return nil
}

func newWay(change org.WayChange, now uint64) (org.Authenticator, error) {
	b, err := org.OIDC{Version: 1, Source: org.SourceConnect, Subject: change.Subject, Audience: []string{org.ConnectClient}}.Encode()
	return org.Authenticator{ID: id.Random(), Name: change.Name, Kind: org.KindOIDC, PublicKey: b, Created: now}, err
}

// waysUnchanged is unchanged for decisions that rest on the changes that wait, too. The engine's lock is held.
func (e *Engine) waysUnchanged(c *caller) error {
	if e.version(waysKey(c.organization)) != c.ways.version {
		return errChanged
	}
	return e.unchanged(c)
}

func (e *Engine) listWays(ctx context.Context, c *caller, _ *api.OrganizationParams) (answer, error) {
	if d := c.ask(rule.Question{}); !d.Allowed {
		return e.deny(ctx, c, proof.ID{}, d)
	}
	waiting, err := e.waitingWays(ctx, c)
	if err != nil {
		return answer{}, err
	}
	result := api.Ways{Ways: []api.Way{}, Pending: []api.WayChange{}}
	for _, w := range c.record.value.Ways(c.now) {
		result.Ways = append(result.Ways, c.wayResult(w))
	}
	if waiting.value != nil {
		for i := range waiting.value.Pending {
			result.Pending = append(result.Pending, c.wayChangeResult(&waiting.value.Pending[i]))
		}
	}
	return success(result), nil
}

func (c *caller) wayResult(w org.Way) api.Way {
	return api.Way{
		ID: uuid(w.Authenticator.ID), Name: w.Authenticator.Name, Subject: w.Subject, Strong: org.Strong(w.Subject),
		CreatedAtMs: int64(w.Authenticator.Created),
	}
}

func (c *caller) wayChangeResult(change *org.WayChange) api.WayChange {
	result := api.WayChange{
		ID: uuid(change.ID), Change: api.ChangeAdd, EffectiveAtMs: int64(change.Effective),
		Way: api.Way{Name: change.Name, Subject: change.Subject, Strong: org.Strong(change.Subject)},
	}
	if change.Remove != (proof.ID{}) {
		result.Change = api.ChangeRemove
		for _, w := range c.record.value.Ways(c.now) {
			if w.Authenticator.ID == change.Remove {
				result.Way = c.wayResult(w)
			}
		}
	}
	return result
}

// loginOf verifies the token of a login to the pages of Connect with the key of the caller's stamp, and gives its subject.
func (e *Engine) loginOf(ctx context.Context, c *caller, text string) (string, error) {
	t, err := e.tokens.parse(text)
	if err != nil {
		return "", err
	}
	if t.Claims.Nonce != c.stamp.Nonce() || !slices.Equal(t.Claims.Audience, []string{org.ConnectClient}) {
		return "", fmt.Errorf("the token is for another key or another audience")
	}
	return t.Claims.Subject, e.verifyLogin(ctx, c.now, t)
}
