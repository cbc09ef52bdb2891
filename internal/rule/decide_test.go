package rule_test

import (
	"encoding/hex"
	"math/big"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain"
	"github.com/redoubt-kms/redoubt/chain/evm"
	"github.com/redoubt-kms/redoubt/chain/solana"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/payload"
	"github.com/redoubt-kms/redoubt/internal/rule"
	"github.com/redoubt-kms/redoubt/internal/rule/amount"
	"github.com/redoubt-kms/redoubt/internal/rule/fact"
	"github.com/redoubt-kms/redoubt/internal/rule/language"
	"github.com/redoubt-kms/redoubt/proof"
)

func root() *org.User { return &org.User{Policy: org.Policy{Type: org.PolicyRoot}} }

func preset(name string) *org.User {
	return &org.User{Policy: org.Policy{Type: org.PolicyCEL, Preset: name}}
}

// What may be the digest of anything, or holds on every network, is signed by those who may do everything.
func TestBlindAndReplayable(t *testing.T) {
	for _, c := range []struct {
		user                   *org.User
		scope                  string // of a grant, empty for none
		plain, blind, replayed bool
	}{
		{root(), "", true, true, true},
		{preset(org.PresetAllowAll), "", true, false, true},
		{preset(org.PresetLegacyUserRole), "", true, false, false},
		{preset(org.PresetDenyAll), "", false, false, false},
		{root(), org.ScopeTransaction, true, false, false},
		{root(), org.ScopeOwner, true, true, true},
		{root(), org.ScopePayload, false, false, false},
		{preset(org.PresetLegacyUserRole), org.ScopeOwner, true, false, false},
	} {
		q := rule.Question{Method: api.SignTransaction, User: c.user}
		if c.scope != "" {
			q.Grant = &org.Grant{Version: org.GrantV0, Scopes: []string{c.scope}}
		}
		blind, replayed := q, q
		blind.Blind, replayed.Replayable = true, true
		for i, one := range []rule.Question{q, blind, replayed} {
			if d := rule.Evaluate(one); d.Allowed != []bool{c.plain, c.blind, c.replayed}[i] {
				t.Errorf("%s %s, scope %q, question %d: %+v", c.user.Policy.Type, c.user.Policy.Preset, c.scope, i, d)
			}
		}
	}
}

// A grant of version 1 lets root in always, after a time, or never, and others by its preset.
func TestGrantVersion1(t *testing.T) {
	for _, c := range []struct {
		access string
		now    uint64
		user   *org.User
		preset string
		want   bool
	}{
		{org.RootAlways, 0, root(), org.PresetDenyAll, true},
		{org.RootAlways, 0, preset(org.PresetAllowAll), org.PresetDenyAll, false},
		{org.RootAlways, 0, preset(org.PresetAllowAll), org.PresetAllowAll, true},
		{org.RootAlways, 0, preset(org.PresetDenyAll), org.PresetAllowAll, false},
		{org.RootAfter, 99, root(), org.PresetDenyAll, false},
		{org.RootAfter, 100, root(), org.PresetDenyAll, true},
		{org.RootAfter, 101, root(), org.PresetDenyAll, true},
		{org.RootAfter, 101, preset(org.PresetAllowAll), org.PresetDenyAll, false},
		{org.RootNever, 101, root(), org.PresetDenyAll, false},
		{org.RootNever, 101, root(), org.PresetAllowAll, true},
		{"", 101, root(), org.PresetDenyAll, false},
	} {
		g := &org.Grant{Version: org.GrantV1, Root: c.access, RootAfter: 100, Policy: org.Policy{Type: org.PolicyCEL, Preset: c.preset}}
		if d := rule.Evaluate(rule.Question{Method: api.SignTransaction, User: c.user, Grant: g, Now: c.now}); d.Allowed != c.want || !d.Grant && d.Allowed {
			t.Errorf("%+v: %+v", c, d)
		}
	}
}

// spends is usage that is always so much.
type spends struct{ n uint64 }

