package rule_test

import (
	"slices"
	"testing"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/rule"
	"github.com/redoubt-kms/redoubt/proof"
)

func methods() []api.Method {
	return append(api.Methods(), "deleteUser", "", "SIGNTRANSACTION") // what does not exist is allowed to nobody but ROOT and ALLOW_ALL
}

// Every policy over every method, with its own wallet, another one and none. This table is what people are promised.
func TestEvaluate(t *testing.T) {
	own, other := proof.ID{1}, proof.ID{2}
	signing := []api.Method{api.SignUtf8Message, api.EthereumSignMessage, api.EthereumSignTypedData, api.SignTransaction}
	reading := []api.Method{
		api.GetOrganization, api.GetPhantomOrganization, api.GetOrganizationWallets, api.GetAccounts, api.GetWalletWithTag,
		api.GetWalletAccessGrants, api.ListPendingMigrations, api.GetOrganizationControls, api.DryRun, api.GetOrganizationActivity,
	}
	self := []api.Method{api.GetOrganization, api.GetPhantomOrganization, api.ListPendingMigrations, api.DryRun}
	rootOnly := []api.Method{api.Unfreeze, api.UpdateOrganizationControls, api.SetPrices, api.RegisterContract, api.AddWay, api.RemoveWay, api.CompleteWayChange, api.VetoWayChange}
	making := []api.Method{api.CreateWallet, api.GetOrCreateWalletWithTag}
	bound := append([]api.Method{api.GetAccounts, api.GetWalletWithTag, api.GetOrCreateWalletWithTag}, signing...)
	for _, c := range []struct {
		policy  org.Policy
		allowed []api.Method // with any wallet
		bound   []api.Method // with the policy's wallet only
		all     bool
	}{
		{policy: org.Policy{Type: org.PolicyRoot}, all: true},
		{policy: org.Policy{Type: org.PolicyCEL, Preset: org.PresetAllowAll}, all: true},
		{policy: org.Policy{Type: org.PolicyCEL, Preset: org.PresetDenyAll}},
		{policy: org.Policy{Type: org.PolicyCEL, Preset: org.PresetLegacyUserRole}, allowed: slices.Concat(signing, reading, making, []api.Method{api.Freeze, api.ApproveRequest, api.RejectRequest})},
		{policy: org.Policy{Type: org.PolicyCEL, Preset: org.PresetDappConnection, Wallet: own}, allowed: self, bound: bound},
		{policy: org.Policy{Type: org.PolicyCEL, Preset: org.PresetDappConnection}, allowed: self}, // bound to nothing
		{policy: org.Policy{Type: org.PolicyCEL}},
		{policy: org.Policy{Type: org.PolicyCEL, Preset: "ALLOW_SOME"}},
		{policy: org.Policy{Type: org.PolicyCEL, Preset: "allow_all"}},
		{policy: org.Policy{Type: "cel", Preset: org.PresetAllowAll}},
		{policy: org.Policy{Type: "NEW", Preset: org.PresetAllowAll}},
		{policy: org.Policy{}},
	} {
		for _, method := range methods() {
			for _, wallet := range []proof.ID{{}, own, other} {
				for _, replayable := range []bool{false, true} {
					user := &org.User{Policy: c.policy}
					d := rule.Evaluate(rule.Question{Method: method, User: user, Wallet: wallet, Replayable: replayable})
					want := c.all && (c.policy.Type == org.PolicyRoot || !slices.Contains(rootOnly, method)) || !replayable && (slices.Contains(c.allowed, method) || wallet == own && slices.Contains(c.bound, method))
					if d.Allowed != want {
						t.Errorf("%s %s: %s of wallet %d, replayable %v: allowed %v, want %v", c.policy.Type, c.policy.Preset, method, wallet[0], replayable, d.Allowed, want)
					}
					if !d.Allowed && d.Reason == "" {
						t.Errorf("%s %s: %s is denied without a reason", c.policy.Type, c.policy.Preset, method)
					}
				}
			}
		}
	}
}

