package org

import (
	"slices"
	"strings"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/proof"
)

// Grants is the record of what one organization may do with one wallet of another. One record is what both of them see,
// so it changes for both at once.
type Grants struct {
	_       struct{} `cbor:",toarray"`
	Version uint8    // SchemaVersion
	Owner   proof.ID
	All     []Grant // in the order of names
}

// Grant is one of them.
type Grant struct {
	_       struct{} `cbor:",toarray"`
	Name    string   // empty for the one that requests use which name none
	Created uint64   // Unix milliseconds
	Version string   // GrantV0 or GrantV1

	// Of version 0.
	Scopes     []string
	Restricted bool // to Paths
	Paths      []Path

	// Of version 1.
	Root      string // RootAlways, RootNever or RootAfter
	RootAfter uint64 // Unix milliseconds
	Policy    Policy

	Transactions *TransactionPolicy // nil for none
}

// Path is an account of a wallet that a grant is restricted to.
type Path struct {
	_      struct{} `cbor:",toarray"`
	Steps  []uint32
	Curve  api.Curve
	Format api.AddressFormat
}

// The versions of grants, and when users with policy ROOT may do everything under one of version 1.
const (
	GrantV0    = "v0"
	GrantV1    = "v1"
	RootAlways = "ALWAYS"
	RootNever  = "NONE"
	RootAfter  = "AFTER_TIMESTAMP"
)

// The scopes of grants of version 0.
const (
	ScopeOwner       = "owner"
	ScopePayload     = "signaturePayload"
	ScopeTransaction = "signatureTransaction"
	ScopePersonal    = "ethereumSignMessage"
	ScopeTypedData   = "ethereumSignTypedData"
	ScopeExport      = "exportWallet"
)

// Scopes lists the scopes.
func Scopes() []string {
	return []string{ScopeOwner, ScopePayload, ScopeTransaction, ScopePersonal, ScopeTypedData, ScopeExport}
}

// Pending is the record of a wallet that awaits acceptance by another organization.
type Pending struct {
	_       struct{} `cbor:",toarray"`
	Version uint8    // SchemaVersion
	Owner   proof.ID
	Wallet  proof.ID
	Retain  []Grant // what the old owner keeps: none or one
	Created uint64  // Unix milliseconds
	Expires uint64  // Unix milliseconds
}

// Find returns the grant of a name, or nil.
func (g *Grants) Find(name string) *Grant {
	if g == nil {
		return nil
	}
	if i := slices.IndexFunc(g.All, func(one Grant) bool { return one.Name == name }); i >= 0 {
		return &g.All[i]
	}
	return nil
}

// With returns the grants with one more, or with another one of that name.
func (g *Grants) With(one Grant) (*Grants, error) {
	next := *g
	next.All = slices.DeleteFunc(slices.Clone(g.All), func(old Grant) bool { return old.Name == one.Name })
	if len(next.All) >= api.MaxGrants {
		return nil, api.Errorf(api.TypeLimit, "the organization has %d grants of this wallet, the most there may be", api.MaxGrants)
	}
	at, _ := slices.BinarySearchFunc(next.All, one.Name, func(old Grant, name string) int { return strings.Compare(old.Name, name) })
	next.All = slices.Insert(next.All, at, one)
	return &next, nil
}

// Without returns the grants without the one of a name, which must be there; nil when none is left.
func (g *Grants) Without(name string) *Grants {
	next := *g
	next.All = slices.DeleteFunc(slices.Clone(g.All), func(old Grant) bool { return old.Name == name })
	if len(next.All) == 0 {
		return nil
	}
	return &next
}

// Allows says whether a grant of version 0 has a scope, or that of an owner.
func (g *Grant) Allows(scope string) bool {
	return slices.Contains(g.Scopes, scope) || slices.Contains(g.Scopes, ScopeOwner)
}

// Covers says whether a grant is for an account.
func (g *Grant) Covers(steps []uint32, c api.Curve, format api.AddressFormat) bool {
	return !g.Restricted || slices.ContainsFunc(g.Paths, func(p Path) bool {
		return slices.Equal(p.Steps, steps) && p.Curve == c && p.Format == format
	})
}
