package policy

import (
	"errors"
	"fmt"
	"testing"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/proof"
)

// What a policy names is counted from then on; what was named before keeps its beginning, and so does the record that others
// read. An organization counts so much and no more.
func TestNameCounters(t *testing.T) {
	naming := func(from, to int) *org.Policy {
		p := &org.Policy{Type: org.PolicyCEL}
		for i := from; i < to; i++ {
			expression := fmt.Sprintf("request.method == 'signTransaction' && usage.spent('eip155:%d/slip44:60', 'day') <= 5", i+2)
			p.Rules = append(p.Rules, org.Rule{Expression: expression, Outcome: org.OutcomeAllow})
		}
		return p
	}
	c := &caller{now: 2000, compilations: newCompilations()}
	old := &org.Controls{Counters: []org.Counter{{Scope: "user", Asset: "eip155:2/slip44:60", Since: 1000}}}
	old.Counters = append(make([]org.Counter, 0, 99), old.Counters...)
	p := &proposal{}
	if err := c.nameCounters(p, proof.ID{1}, old, []*org.Policy{naming(0, 3)}); err != nil || len(p.changes) != 1 {
		t.Fatalf("%+v, %v", p.changes, err)
	}
	next, ok := p.changes[0].value.(*org.Controls)
	if !ok || p.changes[0].key != controlsKey(proof.ID{1}) || len(next.Counters) != 3 || len(old.Counters) != 1 || old.Counters[:2][1].Asset != "" {
		t.Fatalf("%+v, before %+v", p.changes[0], old.Counters)
	}
	for _, one := range next.Counters {
		want := c.now
		if one.Asset == "eip155:2/slip44:60" {
			want = 1000
		}
		if one.Since != want {
			t.Errorf("%s is counted since %d, want %d", one.Asset, one.Since, want)
		}
	}
	p = &proposal{}
	if err := c.nameCounters(p, proof.ID{1}, next, []*org.Policy{naming(0, 2)}); err != nil || len(p.changes) != 0 {
		t.Errorf("nothing new: %+v, %v", p.changes, err)
	}
	half := maxCounters / 2
	p = &proposal{}
	if err := c.nameCounters(p, proof.ID{1}, nil, []*org.Policy{naming(0, half), naming(half, maxCounters)}); err != nil || len(p.changes) != 1 {
		t.Errorf("as many as there may be: %v", err)
	}
	var refused *api.Error
	p = &proposal{}
	err := c.nameCounters(p, proof.ID{1}, nil, []*org.Policy{naming(0, half), naming(half, maxCounters), naming(maxCounters, maxCounters+1)})
	if !errors.As(err, &refused) || refused.Type != api.TypeLimit || len(p.changes) != 0 {
		t.Errorf("one more: %v, %+v", err, p.changes)
	}
}
