package rule

import (
	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/org"
)

// byCode says what a login by a one-time code may do. It looks, it begins, and it stops things; who only has the mail must not
// sign, export, or change who may do what. Apps it connects while there is no better way to sign in: without that, a person
// who has only a mailbox could use nothing. What a connection may do, its own policy says.
func byCode(q Question) bool {
	if q.User.Policy.Preset == org.PresetDappConnection || q.Method.Reads() {
		return true
	}
	switch q.Method { //nolint:exhaustive // the others need more than a code
	case api.GetOrCreatePhantomOrganization, api.CreateWallet, api.GetOrCreateWalletWithTag, api.DisconnectApp, api.Freeze,
		api.AddWay, api.RemoveWay, api.CompleteWayChange, api.VetoWayChange: // which wait
		return true
	case api.ConnectApp:
		return !q.Outranked
	}
	return false
}
