package policy

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"github.com/go-json-experiment/json"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain/solana"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/rule"
	"github.com/redoubt-kms/redoubt/internal/rule/language"
	"github.com/redoubt-kms/redoubt/proof"
)

// policyOf reads a policy as the contract writes it: ROOT, a preset, or rules, which are still to compile.
func policyOf(p api.UserPolicy, path string) (org.Policy, error) {
	made := org.Policy{Type: p.Type, Preset: p.Preset, Environment: rule.Environment}
	if p.Rules.Given() || p.Constants.Given() {
		return made, readRules(&made, p, path)
	}
	switch {
	case p.USDLimit.Given() && p.Preset != org.PresetDappConnection:
		return made, api.Errorf(api.TypeInvalid, "belongs to preset DAPP_CONNECTION_USER only").At(path + ".usdLimit")
	case p.Type == org.PolicyRoot && p.Preset == "" && p.WalletID == "":
		return made, nil
	case p.Type != org.PolicyCEL:
		return made, api.Errorf(api.TypeInvalid, "want ROOT without more, or CEL with rules or a preset").At(path + ".type")
	}
	switch p.Preset {
	case org.PresetAllowAll, org.PresetDenyAll, org.PresetLegacyUserRole:
		if p.WalletID != "" {
			return made, api.Errorf(api.TypeInvalid, "belongs to preset DAPP_CONNECTION_USER only").At(path + ".walletId")
		}
		return made, nil
	case org.PresetDappConnection:
		var err error
		if made.Wallet, err = parseID(p.WalletID, path+".walletId"); err != nil {
			return made, err
		}
		made.USDLimit, err = usdLimit(p.USDLimit, path+".usdLimit")
		return made, err
	}
	return made, api.Errorf(api.TypeInvalid, "want ALLOW_ALL, DENY_ALL, LEGACY_USER_ROLE or DAPP_CONNECTION_USER, or rules").At(path + ".preset")
}

// usdLimit reads the limit of a connection.
func usdLimit(raw api.Raw, path string) (*org.USDLimit, error) {
	if !raw.Given() {
		return nil, nil //nolint:nilnil // none is a limit, too
	}
	var l api.USDLimit
	if err := decode(raw, &l, path); err != nil {
		return nil, err
	}
	if l.UsdCentsLimitPerDay < 0 || l.UsdCentsLimitPerDay > 1<<31-1 {
		return nil, api.Errorf(api.TypeInvalid, "want 0 to 2147483647 cents").At(path + ".usdCentsLimitPerDay")
	}
	if _, err := solana.ParseKey(l.MemoryAccount); err != nil {
		return nil, api.Errorf(api.TypeInvalid, "want an address of Solana").At(path + ".memoryAccount")
	}
	if l.MemoryID < 0 || l.MemoryID > 255 || l.MemoryBump < 0 || l.MemoryBump > 255 {
		return nil, api.Errorf(api.TypeInvalid, "memoryId and memoryBump are bytes").At(path)
	}
	return &org.USDLimit{
		CentsPerDay: uint64(l.UsdCentsLimitPerDay), MemoryAccount: l.MemoryAccount, MemoryID: uint8(l.MemoryID), MemoryBump: uint8(l.MemoryBump),
	}, nil
}

