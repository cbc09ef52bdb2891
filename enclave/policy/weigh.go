package policy

import (
	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/ledger"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/usage"
)

// small is more than what a record or a part of one takes beside its texts.
const small = 256

// size is about what a proposal adds to the frames of its commit, rather more than less: a commit that does not fit into a
// frame ends the engine. Records are sealed later, so what is in them is weighed here.
func (p *proposal) size() int {
	n := small + len(p.body) + len(p.entry.Outcome) + len(p.entry.Explanation)
	n += small * (len(p.entry.Counters) + len(p.changes)) // their subjects and keys in the entry
	n += effectsWeight(&p.entry.Effects)
	for _, c := range p.changes {
		n += len(c.sealed) + weight(c.value)
	}
	if p.order != nil {
		n += len(p.order.payload) + len(p.order.sealed)
	}
	return n
}

func effectsWeight(e *ledger.Effects) int {
	n := small * (len(e.Authority) + len(e.Programs))
	for _, all := range [][]ledger.Movement{e.Transfers, e.Approvals} {
		for _, m := range all {
			n += 16 + len(m.Asset) + len(m.From) + len(m.To) + len(m.Amount)
		}
	}
	return n
}

// weight is about what a record takes once it is encoded.
func weight(record any) int {
	n := small
	switch r := record.(type) {
	case *org.Organization:
		for i := range r.Users {
			n += userWeight(&r.Users[i])
		}
		for _, tag := range r.Tags {
			n += 8 + len(tag)
		}
	case *org.Controls:
		n += small * (len(r.Prices.Table) + len(r.Counters) + len(r.Prices.Feeds) + len(r.Frozen.Users) + len(r.Frozen.Wallets))
		for i := range r.Contracts {
			n += small + len(r.Contracts[i].ABI)
		}
	case *org.Grants:
		n += grantsWeight(r.All)
	case *org.Pending:
		n += grantsWeight(r.Retain)
	case *org.Waiting:
		n += len(r.Body) + len(r.Outcome.Body) + len(r.Explanation) + len(r.Effects) + len(r.Reason) + small*(len(r.Groups)+len(r.Given))
	case *org.Roll:
		n += small / 4 * len(r.Lines)
	case *org.Ways:
		n += 2 * small * len(r.Pending)
	case *usage.Series:
		n += small / 4 * (len(r.Buckets) + 2*len(r.Calendars))
	}
	return n
}

// userWeight counts what an authenticator holds, too: of kind oidc that may be a whole set of keys.
func userWeight(u *org.User) int {
	n := small + policyWeight(&u.Policy)
	for i := range u.Authenticators {
		n += small/2 + len(u.Authenticators[i].Name) + len(u.Authenticators[i].PublicKey)
	}
	for i := range u.Traits {
		n += 8 + len(u.Traits[i].Name) + len(u.Traits[i].Value)
	}
	return n
}

func grantsWeight(all []org.Grant) int {
	n := 0
	for i := range all {
		n += 2*small + policyWeight(&all[i].Policy) + small*len(all[i].Paths)
		if all[i].Transactions != nil {
			n += api.MaxSmallBody // in which it came
		}
	}
	return n
}

func policyWeight(p *org.Policy) int {
	n := small
	for i := range p.Rules {
		r := &p.Rules[i]
		n += 32 + len(r.Expression) + len(r.Comment)
		for _, a := range r.Approvals {
			n += 8 + len(a.Tag)
		}
	}
	for i := range p.Constants {
		c := &p.Constants[i]
		n += 32 + len(c.Name) + len(c.Value) + len(c.Comment)
	}
	return n
}