// Nobody may do nothing, and what was not decided is not allowed.
func TestNothingIsDenied(t *testing.T) {
	for _, method := range methods() {
		if d := rule.Evaluate(rule.Question{Method: method}); d.Allowed {
			t.Errorf("nobody may call %s", method)
		}
	}
	if (rule.Decision{}).Allowed {
		t.Error("the zero decision allows")
	}
}

// A grant and the user's policy must both allow; a grant of version 0 by its scopes, and by its paths where it has some.
func TestEvaluateGrant(t *testing.T) {
	needs := map[api.Method]string{
		api.SignUtf8Message: org.ScopePayload, api.SignRawPayload: org.ScopePayload, api.SignTransaction: org.ScopeTransaction,
		api.EthereumSignMessage: org.ScopePersonal, api.EthereumSignTypedData: org.ScopeTypedData, api.GetAccounts: "any",
		api.ExportWallet: org.ScopeExport,
	}
	here := org.Path{Steps: []uint32{1}, Curve: api.CurveEd25519, Format: api.AddressSolana}
	for _, scope := range org.Scopes() {
		for _, method := range methods() {
			for _, policy := range []string{org.PresetAllowAll, org.PresetDenyAll} {
				for _, path := range []org.Path{here, {Steps: []uint32{2}, Curve: here.Curve, Format: here.Format}, {Steps: here.Steps, Curve: here.Curve, Format: api.AddressSui}} {
					g := &org.Grant{Version: org.GrantV0, Scopes: []string{scope}, Restricted: true, Paths: []org.Path{here}}
					user := &org.User{Policy: org.Policy{Type: org.PolicyCEL, Preset: policy}}
					d := rule.Evaluate(rule.Question{Method: method, User: user, Grant: g, Path: path})
					need := needs[method]
					covered := path.Format == here.Format && path.Steps[0] == 1
					want := policy == org.PresetAllowAll && covered && (need == scope || need == "any" || need != "" && scope == org.ScopeOwner)
					if d.Allowed != want || d.Allowed == (d.Reason != "") {
						t.Errorf("%s by a grant of %s, policy %s, path %v: %+v", method, scope, policy, path, d)
					}
				}
			}
		}
	}
	for _, g := range []org.Grant{{}, {Version: "v2", Scopes: org.Scopes()}, {Version: org.GrantV1}, {Version: org.GrantV1, Root: "SOMETIMES"}} {
		if d := rule.Evaluate(rule.Question{Method: api.SignTransaction, User: &org.User{Policy: org.Policy{Type: org.PolicyRoot}}, Grant: &g}); d.Allowed {
			t.Errorf("%+v allows", g)
		}
	}
}

// Who may stop others: everybody themselves, whoever signs the organization, and only policy ROOT lets go again.
func TestEvaluateFreeze(t *testing.T) {
	for preset, want := range map[string][2]bool{ // themselves, another user
		org.PresetAllowAll: {true, true}, org.PresetDenyAll: {}, org.PresetLegacyUserRole: {true, false}, org.PresetDappConnection: {true, false},
	} {
		u := &org.User{Username: "u", Policy: org.Policy{Type: org.PolicyCEL, Preset: preset}}
		for i, target := range []string{"u", "other"} {
			if d := rule.Evaluate(rule.Question{Method: api.Freeze, User: u, Target: target}); d.Allowed != want[i] {
				t.Errorf("%s freezes %s: %+v", preset, target, d)
			}
			if d := rule.Evaluate(rule.Question{Method: api.Unfreeze, User: u, Target: target}); d.Allowed {
				t.Errorf("%s frees %s", preset, target)
			}
		}
	}
	root := &org.User{Policy: org.Policy{Type: org.PolicyRoot}}
	if d := rule.Evaluate(rule.Question{Method: api.SignTransaction, User: root, Frozen: "it is frozen"}); d.Allowed || d.Rule != rule.Frozen || d.Reason != "it is frozen" {
		t.Errorf("%+v", d)
	}
}
