package policy

import (
	"sync"

	"github.com/redoubt-kms/redoubt/chain/evm/abi"
	"github.com/redoubt-kms/redoubt/chain/evm/abi/abijson"
	"github.com/redoubt-kms/redoubt/internal/derivation"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/rule"
	"github.com/redoubt-kms/redoubt/internal/rule/fact"
	"github.com/redoubt-kms/redoubt/internal/rule/language"
	"github.com/redoubt-kms/redoubt/internal/wire"
)

// compilations keeps compiled policies and contracts by the place of their source in memory, which no other policy has
// while it is kept here: records are never changed, only replaced.
type compilations struct {
	mu        sync.Mutex
	policies  map[any]*language.Policy // by *org.Rule or *org.USDLimit
	parts     int                      // of policies
	contracts map[*org.Contract]*abi.Contract
	shared    *compilations // where to look, too; nil but for what is kept for one request
}

// maxCompilations and maxParts bound what is kept; beyond them all is forgotten, and made again as it is needed.
const (
	maxCompilations = 4096
	maxParts        = 1 << 20 // a part takes a few hundred bytes
)

func newCompilations() *compilations {
	return &compilations{policies: map[any]*language.Policy{}, contracts: map[*org.Contract]*abi.Contract{}}
}

// forOne keeps what one request supposes apart from what everybody's requests need.
func (k *compilations) forOne() *compilations {
	one := newCompilations()
	one.shared = k
	return one
}

// policy compiles the rules of a policy, once.
func (k *compilations) policy(p *org.Policy) (*language.Policy, error) {
	rules := p.Rules
	var place any
	switch {
	case p.USDLimit != nil:
		rules, place = rule.ConnectionRules(p.USDLimit), p.USDLimit
	case len(rules) == 0:
		return language.Compile(nil, p.Constants)
	default:
		place = &rules[0]
	}
	if made := k.find(place); made != nil {
		return made, nil
	}
	made, err := language.Compile(rules, p.Constants)
	if err != nil {
		return nil, err
	}
	k.keep(place, made)
	return made, nil
}

func (k *compilations) find(place any) *language.Policy {
	k.mu.Lock()
	made := k.policies[place]
	k.mu.Unlock()
	if made == nil && k.shared != nil {
		return k.shared.find(place)
	}
	return made
}

func (k *compilations) keep(place any, made *language.Policy) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.policies[place] != nil {
		return
	}
	if len(k.policies) >= maxCompilations || k.parts+made.Parts() > maxParts {
		clear(k.policies)
		k.parts = 0
	}
	k.policies[place] = made
	k.parts += made.Parts()
}

// contract finds the interface that an organization registered for a contract.
func (k *compilations) contract(all []org.Contract, chain, address string) *abi.Contract {
	for i := range all {
		c := &all[i]
		if c.Chain != chain || c.Address != address {
			continue
		}
		if k.shared != nil {
			return k.shared.contract(all[i:i+1], chain, address)
		}
		k.mu.Lock()
		made, ok := k.contracts[c]
		k.mu.Unlock()
		if ok {
			return made
		}
		made, err := abijson.Parse(c.ABI) // which others do not wait for
		if err != nil {
			return nil // it was read when it was registered
		}
		k.mu.Lock()
		defer k.mu.Unlock()
		if len(k.contracts) >= maxCompilations {
			clear(k.contracts)
		}
		k.contracts[c] = made
		return made
	}
	return nil
}

// signature is what a request would have signed, for the rules that look at it.
type signature struct {
	intent  intent
	account wire.Account
}

// facts are what the rules of an organization read of a request.
func (c *caller) facts(q rule.Question, controls *org.Controls, s *signature) *fact.Facts {
	_, origin := login(c.member) // which the person saw when they connected the app
	f := &fact.Facts{
		Request: fact.Request{
			Method: q.Method, Time: c.now, PolicyName: q.PolicyName, Target: q.Target, Recipient: q.Recipient, Index: -1, Origin: origin,
		},
		Organization: c.record.value, User: c.member.User, Authenticator: c.member.Authenticator, Wallet: q.Held,
	}
	if q.Path.Format != "" {
		f.Request.Path, f.Request.PathText = &q.Path, derivation.Path(q.Path.Steps).String()
		f.Request.Index = accountIndex(q.Path.Steps)
	}
	if controls != nil {
		f.Contract = func(chain, address string) *abi.Contract {
			return c.compilations.contract(controls.Contracts, chain, address)
		}
	}
	if s != nil {
		f.Payload, f.PublicKey, f.Address, f.Network = s.intent.parsed, s.account.PublicKey, s.account.Address, s.intent.network
		f.Message = s.intent.text()
	}
	return f
}

// accountIndex is the step of a path by which wallets count accounts: the fifth for Ethereum, the third elsewhere, as
// BIP-44 has it; -1 for a shorter path.
func accountIndex(path derivation.Path) int64 {
	const hardened, ethereum = 1 << 31, 60 | 1<<31
	place := 2
	if len(path) >= 5 && path[1] == ethereum {
		place = 4
	}
	if len(path) <= place {
		return -1
	}
	return int64(path[place] &^ hardened)
}

// read prepares what rules read: those of the caller's policy, and of the grant by which they use another's wallet.
func (c *caller) read(q *rule.Question, owner *org.Controls, s *signature) {
	if s != nil {
		q.Payload, q.Signer = s.intent.parsed, s.account.PublicKey
	}
	if q.Own == nil && c.member.User.Policy.ByRules() {
		q.Own = &rule.Reading{Facts: c.facts(*q, c.controls.value, s), Compiled: c.compilations.policy}
	}
	if q.Owner == nil && q.Grant != nil && q.Grant.Policy.ByRules() {
		q.Owner = &rule.Reading{Facts: c.facts(*q, owner, s), Compiled: c.compilations.policy}
	}
}
