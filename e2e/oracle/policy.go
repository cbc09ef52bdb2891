package main

import (
	"encoding/hex"
	"encoding/json"
	"math/big"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain"
	"github.com/redoubt-kms/redoubt/chain/evm"
	"github.com/redoubt-kms/redoubt/chain/solana"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/rule/fact"
	"github.com/redoubt-kms/redoubt/internal/rule/language"
	"github.com/redoubt-kms/redoubt/proof"
)

// judged is a policy with requests that it is asked about.
type judged struct {
	Rules []struct{ Expression, Outcome string }
	// Constants are those of the policy, by name.
	Constants map[string]json.RawMessage
	Requests  []asked
}

// asked is a request in the parts that facts are made of.
type asked struct {
	Method, PolicyName, Username, Recipient string
	Time                                    uint64
	Index                                   *int64 // of the path; null without one
	Organization, User                      string
	Tags, WalletTags                        []string // WalletTags is null without a wallet
	Traits                                  [][2]string
	Message                                 *string
	Solana                                  string // hexadecimal; empty for none
	EVM                                     *struct{ ChainID, Nonce, Gas, MaxFee, Value uint64 }
}

// judge evaluates a policy about each request: as a whole, and each rule by itself, as one that allows and as one that
// denies beside another that allows.
func judge(b []byte) (any, error) {
	var j judged
	if err := json.Unmarshal(b, &j); err != nil {
		return nil, err
	}
	var constants []org.Constant
	for name, value := range j.Constants {
		constants = append(constants, org.Constant{Name: name, Value: value})
	}
	compile := func(rules ...org.Rule) (*language.Policy, error) { return language.Compile(rules, constants) }
	var all []org.Rule
	var alone, beside []*language.Policy
	for _, r := range j.Rules {
		all = append(all, org.Rule{Expression: r.Expression, Outcome: r.Outcome})
		one, err := compile(org.Rule{Expression: r.Expression, Outcome: org.OutcomeAllow})
		if err != nil {
			return object{"refused": r.Expression + ": " + err.Error()}, nil //nolint:nilerr // which is the answer
		}
		two, err := compile(org.Rule{Expression: r.Expression, Outcome: org.OutcomeDeny}, org.Rule{Expression: "true", Outcome: org.OutcomeAllow})
		if err != nil {
			return nil, err
		}
		alone, beside = append(alone, one), append(beside, two)
	}
	whole, err := compile(all...)
	if err != nil {
		return nil, err
	}
	answers := []object{}
	for _, a := range j.Requests {
		if _, err := a.payload(); err != nil {
			return nil, err
		}
		results := []string{}
		for i := range alone {
			results = append(results, result(alone[i].Evaluate(a.facts()), beside[i].Evaluate(a.facts())))
		}
		answers = append(answers, object{"outcome": whole.Evaluate(a.facts()).Outcome, "results": results, "effects": effectsOf(a.facts().Effects())})
	}
	return answers, nil
}

// result is what a rule evaluates to: true, false, or error; or what contradicts that.
func result(allow, deny language.Verdict) string {
	switch {
	case allow.Allowed() && allow.Err == nil && deny.Outcome == org.OutcomeDeny && deny.Err == nil:
		return "true"
	case allow.Outcome == "" && allow.Err == nil && deny.Allowed():
		return "false"
	case allow.Outcome == "" && allow.Err != nil && deny.Outcome == org.OutcomeDeny && deny.Err != nil:
		return "error"
	}
	return "it allows: " + allow.Outcome + ", it denies: " + deny.Outcome
}

func effectsOf(e chain.Effects) object {
	transfers := []object{}
	for _, t := range e.Transfers {
		transfers = append(transfers, object{"asset": fact.Asset(t.Asset), "from": t.From, "to": t.To, "amount": t.Amount.String()})
	}
	fee := "0"
	if e.FeeMax != nil {
		fee = e.FeeMax.String()
	}
	return object{"transfers": transfers, "feeMax": fee, "unknown": e.Unknown}
}

func (a asked) payload() (chain.Payload, error) {
	switch {
	case a.Solana != "":
		raw, err := hex.DecodeString(a.Solana)
		if err != nil {
			return nil, err
		}
		return solana.Parse(raw)
	case a.EVM != nil:
		return evm.NewDynamicFee(evm.DynamicFee{
			ChainID: new(big.Int).SetUint64(a.EVM.ChainID), Nonce: a.EVM.Nonce, GasLimit: a.EVM.Gas, MaxFeePerGas: new(big.Int).SetUint64(a.EVM.MaxFee),
			MaxPriorityFeePerGas: new(big.Int), To: &[20]byte{0xde, 0xad}, Value: new(big.Int).SetUint64(a.EVM.Value),
		})
	}
	return nil, nil //nolint:nilnil // nothing is signed
}

// facts makes new ones, of which nothing was asked before.
func (a asked) facts() *fact.Facts {
	p, err := a.payload()
	if err != nil {
		p = nil
	}
	f := &fact.Facts{
		Request: fact.Request{
			Method: api.Method(a.Method), Time: a.Time, PolicyName: a.PolicyName, Target: a.Username, Recipient: a.Recipient, Index: -1,
		},
		Organization: &org.Organization{Name: a.Organization, Tags: a.Tags}, User: &org.User{Username: a.User}, Authenticator: &org.Authenticator{Kind: "keypair"},
		Payload: p, PublicKey: make([]byte, 32), Address: "signer",
	}
	for _, t := range a.Traits {
		f.User.Traits = append(f.User.Traits, org.Trait{Name: t[0], Value: t[1]})
	}
	if a.WalletTags != nil {
		f.Wallet = &org.Wallet{ID: proof.ID{1}, Tags: a.WalletTags}
	}
	if a.Index != nil {
		f.Request.Index, f.Request.Path = *a.Index, &org.Path{}
	}
	if a.Message != nil {
		f.Message = []byte(*a.Message)
	}
	return f
}
