// Package rule decides: given who asks for what, it says yes or no and why. Every request passes Evaluate, once, and
// nothing else in Redoubt grants a right. The zero Decision is a denial.
package rule

import (
	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/proof"
)

// Environment is the version of the names and meanings that policies of this release are written against.
const Environment = 1

// Question is what a policy is asked.
type Question struct {
	Method api.Method
	User   *org.User
	Wallet proof.ID // zero when the method concerns none
	Target string   // the user that the method concerns, for methods on users
	// Replayable is true of a payload that is valid, or holds an authorization that is valid, on every network.
	Replayable bool
}

// Decision is the answer, with the rule that gave it.
type Decision struct {
	Allowed bool
	Rule    string // what decided
	Reason  string // for people
}

// Evaluate answers a question by the policy of the user who asks.
func Evaluate(q Question) Decision {
	if q.User == nil {
		return Decision{Rule: "no user", Reason: "nobody asked"}
	}
	p := q.User.Policy
	switch {
	case p.Type == org.PolicyRoot:
		return Decision{Allowed: true, Rule: org.PolicyRoot}
	case p.Type != org.PolicyCEL:
		return deny(p.Type, "the user has a policy of a type that this release does not know")
	}
	if q.Replayable && p.Preset != org.PresetAllowAll {
		return deny(p.Preset, "the transaction, or an authorization in it, names no chain id and would be valid on every chain")
	}
	switch p.Preset {
	case org.PresetAllowAll:
		return Decision{Allowed: true, Rule: p.Preset}
	case org.PresetDenyAll:
		return deny(p.Preset, "this policy denies every request")
	case org.PresetLegacyUserRole:
		return legacyUserRole(q)
	case org.PresetDappConnection:
		return dappConnection(q)
	}
	return deny("no rule", "no rule of the user's policy allows this")
}

func deny(rule, reason string) Decision { return Decision{Rule: rule, Reason: reason} }

// legacyUserRole may read, create wallets and sign with any wallet of the organization; it administers nothing.
func legacyUserRole(q Question) Decision {
	switch q.Method {
	case api.GetOrganization, api.GetOrganizationWallets, api.GetAccounts, api.GetWalletWithTag,
		api.CreateWallet, api.GetOrCreateWalletWithTag,
		api.SignUtf8Message, api.EthereumSignMessage, api.EthereumSignTypedData, api.SignTransaction:
		return Decision{Allowed: true, Rule: org.PresetLegacyUserRole}
	case api.CreateOrganization, api.AddUserToOrganization, api.DeleteUserFromOrganization, api.CreateAuthenticator, api.DeleteAuthenticator:
		return deny(org.PresetLegacyUserRole, "this policy does not let its user administer the organization")
	}
	return deny(org.PresetLegacyUserRole, "this policy does not allow "+string(q.Method))
}

// dappConnection may sign with one wallet and read that wallet's accounts and its own organization.
func dappConnection(q Question) Decision {
	switch q.Method {
	case api.GetOrganization:
		return Decision{Allowed: true, Rule: org.PresetDappConnection}
	case api.GetAccounts, api.GetWalletWithTag, api.SignUtf8Message, api.EthereumSignMessage, api.EthereumSignTypedData, api.SignTransaction:
		if q.Wallet == (proof.ID{}) || q.Wallet != q.User.Policy.Wallet {
			return deny(org.PresetDappConnection, "this connection is bound to another wallet")
		}
		return Decision{Allowed: true, Rule: org.PresetDappConnection}
	case api.CreateOrganization, api.AddUserToOrganization, api.DeleteUserFromOrganization, api.CreateAuthenticator, api.DeleteAuthenticator,
		api.CreateWallet, api.GetOrCreateWalletWithTag, api.GetOrganizationWallets:
		return deny(org.PresetDappConnection, "a connection may only use its own wallet")
	}
	return deny(org.PresetDappConnection, "this policy does not allow "+string(q.Method))
}
