package org

import (
	"errors"

	"github.com/redoubt-kms/redoubt/proof"
)

// shortGrant is how a grant without a transaction policy is stored, as all were before there were any.
type shortGrant struct {
	_          struct{} `cbor:",toarray"`
	Name       string
	Created    uint64
	Version    string
	Scopes     []string
	Restricted bool
	Paths      []Path
	Root       string
	RootAfter  uint64
	Policy     Policy
}

// longGrant is how all others are stored.
type longGrant struct {
	_            struct{} `cbor:",toarray"`
	Grant        shortGrant
	Transactions TransactionPolicy
}

// longGrantStart is the first byte of a CBOR array of two.
const longGrantStart = 0x82

// MarshalCBOR writes the shorter of the two forms that holds the grant.
func (g Grant) MarshalCBOR() ([]byte, error) {
	s := shortGrant{
		Name: g.Name, Created: g.Created, Version: g.Version, Scopes: g.Scopes, Restricted: g.Restricted, Paths: g.Paths,
		Root: g.Root, RootAfter: g.RootAfter, Policy: g.Policy,
	}
	if g.Transactions == nil {
		return proof.Encode(s)
	}
	return proof.Encode(longGrant{Grant: s, Transactions: *g.Transactions})
}

// UnmarshalCBOR reads either form; they differ in the number of their parts.
func (g *Grant) UnmarshalCBOR(b []byte) error {
	if len(b) == 0 {
		return errors.New("no grant")
	}
	var l longGrant
	var err error
	long := b[0] == longGrantStart
	if long {
		err = proof.Decode(b, &l)
	} else {
		err = proof.Decode(b, &l.Grant)
	}
	s := l.Grant
	*g = Grant{
		Name: s.Name, Created: s.Created, Version: s.Version, Scopes: s.Scopes, Restricted: s.Restricted, Paths: s.Paths,
		Root: s.Root, RootAfter: s.RootAfter, Policy: s.Policy,
	}
	if long {
		g.Transactions = &l.Transactions
	}
	return err
}