func (s spends) Spent(string, string, string) (*amount.Amount, error) { return amount.New(s.n), nil }

func (s spends) Count(string, string) (*amount.Amount, error) { return amount.New(s.n), nil }

func compiled(p *org.Policy) (*language.Policy, error) { return language.Compile(p.Rules, p.Constants) }

func reading(p chain.Payload, u fact.Usage) *rule.Reading {
	key, _ := hex.DecodeString("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798")
	return &rule.Reading{Facts: &fact.Facts{Payload: p, PublicKey: key, Address: "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf", Usage: u}, Compiled: compiled}
}

func payment(t *testing.T) chain.Payload {
	t.Helper()
	tx, err := evm.NewDynamicFee(evm.DynamicFee{ChainID: big.NewInt(1), GasLimit: 21000, MaxFeePerGas: big.NewInt(1), MaxPriorityFeePerGas: big.NewInt(1), To: &[20]byte{1}, Value: big.NewInt(5)})
	if err != nil {
		t.Fatal(err)
	}
	return tx
}

// Rules decide by what the request is asked as; what they cannot be asked about, or do not know, is denied.
func TestRulesDecide(t *testing.T) {
	policy := func(outcome, expression string) org.Policy {
		r := org.Rule{Expression: expression, Outcome: outcome}
		if outcome == org.OutcomeApproval {
			r.Approvals, r.Expires = []org.Approval{{Required: 2, Tag: "security"}}, 7
		}
		return org.Policy{Type: org.PolicyCEL, Rules: []org.Rule{r}}
	}
	signs := policy(org.OutcomeAllow, "request.method == 'signTransaction'")
	newer, broken := signs, policy(org.OutcomeAllow, "request.")
	newer.Environment = language.Version + 1
	for i, c := range []struct {
		policy org.Policy
		method api.Method
		own    *rule.Reading
		want   bool
	}{
		{signs, api.SignTransaction, reading(payment(t), nil), true},
		{signs, api.SignRawPayload, reading(payment(t), nil), false},
		{signs, api.SignTransaction, nil, false},
		{signs, api.SignTransaction, &rule.Reading{Compiled: compiled}, false},
		{newer, api.SignTransaction, reading(payment(t), nil), false},
		{broken, api.SignTransaction, reading(payment(t), nil), false},
		{policy(org.OutcomeDeny, "true"), api.SignTransaction, reading(payment(t), nil), false},
	} {
		user := &org.User{Policy: c.policy}
		d := rule.Evaluate(rule.Question{Method: c.method, User: user, Own: c.own})
		if d.Allowed != c.want || !d.Allowed && d.Reason == "" {
			t.Errorf("%d: %+v", i, d)
		}
		// The same as a grant's, where the caller's own policy allows everything.
		g := &org.Grant{Version: org.GrantV1, Root: org.RootNever, Policy: c.policy}
		if d := rule.Evaluate(rule.Question{Method: c.method, User: root(), Grant: g, Owner: c.own}); d.Allowed != c.want || !d.Grant {
			t.Errorf("%d, by a grant: %+v", i, d)
		}
	}
	waits := &org.User{Policy: policy(org.OutcomeApproval, "true")}
	d := rule.Evaluate(rule.Question{Method: api.SignTransaction, User: waits, Own: reading(payment(t), nil)})
	if d.Allowed || d.Expires != 7 || !cmp.Equal(d.Approvals, []org.Approval{{Required: 2, Tag: "security"}}) {
		t.Errorf("%+v", d)
	}
	// The caller's facts are not the owner's.
	g := &org.Grant{Version: org.GrantV1, Root: org.RootNever, Policy: policy(org.OutcomeAllow, "usage.count('day') <= 2")}
	for count, want := range map[uint64]bool{2: true, 3: false} {
		q := rule.Question{Method: api.SignTransaction, User: root(), Grant: g, Own: reading(payment(t), spends{5 - count}), Owner: reading(payment(t), spends{count})}
		if d := rule.Evaluate(q); d.Allowed != want {
			t.Errorf("%d of the owner: %+v", count, d)
		}
	}
}

