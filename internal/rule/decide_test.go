package rule_test

import (
	"encoding/hex"
	"math/big"
	"slices"
	"strings"
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
	if p, err := language.Compile(rule.ConnectionRules(limit), nil); err != nil || !cmp.Equal(p.Counters(), []language.Counter{{Asset: "USD", Window: "24h0m0s", Scope: "user"}}) {
		t.Fatalf("%+v, %v", p, err)
	}
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

// A connection with a limit is let do nothing that its limit does not see: control, approvals without limit, what is unknown.
func TestConnectionWithLimitSees(t *testing.T) {
	limit := &org.USDLimit{CentsPerDay: 3}
	user := &org.User{Policy: org.Policy{Type: org.PolicyCEL, Preset: org.PresetDappConnection, Wallet: proof.ID{1}, USDLimit: limit}}
	call := func(data string) chain.Payload {
		b, err := hex.DecodeString(data)
		if err != nil {
			t.Fatal(err)
		}
		tx, err := evm.NewDynamicFee(evm.DynamicFee{ChainID: big.NewInt(1), GasLimit: 99_000, MaxFeePerGas: big.NewInt(1), MaxPriorityFeePerGas: big.NewInt(1), To: &[20]byte{1}, Value: new(big.Int), Data: b})
		if err != nil {
			t.Fatal(err)
		}
		return tx
	}
	word := func(digits string) string { return strings.Repeat("0", 64-len(digits)) + digits }
	key := slices.Repeat([]byte{1}, 32)
	program, err := solana.ParseKey("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA")
	if err != nil {
		t.Fatal(err)
	}
	authority, err := solana.Parse(slices.Concat([]byte{1, 0, 1, 3}, key, slices.Repeat([]byte{7}, 32), program[:], slices.Repeat([]byte{9}, 32),
		[]byte{1, 2, 2, 1, 0, 35, 6, 2, 1}, slices.Repeat([]byte{5}, 32)))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		payload chain.Payload
		want    bool
	}{
		"an approval":               {call("095ea7b3" + word("22") + word("5")), true},
		"an approval without limit": {call("095ea7b3" + word("22") + strings.Repeat("f", 64)), false},
		"an unknown call":           {call("12345678"), false},
		"control":                   {authority, false},
	} {
		r := reading(c.payload, spends{0})
		if _, ok := c.payload.(*solana.Transaction); ok {
			r.Facts.PublicKey, r.Facts.Address = key, solana.Key(key).String()
			if e := r.Facts.Effects(); len(e.AuthorityChanges) != 1 || e.Unknown {
				t.Fatalf("%+v", e)
			}
		}
		r.Compiled = func(p *org.Policy) (*language.Policy, error) {
			return language.Compile(rule.ConnectionRules(p.USDLimit), nil)
		}
		if d := rule.Evaluate(rule.Question{Method: api.SignTransaction, User: user, Wallet: proof.ID{1}, Own: r}); d.Allowed != c.want {
			t.Errorf("%s: %+v", name, d)
		}
	}
}

// Approvals let through what waits for them, when those that the rules want were given, and lift no denial; who is involved
// looks at what waits and does nothing else by that.
func TestApproved(t *testing.T) {
	waits := org.Rule{Expression: "true", Outcome: org.OutcomeApproval, Approvals: []org.Approval{{Required: 2, Tag: "security"}}}
	denies := org.Rule{Expression: "true", Outcome: org.OutcomeDeny}
	for i, c := range []struct {
		rules    []org.Rule
		approved func([]org.Approval) bool
		want     bool
	}{
		{[]org.Rule{waits}, nil, false},
		{[]org.Rule{waits}, func([]org.Approval) bool { return false }, false},
		{[]org.Rule{waits}, func(all []org.Approval) bool { return cmp.Equal(all, waits.Approvals) }, true},
		{[]org.Rule{waits, denies}, func([]org.Approval) bool { return true }, false},
		{nil, func([]org.Approval) bool { return true }, false},
	} {
		user := &org.User{Policy: org.Policy{Type: org.PolicyCEL, Rules: c.rules}}
		if d := rule.Evaluate(rule.Question{Method: api.SignTransaction, User: user, Own: reading(payment(t), nil), Approved: c.approved}); d.Allowed != c.want {
			t.Errorf("%d: %+v", i, d)
		}
	}
	for _, involved := range []bool{false, true} {
		for _, method := range methods() {
			looks := method == api.GetRequest || method == api.ListRequests
			if d := rule.Evaluate(rule.Question{Method: method, User: preset(org.PresetDenyAll), Involved: involved}); d.Allowed != (looks && involved) {
				t.Errorf("%s, involved %v: %+v", method, involved, d)
			}
		}
	}
}
