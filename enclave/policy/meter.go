package policy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/ledger"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/rule/amount"
	"github.com/redoubt-kms/redoubt/internal/rule/fact"
	"github.com/redoubt-kms/redoubt/internal/rule/language"
	"github.com/redoubt-kms/redoubt/internal/usage"
	"github.com/redoubt-kms/redoubt/proof"
)

// meter counts the usage of one request against the counters that one organization keeps.
type meter struct {
	engine       *Engine
	organization proof.ID // whose counters
	caller       *caller
	wallet       proof.ID
	prices       org.Prices
	facts        *fact.Facts
	names        []org.Counter
	counted      []*counted
	windows      []language.Counter // that the policy names
	now          time.Time
}

// counted is one counter with what the request adds to it.
type counted struct {
	org.Counter
	subject string
	key     ledger.Key
	more    *amount.Amount // nil when it is not known
	fault   error          // why not
	series  found[usage.Series]
}

// maxDestinations bounds how many counters one request moves.
const maxDestinations = 64

// newMeter finds what a request adds to the counters of an organization, those of its controls. It is nil when there are
// none.
func (e *Engine) newMeter(c *caller, organization proof.ID, controls *org.Controls, wallet proof.ID, facts *fact.Facts) *meter {
	if controls == nil || len(controls.Counters) == 0 {
		return nil
	}
	m := &meter{
		engine: e, organization: organization, caller: c, wallet: wallet, prices: controls.Prices, facts: facts,
		names: controls.Counters, now: time.UnixMilli(int64(c.now)),
	}
	for _, name := range m.names {
		for _, subject := range m.subjects(usage.Scope(name.Scope)) {
			n := &counted{Counter: name, subject: subject, key: m.key(name, subject)}
			destination := ""
			if name.Scope == string(usage.Destination) {
				destination = subject
			}
			n.more, n.fault = m.amount(name.Asset, destination)
			m.counted = append(m.counted, n)
		}
	}
	return m
}

// subjects are whose usage a scope means in this request. Another organization makes users and authenticators as it likes,
// so for the owner of a wallet that it was granted it is one.
func (m *meter) subjects(scope usage.Scope) []string {
	by := m.caller.member
	if m.organization != m.caller.organization && (scope == usage.User || scope == usage.Authenticator) {
		return []string{uuid(m.caller.organization)}
	}
	switch scope {
	case usage.User:
		return []string{uuid(m.caller.organization) + "/" + by.User.Username}
	case usage.Authenticator:
		return []string{uuid(by.Authenticator.ID)}
	case usage.Wallet:
		return []string{uuid(m.wallet)}
	case usage.Organization:
		return []string{uuid(m.caller.organization)}
	case usage.Destination:
		all := m.facts.Destinations()
		return all[:min(len(all), maxDestinations)]
	}
	return nil
}

func (m *meter) key(name org.Counter, subject string) ledger.Key {
	id := org.TagID(m.engine.tagKey, m.organization, "usage\x00"+name.Scope+"\x00"+name.Asset+"\x00"+subject)
	return ledger.NewKey(ledger.KindUsage, m.organization, id)
}

// amount is how much of an asset the request uses: requests of no asset, dollars of all assets.
func (m *meter) amount(asset, destination string) (*amount.Amount, error) {
	switch asset {
	case "":
		return amount.New(1), nil
	case assetUSD:
	default:
		return m.facts.Spent(asset, destination)
	}
	total := amount.New(0)
	for _, one := range m.facts.Assets() {
		spent, err := m.facts.Spent(one, destination)
		if err != nil {
			return nil, err
		}
		value, err := usage.Value(m.prices, one, spent, m.now)
		if err != nil {
			return nil, err
		}
		if total, err = total.Plus(value); err != nil {
			return nil, err
		}
	}
	return total, nil
}

// assetUSD is the value of all assets together.
const assetUSD = "USD"

// fetch makes sure that the counters are in memory, without holding anybody up.
func (m *meter) fetch(ctx context.Context) error {
	if m.caller.history != nil {
		return nil
	}
	for _, n := range m.counted {
		if _, err := load[usage.Series](ctx, m.engine, n.key); err != nil {
			return err
		}
	}
	return nil
}

// take reads the counters as they are now; false when one of them has to be fetched first.
func (m *meter) take() bool {
	for _, n := range m.counted {
		if m.caller.history != nil {
			n.series.value = m.caller.history[n.key]
			continue
		}
		var here bool
		if n.series, here = peek[usage.Series](m.engine, n.key); !here {
			return false
		}
	}
	return true
}

// reserve adds the request to the counters, as changes of its proposal. What is reserved is never given back: once the
// entry is in the log, a signature may exist.
func (m *meter) reserve(p *proposal) error {
	return m.move(func(n *counted, s *usage.Series) {
		p.put(n.key, s)
		told := n.entry(s)
		if m.organization != m.caller.organization {
			told.Total = "" // the entry is the caller's organization's, and what others used is the owner's to know
		}
		p.entry.Counters = append(p.entry.Counters, told)
	})
}

// remember adds the request to the usage of a replay.
func (m *meter) remember() error {
	return m.move(func(n *counted, s *usage.Series) { m.caller.history[n.key] = s })
}

