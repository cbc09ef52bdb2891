package rule

import (
	"fmt"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/org"
)

// byGrant answers by the grant under which a wallet of another organization is used: what it allows, and what its
// transaction policy bounds.
func byGrant(g *org.Grant, q Question) Decision {
	name := "grant"
	if g.Name != "" {
		name = fmt.Sprintf("grant %q", g.Name)
	}
	if reason := outside(g.Transactions, q); reason != "" {
		return deny(name+", transaction policy", reason)
	}
	return byAllowance(name, g, q)
}

// byAllowance answers by scopes or by a policy as users have it.
func byAllowance(name string, g *org.Grant, q Question) Decision {
	switch g.Version {
	case org.GrantV0:
		return byScopes(name, g, q)
	case org.GrantV1:
		if q.User.Policy.Type == org.PolicyRoot && rootNow(g, q.Now) {
			return Decision{Allowed: true, Rule: name + " for root"}
		}
		q.Approved = nil // who approves for the caller's organization says nothing for the owner's
		d := byPolicy(&g.Policy, q, q.Owner)
		d.Rule = name + ", " + d.Rule
		return d
	}
	return deny(name, "the grant is of a version that this release does not know")
}

// rootNow says whether users with policy ROOT may do everything under a grant.
func rootNow(g *org.Grant, now uint64) bool {
	return g.Root == org.RootAlways || g.Root == org.RootAfter && now >= g.RootAfter
}

func byScopes(name string, g *org.Grant, q Question) Decision {
	scope, ok := scopeOf(q.Method)
	if !ok {
		return deny(name, "a grant does not cover "+string(q.Method))
	}
	if scope != "" && !g.Allows(scope) {
		return deny(name, "it does not have the scope "+scope)
	}
	if q.Blind && !g.Allows(org.ScopeOwner) {
		return deny(name, "32 bytes may be the digest of anything: signing them takes the scope "+org.ScopeOwner)
	}
	if q.Replayable && !g.Allows(org.ScopeOwner) {
		return deny(name, "the transaction, or an authorization in it, names no chain id and would be valid on every chain")
	}
	if !g.Covers(q.Path.Steps, q.Path.Curve, q.Path.Format) {
		return deny(name, "it is restricted to other derivation paths")
	}
	return Decision{Allowed: true, Rule: name}
}

// scopeOf returns the scope that a method needs, empty for one that every grant allows.
func scopeOf(m api.Method) (string, bool) {
	scope, ok := map[api.Method]string{
		api.GetAccounts:           "",
		api.SignUtf8Message:       org.ScopePayload,
		api.SignRawPayload:        org.ScopePayload,
		api.SignTransaction:       org.ScopeTransaction,
		api.EthereumSignMessage:   org.ScopePersonal,
		api.EthereumSignTypedData: org.ScopeTypedData,
		api.ExportWallet:          org.ScopeExport,
	}[m]
	return scope, ok
}
