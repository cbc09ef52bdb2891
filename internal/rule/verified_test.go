package rule_test

import (
	"slices"
	"testing"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/rule"
	"github.com/redoubt-kms/redoubt/proof"
)

// By a passkey that knows only that somebody is there one reads, signs, brings wallets in, and stops things; all else takes its word for who it is,
// whatever the policy. This table is what people are promised.
func TestPasskeysThatKnowNobody(t *testing.T) {
	allowed := []api.Method{
		api.GetOrganization, api.GetPhantomOrganization, api.GetWalletAccessGrants, api.ListPendingMigrations, api.GetWalletWithTag, api.GetOrganizationWallets,
		api.GetAccounts, api.GetOrganizationControls, api.DryRun, api.GetOrganizationActivity, api.ReplayPolicy, api.GetRequest, api.ListRequests,
		api.ListConnections, api.ListWays, api.SignUtf8Message, api.EthereumSignMessage, api.EthereumSignTypedData, api.SignTransaction, api.SignRawPayload,
		api.CreateOrganization, api.GetOrCreatePhantomOrganization, api.CreateWallet, api.GetOrCreateWalletWithTag, api.InitWalletImport,
		api.CompleteImportWallet, api.Freeze, api.RejectRequest, api.DisconnectApp,
	}
	verified := &org.User{Policy: org.Policy{Type: org.PolicyRoot}}
	for _, method := range methods() {
		q := rule.Question{Method: method, User: verified, Wallet: proof.ID{1}, Unverified: true, Approved: func([]org.Approval) bool { return true }}
		d := rule.Evaluate(q)
		if d.Allowed && !slices.Contains(allowed, method) || !d.Allowed && slices.Contains(allowed, method) {
			t.Errorf("%s: %+v", method, d)
		}
		q.Blind = true
		if d := rule.Evaluate(q); d.Allowed {
			t.Errorf("%s of 32 bytes that may be anything: %+v", method, d)
		}
	}
}
