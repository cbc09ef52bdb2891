package policy

import (
	"context"
	"slices"

	"github.com/go-json-experiment/json"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/derivation"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/rule/txpolicy"
	"github.com/redoubt-kms/redoubt/proof"
)

// newGrant reads what a grant allows. What this release cannot enforce is refused rather than stored.
func (e *Engine) newGrant(ctx context.Context, c *caller, raw api.Raw, name, path string) (org.Grant, error) {
	made := org.Grant{Name: name, Created: c.now}
	if name != "" {
		if err := checkName(name, api.MaxName, "params.policyName"); err != nil {
			return made, err
		}
	}
	if !raw.Given() {
		return made, missing(path)
	}
	var p api.OrganizationPolicy
	if err := decode(raw, &p, path); err != nil {
		return made, err
	}
	made.Version = p.Version
	switch p.Version {
	case org.GrantV0:
		return made, readScopes(&made, p, path)
	case org.GrantV1:
		if err := readRootAccess(&made, p, c.now, path); err != nil {
			return made, err
		}
		return made, e.compile(ctx, c, &made.Policy, path)
	}
	return made, api.Errorf(api.TypeInvalid, "want v0 or v1").At(path + ".version")
}

func readScopes(made *org.Grant, p api.OrganizationPolicy, path string) error {
	if p.RootAccess != nil || p.Preset != "" || p.WalletID != "" || p.USDLimit.Given() || p.Rules.Given() || p.Constants.Given() {
		return api.Errorf(api.TypeInvalid, "a policy of version v0 has scopes and derivationAllowlist only").At(path)
	}
	if len(p.Scopes) == 0 {
		return api.Errorf(api.TypeInvalid, "a grant without scopes would allow nothing").At(path + ".scopes")
	}
	for i, scope := range p.Scopes {
		if !slices.Contains(org.Scopes(), scope) || slices.Contains(p.Scopes[:i], scope) {
			return api.Errorf(api.TypeInvalid, "want each scope once, out of %v", org.Scopes()).At(element(path+".scopes", i))
		}
	}
	made.Scopes = p.Scopes
	if !p.DerivationAllowlist.Given() {
		return nil
	}
	at := path + ".derivationAllowlist"
	var list []api.Raw
	if err := decode(p.DerivationAllowlist, &list, at); err != nil {
		return err
	}
	accounts, err := readAccounts(list, at)
	made.Restricted = true
	for _, a := range accounts {
		made.Paths = append(made.Paths, org.Path{Steps: a.path, Curve: a.curve, Format: a.format})
	}
	return err
}

func readRootAccess(made *org.Grant, p api.OrganizationPolicy, now uint64, path string) error {
	if p.Scopes != nil || p.DerivationAllowlist.Given() {
		return api.Errorf(api.TypeInvalid, "a policy of version v1 has no scopes and no derivationAllowlist").At(path)
	}
	root := p.RootAccess
	at := path + ".rootAccess"
	switch {
	case root == nil:
		return missing(at)
	case root.Type == org.RootAfter:
		if root.TimestampMs == nil || *root.TimestampMs < 0 || *root.TimestampMs > int64(now)+api.MaxExpiry.Milliseconds() {
			return api.Errorf(api.TypeInvalid, "want Unix milliseconds, at most ten years ahead").At(at + ".timestampMs")
		}
		made.RootAfter = uint64(*root.TimestampMs)
	case root.Type != org.RootAlways && root.Type != org.RootNever:
		return api.Errorf(api.TypeInvalid, "want ALWAYS, NONE or AFTER_TIMESTAMP").At(at + ".type")
	case root.TimestampMs != nil:
		return api.Errorf(api.TypeInvalid, "belongs to AFTER_TIMESTAMP").At(at + ".timestampMs")
	}
	made.Root = root.Type
	user := api.UserPolicy{Type: org.PolicyCEL, Preset: p.Preset, WalletID: p.WalletID, USDLimit: p.USDLimit, Rules: p.Rules, Constants: p.Constants}
	var err error
	made.Policy, err = policyOf(user, path)
	for i, r := range made.Policy.Rules {
		if err == nil && r.Outcome == org.OutcomeApproval {
			err = api.Errorf(api.TypeUnsupported, "a grant cannot require approvals: its requests are another organization's; use ALLOW and DENY here").At(element(path+".rules", i) + ".outcome")
		}
	}
	return err
}

// grantResult writes a grant as the contract does.
func grantResult(target, wallet proof.ID, g org.Grant) api.Grant {
	result := api.Grant{OrganizationID: uuid(target), WalletID: uuid(wallet), PolicyName: g.Name, TransactionPolicy: txpolicy.Write(g.Transactions)}
	p := &result.OrganizationPolicy
	p.Version = g.Version
	if g.Version == org.GrantV0 {
		p.Scopes = g.Scopes
		if g.Restricted {
			p.DerivationAllowlist = pathList(g.Paths)
		}
		return result
	}
	p.RootAccess = &api.RootAccess{Type: g.Root}
	if g.Root == org.RootAfter {
		at := int64(g.RootAfter)
		p.RootAccess.TimestampMs = &at
	}
	policy := policyResult(&g.Policy)
	p.Preset, p.WalletID, p.USDLimit, p.Rules, p.Constants = policy.Preset, policy.WalletID, policy.USDLimit, policy.Rules, policy.Constants
	return result
}

func pathList(paths []org.Path) api.Raw {
	list := make([]api.DerivationInfo, len(paths))
	for i, p := range paths {
		list[i] = api.DerivationInfo{DerivationPath: derivation.Path(p.Steps).String(), Curve: p.Curve, AddressFormat: p.Format}
	}
	raw, err := json.Marshal(list)
	if err != nil {
		panic(err) //nolint:forbidigo // strings always encode
	}
	return raw
}