// readRules reads a full policy, which is still to compile.
func readRules(made *org.Policy, p api.UserPolicy, path string) error {
	if p.Type != org.PolicyCEL || p.Preset != "" || p.WalletID != "" || p.USDLimit.Given() {
		return api.Errorf(api.TypeInvalid, "a policy of rules is of type CEL and has no preset, walletId or usdLimit").At(path)
	}
	var rules []api.PolicyRule
	if p.Rules.Given() {
		if err := decode(p.Rules, &rules, path+".rules"); err != nil {
			return err
		}
	}
	var constants []api.PolicyConstant
	if p.Constants.Given() {
		if err := decode(p.Constants, &constants, path+".constants"); err != nil {
			return err
		}
	}
	for i, r := range rules {
		at := element(path+".rules", i)
		one := org.Rule{Expression: r.Expression, Outcome: r.Outcome, Comment: r.Comment}
		if len(r.Comment) > maxComment {
			return api.Errorf(api.TypeInvalid, "has more than %d bytes", maxComment).At(at + ".comment")
		}
		if r.ExpiresInMs < 0 || r.ExpiresInMs > api.MaxControl.Milliseconds() {
			return api.Errorf(api.TypeInvalid, "want 0 to %d milliseconds", api.MaxControl.Milliseconds()).At(at + ".expiresInMs")
		}
		one.Expires = uint64(r.ExpiresInMs)
		for j, a := range r.Approvals {
			if a.Required < 1 || a.Required > maxApprovals {
				return api.Errorf(api.TypeInvalid, "want 1 to %d", maxApprovals).At(element(at+".approvals", j) + ".required")
			}
			one.Approvals = append(one.Approvals, org.Approval{Required: uint8(a.Required), Tag: a.Tag})
		}
		made.Rules = append(made.Rules, one)
	}
	for _, c := range constants {
		made.Constants = append(made.Constants, org.Constant{Name: c.Name, Value: slices.Clone(c.Value), Comment: c.Comment})
	}
	return nil
}

// compile checks the rules of a policy that was just written. Of those who write policies as of those who try them, only so
// many compile at once. What was compiled is kept for this request.
func (e *Engine) compile(ctx context.Context, c *caller, p *org.Policy, path string) error {
	if !p.Full() {
		return nil
	}
	leave, err := e.trying(ctx)
	if err != nil {
		return err
	}
	defer leave()
	c.compileApart()
	_, err = c.compilations.policy(p)
	return refused(err, path)
}

// compileApart keeps what this request has compiled from now on apart from what all requests need.
func (c *caller) compileApart() {
	if c.compilations.shared == nil {
		c.compilations = c.compilations.forOne()
	}
}

// The bounds of a rule beside its expression.
const (
	maxComment   = 256
	maxApprovals = 16
)

// refused says where in a request a policy is wrong.
func refused(err error, path string) error {
	var f language.Finding
	if !errors.As(err, &f) {
		return err
	}
	if f.Rule >= 0 {
		path = element(path+".rules", f.Rule) + ".expression"
	}
	return api.Errorf(api.TypeInvalid, "%s", f.Error()).At(path)
}

// policyResult writes a policy as the contract does, with what the linter says of it.
func policyResult(p *org.Policy) api.UserPolicy {
	result := api.UserPolicy{Type: p.Type, Preset: p.Preset}
	if p.Wallet != (proof.ID{}) {
		result.WalletID = uuid(p.Wallet)
	}
	if l := p.USDLimit; l != nil {
		result.USDLimit = encoded(api.USDLimit{
			UsdCentsLimitPerDay: int64(l.CentsPerDay), MemoryAccount: l.MemoryAccount, MemoryID: int(l.MemoryID), MemoryBump: int(l.MemoryBump),
		})
	}
	if !p.Full() {
		return result
	}
	rules, constants := []api.PolicyRule{}, []api.PolicyConstant{}
	for _, r := range p.Rules {
		one := api.PolicyRule{Expression: r.Expression, Outcome: r.Outcome, Comment: r.Comment, ExpiresInMs: int64(r.Expires)}
		for _, a := range r.Approvals {
			one.Approvals = append(one.Approvals, api.PolicyApproval{Required: int(a.Required), Tag: a.Tag})
		}
		rules = append(rules, one)
	}
	for _, c := range p.Constants {
		constants = append(constants, api.PolicyConstant{Name: c.Name, Value: bytes.Clone(c.Value), Comment: c.Comment})
	}
	result.Rules, result.Constants = encoded(rules), encoded(constants)
	return result
}

// encoded writes what always encodes.
func encoded(v any) api.Raw {
	raw, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		panic(err) //nolint:forbidigo // plain values always encode
	}
	return raw
}
