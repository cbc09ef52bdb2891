// Package rule decides: given who asks for what, it says yes or no and why. Every request passes Evaluate, once, and
// nothing else in Redoubt grants a right. The zero Decision is a denial.
package rule

import (
	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/rule/language"
	"github.com/redoubt-kms/redoubt/proof"
)

// Environment is the version of the names and meanings that policies of this release are written against.
const Environment = language.Version

// Frozen is the rule of denials by a freeze, which no policy overrules.
const Frozen = "frozen"

// Code is the rule of denials to logins by a one-time code, which no policy overrules.
const Code = "one-time code"

// Verification is the rule of denials to passkeys that did not verify the person, which no policy overrules.
const Verification = "user verification"

// Approved ends the name of a rule that required approvals and got them.
const Approved = ", approved"

// Question is what a policy is asked.
type Question struct {
	Method api.Method
	User   *org.User
	Wallet proof.ID   // zero when the method concerns none
	Target string     // the user that the method concerns, for methods on users
	Grant  *org.Grant // by which the wallet is used, nil for one of the caller's organization
	Path   org.Path   // the account, where a grant may be restricted to some
	Now    uint64     // Unix milliseconds
	// Replayable is true of a payload that is valid, or holds an authorization that is valid, on every network.
	Replayable bool
	// Blind is true of raw bytes that may be the digest of anything.
	Blind      bool
	Held       *org.Wallet // the wallet's record, where it was looked up
	PolicyName string      // by which the request names a grant
	Recipient  string      // public key that an export is sealed to
	// Payload is what would be signed, and Signer the public key that signs it: a transaction policy looks at them.
	Payload chain.Payload
	Signer  []byte
	// Own is what the rules of the caller's policy read, Owner what those of a grant do; nil where presets decide.
	Own, Owner *Reading
	// Approved says whether approvals that a rule requires were given; nil when nobody was asked.
	Approved func([]org.Approval) bool
	// Involved is true of who asked for a request, or may approve it, when they look at it.
	Involved bool
	// Code is true of a login by a one-time code, which whoever carries the mail can read, and Outranked when there are
	// better ways to sign in than that.
	Code, Outranked bool
	// Unverified is true of a stamp by a passkey that knows only that somebody is there, and not who.
	Unverified bool
	// Asked is true of who asked for a request that waits, when they take it back.
	Asked bool
	// Frozen says what is frozen that the request needs, and who can lift that; empty for nothing.
	Frozen string
}

// Decision is the answer, with the rule that gave it.
type Decision struct {
	Allowed bool
	Rule    string // what decided
	Grant   bool   // it is a grant's rule, not the user's policy
	Reason  string // for people

	Explanation *api.Explanation // of rules that did not allow; see Explained
	Approvals   []org.Approval   // that would make it allowed
	Expires     uint64           // milliseconds that it waits for them, 0 for the organization's own

	explain func(*Decision) // nil when there is nothing more to tell
}

// Explained completes a decision of Decide with its explanation and its reason, which may take longer than the decision.
// The facts, and the usage that they read, must be as they were.
func (d Decision) Explained() Decision {
	if explain := d.explain; explain != nil {
		d.explain = nil
		explain(&d)
	}
	return d
}

// Evaluate answers a question and explains the answer.
func Evaluate(q Question) Decision { return Decide(q).Explained() }

// Decide answers a question by the policy of the user who asks, and by the grant if the wallet is another organization's:
// both must allow. Of rules it does not say why; Explained does.
func Decide(q Question) Decision {
	if q.User == nil {
		return Decision{Rule: "no user", Reason: "nobody asked"}
	}
	if q.Frozen != "" {
		return deny(Frozen, q.Frozen)
	}
	if q.Involved && (q.Method == api.GetRequest || q.Method == api.ListRequests) {
		return Decision{Allowed: true, Rule: "involved"}
	}
	if q.Code && !byCode(q) {
		return deny(Code, "a login by a one-time code may not do this: sign in with a passkey, or with a provider")
	}
	if q.Unverified && wantsPerson(q) {
		return deny(Verification, "the passkey did not verify who used it, which this request wants: ask it for user verification (PIN, finger or face), and send again")
	}
	if q.Asked && q.Method == api.RejectRequest { // who may have it done by approvals alone may have it not done
		return Decision{Allowed: true, Rule: "requester"}
	}
	d := byPolicy(&q.User.Policy, q, q.Own)
	if d.Allowed && q.Grant != nil {
		d = byGrant(q.Grant, q)
		d.Grant = true
	}
	return d
}