// A connection with a limit signs with its wallet what costs no more than that in a day, for all that is signed.
func TestConnectionWithLimit(t *testing.T) {
	own := proof.ID{1}
	limit := &org.USDLimit{CentsPerDay: 3}
	user := &org.User{Username: "app", Policy: org.Policy{Type: org.PolicyCEL, Preset: org.PresetDappConnection, Wallet: own, USDLimit: limit, Rules: rule.ConnectionRules(limit)}}
	byRules := func(p *org.Policy) (*language.Policy, error) {
		return language.Compile(rule.ConnectionRules(p.USDLimit), nil)
	}
	for _, method := range []api.Method{api.SignUtf8Message, api.EthereumSignMessage, api.EthereumSignTypedData, api.SignTransaction} {
		for micro, want := range map[uint64]bool{0: true, 30_000: true, 30_001: false} {
			for _, wallet := range []proof.ID{own, {2}, {}} {
				r := reading(payment(t), spends{micro})
				r.Compiled = byRules
				d := rule.Evaluate(rule.Question{Method: method, User: user, Wallet: wallet, Own: r})
				if d.Allowed != (want && wallet == own) {
					t.Errorf("%s of wallet %d for %d: %+v", method, wallet[0], micro, d)
				}
			}
		}
	}
	if d := rule.Evaluate(rule.Question{Method: api.SignRawPayload, User: user, Wallet: own, Own: reading(payment(t), spends{0})}); d.Allowed {
		t.Errorf("raw payloads: %+v", d)
	}
	for target, want := range map[string]bool{"app": true, "other": false, "": false} {
		if d := rule.Evaluate(rule.Question{Method: api.Freeze, User: user, Target: target}); d.Allowed != want {
			t.Errorf("it freezes %q: %+v", target, d)
		}
	}
}

// A transaction policy leaves only what it was asked about: transactions of Solana, messages and reading.
func TestOutside(t *testing.T) {
	bounds := &org.TransactionPolicy{Version: "v0", Solana: []org.TransactionRule{{Rule: "BundleSizeLimit", Max: new(uint64)}}}
	open := &org.TransactionPolicy{Version: "v0"}
	key := slices.Repeat([]byte{1}, 32)
	tx, err := solana.Parse(slices.Concat([]byte{1, 0, 1, 3}, key, slices.Repeat([]byte{7}, 32), make([]byte, 32), slices.Repeat([]byte{9}, 32),
		[]byte{1, 2, 2, 0, 1, 12, 2, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0}))
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range []struct {
		policy  *org.TransactionPolicy
		method  api.Method
		payload chain.Payload
		signer  []byte
		want    bool
	}{
		{bounds, api.ExportWallet, nil, nil, false},
		{open, api.ExportWallet, nil, nil, true},
		{bounds, api.GetAccounts, nil, nil, true},
		{bounds, api.SignTransaction, nil, key, false},
		{bounds, api.SignTransaction, payment(t), key, false},
		{open, api.SignTransaction, payment(t), key, true},
		{bounds, api.SignTransaction, tx, key, false}, // at most none
		{bounds, api.SignTransaction, tx, key[:31], false},
		{bounds, api.SignTransaction, tx, nil, false},
		{bounds, api.SignRawPayload, &payload.Raw{As: api.SignTransaction}, key, false},
		{bounds, api.SignRawPayload, &payload.Raw{As: api.SignUtf8Message, Blind: true}, key, false},
		{bounds, api.SignRawPayload, &payload.Raw{As: api.SignUtf8Message}, key, true},
	} {
		g := &org.Grant{Version: org.GrantV0, Scopes: []string{org.ScopeOwner}, Transactions: c.policy}
		d := rule.Evaluate(rule.Question{Method: c.method, User: root(), Grant: g, Payload: c.payload, Signer: c.signer})
		if d.Allowed != c.want {
			t.Errorf("%d: %+v", i, d)
		}
	}
}
