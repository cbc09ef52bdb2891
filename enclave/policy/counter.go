package policy

import (
	"cmp"
	"slices"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/rule/language"
	"github.com/redoubt-kms/redoubt/proof"
)

// maxCounters bounds what an organization counts: each is a record to move with every signature.
const maxCounters = 32

// nameCounters has an organization count what its policies name, from now on, with the change that names it. What was
// named once is counted for ever, so that writing a policy anew resets nothing.
func (c *caller) nameCounters(p *proposal, organization proof.ID, controls *org.Controls, policies []*org.Policy) error {
	next := controls.Next()
	before := len(next.Counters)
	for _, policy := range policies {
		for _, named := range c.windows(policy) {
			one := org.Counter{Scope: named.Scope, Asset: named.Asset, Since: c.now}
			add(&next.Counters, one)
		}
	}
	if len(next.Counters) == before {
		return nil
	}
	if len(next.Counters) > maxCounters {
		return api.Errorf(api.TypeLimit, "the organization's policies name %d counters, the most there may be is %d", len(next.Counters), maxCounters)
	}
	p.put(controlsKey(organization), next)
	return nil
}

// named are the counters that the policies of grants name.
func (c *caller) named(all []org.Grant) []language.Counter {
	var named []language.Counter
	for i := range all {
		named = append(named, c.windows(&all[i].Policy)...)
	}
	return named
}

// add inserts a counter in order, unless it is there.
func add(all *[]org.Counter, one org.Counter) {
	place, there := slices.BinarySearchFunc(*all, one, func(a, b org.Counter) int {
		return cmp.Or(cmp.Compare(a.Scope, b.Scope), cmp.Compare(a.Asset, b.Asset))
	})
	if !there {
		*all = slices.Insert(slices.Clone(*all), place, one)
	}
}
