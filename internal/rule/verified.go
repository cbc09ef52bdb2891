package rule

import "github.com/redoubt-kms/redoubt/api"

// wantsPerson says whether a request takes a passkey's word that it knows who is using it, and not only that somebody is. One may
// look, sign, bring wallets in, and stop things without it. All else changes who may do what, takes a secret out, vouches for
// another, or takes policy ROOT.
func wantsPerson(q Question) bool {
	if q.Blind {
		return true
	}
	if q.Method.Reads() || signs(q.Method) {
		return false
	}
	switch q.Method { //nolint:exhaustive // the others want it, also those to come
	case api.CreateOrganization, api.GetOrCreatePhantomOrganization,
		api.CreateWallet, api.GetOrCreateWalletWithTag, api.InitWalletImport, api.CompleteImportWallet,
		api.Freeze, api.RejectRequest, api.DisconnectApp:
		return false
	}
	return true
}
