package policy

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"time"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/rule"
	"github.com/redoubt-kms/redoubt/proof"
	"github.com/redoubt-kms/redoubt/stamp"
)

func (e *Engine) getControls(ctx context.Context, c *caller, _ *api.OrganizationParams) (answer, error) {
	if d := c.ask(rule.Question{}); !d.Allowed {
		return e.deny(ctx, c, proof.ID{}, d)
	}
	return success(e.controlsResult(c.controls.value)), nil
}

// updateControls changes the settings that the parameters name.
func (e *Engine) updateControls(ctx context.Context, c *caller, params *api.UpdateControlsParams) (answer, error) {
	d := c.ask(rule.Question{})
	if !d.Allowed {
		return e.deny(ctx, c, proof.ID{}, d)
	}
	next := c.controls.value.Next()
	changed, err := e.change(next, params)
	if err != nil {
		return answer{}, err
	}
	if !changed {
		return answer{}, api.Errorf(api.TypeInvalid, "names no setting to change: rates, approvalExpiryMs, requirePolicyTests or prices").At("params")
	}
	p := c.change(d, e.controlsResult(next))
	p.put(controlsKey(c.organization), next)
	if err := e.apply(p, func() error { return e.unchanged(c) }); err != nil {
		return answer{}, err
	}
	return e.wait(ctx, p)
}

// change applies an update to controls that nobody else has yet, and says whether it names anything.
func (e *Engine) change(next *org.Controls, update *api.UpdateControlsParams) (bool, error) {
	changed := false
	if r := update.Rates; r != nil {
		for _, one := range []struct {
			from *uint32
			to   *uint32
			name string
		}{
			{r.Organization, &next.Rates.Organization, "organization"},
			{r.User, &next.Rates.User, "user"},
			{r.Authenticator, &next.Rates.Authenticator, "authenticator"},
		} {
			if one.from == nil {
				continue
			}
			if most := e.limiter.most; most > 0 && *one.from > most {
				return false, api.Errorf(api.TypeInvalid, "this server lets an organization set at most %d requests a second", most).At("params.rates." + one.name)
			}
			*one.to, changed = *one.from, true
		}
	}
	if b := update.RequirePolicyTests; b != nil {
		next.RequireTests, changed = *b, true
	}
	if ms := update.ApprovalExpiryMs; ms != nil {
		if err := checkSpan(*ms, "params.approvalExpiryMs"); err != nil {
			return false, err
		}
		next.ApprovalExpiry, changed = *ms, true
	}
	if p := update.Prices; p != nil && p.Feeds != nil {
		feeds, err := readFeeds(*p.Feeds, "params.prices.feeds")
		if err != nil {
			return false, err
		}
		next.Prices.Feeds, changed = feeds, true
	}
	if p := update.Prices; p != nil && p.MaxAgeMs != nil {
		if err := checkSpan(*p.MaxAgeMs, "params.prices.maxAgeMs"); err != nil {
			return false, err
		}
		next.Prices.MaxAge, changed = *p.MaxAgeMs, true
	}
	return changed, nil
}

// checkSpan refuses a time that makes no sense; 0 stands for the server's own.
func checkSpan(ms uint64, path string) error {
	if least, most := uint64(api.MinControl/time.Millisecond), uint64(api.MaxControl/time.Millisecond); ms != 0 && (ms < least || ms > most) {
		return api.Errorf(api.TypeInvalid, "want %d to %d milliseconds, or 0 for the server's own", least, most).At(path)
	}
	return nil
}

// readFeeds reads the keys of price feeds.
func readFeeds(all []string, path string) ([][]byte, error) {
	if len(all) > maxFeeds {
		return nil, api.Errorf(api.TypeLimit, "at most %d feeds", maxFeeds).At(path)
	}
	var keys [][]byte
	for i, text := range all {
		key, err := base64.RawURLEncoding.Strict().DecodeString(text)
		if err != nil || stamp.CheckEd25519(key) != nil {
			return nil, api.Errorf(api.TypeInvalid, "want base64url of an Ed25519 key").At(element(path, i))
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// maxFeeds bounds how many price feeds an organization trusts.
const maxFeeds = 8

func (e *Engine) controlsResult(c *org.Controls) api.Controls {
	c = c.Next()
	feeds, contracts, counters := []string{}, []api.Contract{}, []api.Counter{}
	for _, key := range c.Prices.Feeds {
		feeds = append(feeds, base64.RawURLEncoding.EncodeToString(key))
	}
	for _, k := range c.Contracts {
		contracts = append(contracts, api.Contract{Chain: k.Chain, Address: k.Address, Name: k.Name, ABIHash: hex.EncodeToString(k.Hash[:])})
	}
	for _, k := range c.Counters {
		counters = append(counters, api.Counter{Scope: k.Scope, Asset: k.Asset, SinceMs: int64(k.Since)})
	}
	return api.Controls{
		Contracts: contracts, Counters: counters,
		Frozen:           frozenResult(c.Frozen),
		Rates:            api.Rates{Organization: c.Rates.Organization, User: c.Rates.User, Authenticator: c.Rates.Authenticator},
		ServerRates:      api.ServerRates{Organization: e.limiter.rate, Maximum: e.limiter.most},
		ApprovalExpiryMs: c.ApprovalExpiry, RequirePolicyTests: c.RequireTests, Prices: api.PriceRules{MaxAgeMs: c.Prices.MaxAge, Feeds: feeds, Table: pricesResult(c.Prices.Table).Prices},
	}
}