// move makes the new state of each counter that the request moves.
func (m *meter) move(keep func(*counted, *usage.Series)) error {
	byDestination := func(c org.Counter) bool { return c.Scope == string(usage.Destination) }
	if slices.ContainsFunc(m.names, byDestination) && len(m.facts.Destinations()) > maxDestinations { // what is not counted counts for nobody's limit
		return fmt.Errorf("the organization counts by destination, and no request with more than %d can be counted", maxDestinations)
	}
	for _, n := range m.counted {
		if n.more != nil && n.more.Cmp(amount.New(0)) == 0 {
			continue
		}
		series := n.series.value
		if series == nil {
			series = usage.New(time.UnixMilli(int64(n.Since)))
		}
		var err error
		for _, w := range m.windows {
			if w.Asset == n.Asset && w.Scope == n.Scope {
				if series, err = series.Keep(m.now, w.Window); err != nil {
					return err
				}
			}
		}
		if series, err = series.Add(m.now, n.more); err != nil {
			return err
		}
		keep(n, series)
	}
	return nil
}

// entry is how the log tells of a counter: its newest bucket.
func (n *counted) entry(s *usage.Series) ledger.Counter {
	newest := s.Buckets[len(s.Buckets)-1]
	return ledger.Counter{
		Version: s.Version, Subject: n.Scope + ":" + n.subject, Asset: n.Asset,
		Bucket: newest.Start, Total: amount.FromBytes(newest.Total).String(),
	}
}

// unchanged says whether the counters are still as they were taken. The engine's lock is held.
func (m *meter) unchanged() error {
	for _, n := range m.counted {
		if m.engine.version(n.key) != n.series.version {
			return errChanged
		}
	}
	return nil
}

// Spent implements fact.Usage: the total of the window with this request. Of several destinations the largest counts.
func (m *meter) Spent(asset, window, scope string) (*amount.Amount, error) {
	return m.total(asset, window, scope)
}

// Count implements fact.Usage.
func (m *meter) Count(window, scope string) (*amount.Amount, error) {
	return m.total("", window, scope)
}

func (m *meter) total(asset, window, scope string) (*amount.Amount, error) {
	largest := amount.New(0)
	if scope == string(usage.Destination) && len(m.facts.Destinations()) > maxDestinations {
		return nil, fmt.Errorf("more than %d destinations", maxDestinations)
	}
	if !slices.ContainsFunc(m.names, func(c org.Counter) bool { return c.Asset == asset && c.Scope == scope }) {
		return nil, errors.New("this usage is not counted yet: write the policy again")
	}
	for _, n := range m.counted {
		if n.Asset != asset || n.Scope != scope {
			continue
		}
		before, err := m.before(n, window)
		if err == nil {
			err = n.fault
		}
		if err != nil {
			return nil, err
		}
		after, err := before.Plus(n.more)
		if err != nil {
			return nil, fmt.Errorf("more %s than can be counted: %w", asset, err)
		}
		if after.Cmp(largest) > 0 {
			largest = after
		}
	}
	return largest, nil
}

// before is what was used in a window without this request.
func (m *meter) before(n *counted, window string) (*amount.Amount, error) {
	if used, ok := m.caller.assumed[language.Counter{Asset: n.Asset, Window: window, Scope: n.Scope}]; ok {
		return used, nil
	}
	begin, err := usage.Begins(window, m.now)
	if err != nil {
		return nil, err
	}
	if restored := m.engine.rebase.begin; restored != 0 && begin.UnixMilli() <= int64(restored) { //nolint:gosec // anchored times are small
		return nil, fmt.Errorf("the ledger was restored at %s: a window that holds this moment counts as used up", time.UnixMilli(int64(restored)).UTC().Format(time.RFC3339)) //nolint:gosec // see above
	}
	if n.series.value == nil {
		return amount.New(0), nil
	}
	total, err := n.series.value.Total(m.now, window)
	if errors.Is(err, usage.ErrUnknown) {
		return nil, fmt.Errorf("%s: %w", n.Asset, err)
	}
	return total, err
}

// limitOf explains how the request stands to a limit.
func (m *meter) limitOf(c language.Counter, limit *amount.Amount) *api.LimitExplanation {
	for _, n := range m.counted {
		if n.Asset != c.Asset || n.Scope != c.Scope || n.more == nil {
			continue
		}
		before, err := m.before(n, c.Window)
		if err != nil {
			return nil
		}
		if after, err := before.Plus(n.more); err == nil && after.Cmp(limit) <= 0 {
			continue // another destination's
		}
		told := &api.LimitExplanation{
			Asset: c.Asset, Window: c.Window, Scope: c.Scope, Limit: limit.String(), Used: before.String(),
			Requested: n.more.String(), Left: limit.Minus(before).String(), CountedAt: rfc3339(n.Since),
		}
		if room := limit.Minus(n.more); n.more.Cmp(limit) <= 0 && n.series.value != nil {
			if at := n.series.value.Frees(m.now, c.Window, room); !at.IsZero() {
				told.FreesAt = at.UTC().Format(time.RFC3339)
			}
		}
		return told
	}
	return nil
}

func rfc3339(ms uint64) string {
	return time.UnixMilli(int64(ms)).UTC().Format(time.RFC3339) //nolint:gosec // anchored times are small
}
