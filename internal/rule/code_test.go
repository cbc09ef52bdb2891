package rule_test

import (
	"slices"
	"testing"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/rule"
	"github.com/redoubt-kms/redoubt/proof"
)

// A login by a code reads, begins and stops, whatever the policy would let it do. This table is what people are promised.
func TestLoginsByCode(t *testing.T) {
	wallet := proof.ID{1}
	allowed := []api.Method{
		api.GetOrganization, api.GetPhantomOrganization, api.GetWalletAccessGrants, api.ListPendingMigrations, api.GetWalletWithTag, api.GetOrganizationWallets,
		api.GetAccounts, api.GetOrganizationControls, api.DryRun, api.GetOrganizationActivity, api.ReplayPolicy, api.GetRequest, api.ListRequests,
		api.ListConnections, api.ListWays, api.GetOrCreatePhantomOrganization, api.CreateWallet, api.GetOrCreateWalletWithTag, api.DisconnectApp, api.Freeze,
		api.AddWay, api.RemoveWay, api.CompleteWayChange, api.VetoWayChange,
	}
	for _, method := range methods() {
		for _, outranked := range []bool{false, true} {
			for _, user := range []*org.User{
				{Policy: org.Policy{Type: org.PolicyRoot}},
				{Policy: org.Policy{Type: org.PolicyRoot}, Traits: []org.Trait{{Name: org.TraitApp, Value: "app"}}, Username: "app-app"},
			} {
				q := rule.Question{Method: method, User: user, Wallet: wallet, Code: true, Outranked: outranked, Approved: func([]org.Approval) bool { return true }}
				want := slices.Contains(allowed, method) || method == api.ConnectApp && !outranked
				if d := rule.Evaluate(q); d.Allowed != want || !want && d.Rule != rule.Code || len(d.Approvals) > 0 {
					t.Errorf("%s, outranked %v: %+v, want %v", method, outranked, d, want)
				}
				q.Blind = true
				if d := rule.Evaluate(q); method == api.SignRawPayload && d.Allowed {
					t.Errorf("a digest is signed: %+v", d)
				}
			}
			// What a connection may do is not more by a code than otherwise.
			connection := &org.User{Policy: org.Policy{Type: org.PolicyCEL, Preset: org.PresetDappConnection, Wallet: wallet}}
			q := rule.Question{Method: method, User: connection, Wallet: wallet}
			plain := rule.Evaluate(q)
			q.Code, q.Outranked = true, outranked
			if d := rule.Evaluate(q); d.Allowed != plain.Allowed {
				t.Errorf("%s by a connection: %v by a code, else %v", method, d.Allowed, plain.Allowed)
			}
		}
	}
}
