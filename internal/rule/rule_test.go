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
	return []api.Method{
		api.CreateOrganization, api.GetOrganization, api.AddUserToOrganization, api.DeleteUserFromOrganization, api.CreateAuthenticator, api.DeleteAuthenticator,
		api.CreateWallet, api.GetOrCreateWalletWithTag, api.GetWalletWithTag, api.GetOrganizationWallets, api.GetAccounts,
		api.SignUtf8Message, api.EthereumSignMessage, api.EthereumSignTypedData, api.SignTransaction,
		"exportWallet", "signRawPayload", "deleteUser", "", "SIGNTRANSACTION", // what does not exist is allowed to nobody but ROOT and ALLOW_ALL
	}
}

// Every policy over every method, with its own wallet, another one and none. This table is what people are promised.
func TestEvaluate(t *testing.T) {
	own, other := proof.ID{1}, proof.ID{2}
	signing := []api.Method{api.SignUtf8Message, api.EthereumSignMessage, api.EthereumSignTypedData, api.SignTransaction}
	reading := []api.Method{api.GetOrganization, api.GetOrganizationWallets, api.GetAccounts, api.GetWalletWithTag}
	making := []api.Method{api.CreateWallet, api.GetOrCreateWalletWithTag}
	bound := append([]api.Method{api.GetAccounts, api.GetWalletWithTag}, signing...)
	for _, c := range []struct {
		policy  org.Policy
		allowed []api.Method // with any wallet
		bound   []api.Method // with the policy's wallet only
		all     bool
	}{
		{policy: org.Policy{Type: org.PolicyRoot}, all: true},
		{policy: org.Policy{Type: org.PolicyCEL, Preset: org.PresetAllowAll}, all: true},
		{policy: org.Policy{Type: org.PolicyCEL, Preset: org.PresetDenyAll}},
		{policy: org.Policy{Type: org.PolicyCEL, Preset: org.PresetLegacyUserRole}, allowed: slices.Concat(signing, reading, making)},
		{policy: org.Policy{Type: org.PolicyCEL, Preset: org.PresetDappConnection, Wallet: own}, allowed: []api.Method{api.GetOrganization}, bound: bound},
		{policy: org.Policy{Type: org.PolicyCEL, Preset: org.PresetDappConnection}, allowed: []api.Method{api.GetOrganization}}, // bound to nothing
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
					want := c.all || !replayable && (slices.Contains(c.allowed, method) || wallet == own && slices.Contains(c.bound, method))
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
