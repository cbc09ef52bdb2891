package rule

import "github.com/redoubt-kms/redoubt/api"

// wantsPerson says whether a request takes a passkey's word that it knows who is using it, and not only that somebody is:
// what changes who may do what, takes a secret out, vouches for another, or takes policy ROOT.
func wantsPerson(q Question) bool {
	if q.Blind || rootOnly(q.Method) {
		return true
	}
	switch q.Method { //nolint:exhaustive // the others do not
	case api.ExportWallet, api.ApproveRequest, api.ConnectApp,
		api.AddUserToOrganization, api.UpdateUserInOrganization, api.DeleteUserFromOrganization,
		api.CreateAuthenticator, api.UpdateAuthenticator, api.DeleteAuthenticator,
		api.GrantOrganizationAccess, api.RevokeOrganizationAccess, api.TransferOrganizationWallet, api.CompleteWalletTransfer:
		return true
	}
	return false
}