func byPolicy(p *org.Policy, q Question, r *Reading) Decision {
	switch {
	case p.Type == org.PolicyRoot:
		return Decision{Allowed: true, Rule: org.PolicyRoot}
	case p.Type != org.PolicyCEL:
		return deny(p.Type, "the user has a policy of a type that this release does not know")
	}
	if rootOnly(q.Method) {
		return deny(p.Preset, string(q.Method)+" takes policy ROOT: what bounds everybody is not theirs to change")
	}
	if q.Blind {
		return deny(p.Preset, "32 bytes may be the digest of anything: signing them takes policy ROOT")
	}
	if q.Replayable && p.Preset != org.PresetAllowAll {
		return deny(p.Preset, "the transaction, or an authorization in it, names no chain id and would be valid on every chain")
	}
	switch p.Preset {
	case "":
		return byRules(p, q, r)
	case org.PresetAllowAll:
		return Decision{Allowed: true, Rule: p.Preset}
	case org.PresetDenyAll:
		return deny(p.Preset, "this policy denies every request")
	case org.PresetLegacyUserRole:
		return legacyUserRole(q)
	case org.PresetDappConnection:
		d := dappConnection(*p, q)
		if d.Allowed && p.USDLimit != nil && signs(q.Method) {
			return byRules(p, q, r)
		}
		return d
	}
	return deny("no rule", "no rule of the user's policy allows this")
}

// rootOnly says whether no other policy, whatever it says, allows a method.
func rootOnly(m api.Method) bool {
	switch m { //nolint:exhaustive // the others are for policies to allow
	case api.Unfreeze, api.UpdateOrganizationControls, api.SetPrices, api.RegisterContract,
		api.AddWay, api.RemoveWay, api.CompleteWayChange, api.VetoWayChange:
		return true
	}
	return false
}

func deny(rule, reason string) Decision { return Decision{Rule: rule, Reason: reason} }

// signs says whether a method signs what has effects.
func signs(m api.Method) bool {
	switch m { //nolint:exhaustive // the others sign nothing
	case api.SignUtf8Message, api.EthereumSignMessage, api.EthereumSignTypedData, api.SignTransaction, api.SignRawPayload:
		return true
	}
	return false
}

// legacyUserRole may read, create wallets and sign with any wallet of the organization; it administers nothing.
func legacyUserRole(q Question) Decision {
	switch q.Method {
	case api.GetOrganization, api.GetPhantomOrganization, api.GetOrganizationWallets, api.GetAccounts, api.GetWalletWithTag,
		api.GetWalletAccessGrants, api.ListPendingMigrations, api.GetOrganizationControls, api.DryRun, api.GetOrganizationActivity,
		api.ApproveRequest, api.RejectRequest, // whose tag decides
		api.CreateWallet, api.GetOrCreateWalletWithTag,
		api.SignUtf8Message, api.EthereumSignMessage, api.EthereumSignTypedData, api.SignTransaction:
		return Decision{Allowed: true, Rule: org.PresetLegacyUserRole}
	case api.CreateOrganization, api.GetOrCreatePhantomOrganization, api.AddUserToOrganization, api.UpdateUserInOrganization, api.DeleteUserFromOrganization,
		api.CreateAuthenticator, api.UpdateAuthenticator, api.DeleteAuthenticator,
		api.GrantOrganizationAccess, api.RevokeOrganizationAccess, api.TransferOrganizationWallet, api.CompleteWalletTransfer:
		return deny(org.PresetLegacyUserRole, "this policy does not let its user administer the organization")
	case api.ConnectApp, api.DisconnectApp, api.ListConnections, api.ListWays,
		api.AddWay, api.RemoveWay, api.CompleteWayChange, api.VetoWayChange:
		return deny(org.PresetLegacyUserRole, "apps and ways to sign in are the person's whose organization it is")
	case api.InitWalletImport, api.CompleteImportWallet, api.ExportWallet:
		return deny(org.PresetLegacyUserRole, "this policy does not let its user bring secrets in or take them out")
	case api.Freeze: // pulling an emergency stop is for everybody who could do harm; who could, could stop all others with it
		if q.Target != "" && q.Target != q.User.Username {
			return deny(org.PresetLegacyUserRole, "this policy lets its user freeze the organization, a wallet or themselves, nobody else")
		}
		return Decision{Allowed: true, Rule: org.PresetLegacyUserRole}
	case api.Unfreeze, api.UpdateOrganizationControls, api.SetPrices, api.RegisterContract: // take policy ROOT
	case api.ReplayPolicy: // looks into others' requests
	case api.GetRequest, api.ListRequests: // for those who are involved
	case api.SignRawPayload: // its own scope, which no preset has
	}
	return deny(org.PresetLegacyUserRole, "this policy does not allow "+string(q.Method))
}

// dappConnection may sign with one wallet and read that wallet's accounts and its own organization.
func dappConnection(p org.Policy, q Question) Decision {
	switch q.Method {
	case api.GetOrganization, api.GetPhantomOrganization, api.ListPendingMigrations, api.DryRun:
		return Decision{Allowed: true, Rule: org.PresetDappConnection}
	case api.GetAccounts, api.GetWalletWithTag, api.GetOrCreateWalletWithTag, // which finds its wallet
		api.SignUtf8Message, api.EthereumSignMessage, api.EthereumSignTypedData, api.SignTransaction:
		if q.Wallet == (proof.ID{}) || q.Wallet != p.Wallet {
			return deny(org.PresetDappConnection, "this connection is bound to another wallet")
		}
		return Decision{Allowed: true, Rule: org.PresetDappConnection}
	case api.CreateOrganization, api.GetOrCreatePhantomOrganization, api.AddUserToOrganization, api.UpdateUserInOrganization, api.DeleteUserFromOrganization,
		api.CreateAuthenticator, api.UpdateAuthenticator, api.DeleteAuthenticator,
		api.GrantOrganizationAccess, api.RevokeOrganizationAccess, api.GetWalletAccessGrants, api.TransferOrganizationWallet, api.CompleteWalletTransfer,
		api.CreateWallet, api.GetOrganizationWallets, api.InitWalletImport, api.CompleteImportWallet, api.ExportWallet,
		api.ConnectApp, api.DisconnectApp, api.ListConnections, api.ListWays, api.AddWay, api.RemoveWay, api.CompleteWayChange, api.VetoWayChange:
		return deny(org.PresetDappConnection, "a connection may only use its own wallet")
	case api.Freeze:
		if q.Target == "" || q.Target != q.User.Username {
			return deny(org.PresetDappConnection, "a connection may freeze its own user, and nothing else")
		}
		return Decision{Allowed: true, Rule: org.PresetDappConnection}
	case api.Unfreeze, api.UpdateOrganizationControls, api.SetPrices, api.RegisterContract: // take policy ROOT
	case api.GetOrganizationControls, api.GetOrganizationActivity, api.ReplayPolicy: // of others, too
	case api.ApproveRequest, api.RejectRequest: // a connection vouches for nobody
	case api.GetRequest, api.ListRequests: // for those who are involved
	case api.SignRawPayload: // its own scope, which no preset has
	}
	return deny(org.PresetDappConnection, "this policy does not allow "+string(q.Method))
}
