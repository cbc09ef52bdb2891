package org

import (
	"crypto/hmac"
	"crypto/sha256"
	"slices"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/proof"
)

// Wallet is the record of a wallet that the policy engine keeps. Its secret is another record, the signer's.
type Wallet struct {
	_            struct{} `cbor:",toarray"`
	Version      uint8    // SchemaVersion
	ID           proof.ID
	Organization proof.ID
	Name         string
	Tags         []string
	Type         string // MNEMONIC or KEYPAIR
	Curve        api.Curve
	Format       api.AddressFormat // of a keypair wallet, fixed at creation
	Created      uint64            // Unix milliseconds
	Exported     bool              // sticky
}

// Tag says which wallet carries a tag. There is one record for each tag of an organization, so that a tag can be
// claimed once and its absence is provable.
type Tag struct {
	_       struct{} `cbor:",toarray"`
	Version uint8    // SchemaVersion
	Wallet  proof.ID
}

// TagID names a tag of an organization in a record's key, without telling the host which tag it is.
func TagID(key [32]byte, organization proof.ID, tag string) proof.ID {
	mac := hmac.New(sha256.New, key[:])
	mac.Write(organization[:])
	mac.Write([]byte(tag))
	return proof.ID(mac.Sum(nil)[:16])
}

// Holder marks that a key is an authenticator of an organization: without it, nobody could tell a stranger's key from
// a member's who knocks at the wrong door.
type Holder struct {
	_       struct{} `cbor:",toarray"`
	Version uint8    // SchemaVersion
}

// HolderID names a public key in a record's key.
func HolderID(algorithm api.Algorithm, publicKey []byte) proof.ID {
	hash := KeyHash(algorithm, publicKey)
	return proof.ID(hash[:16])
}

// Keys lists the key hashes of an organization's authenticators, in order.
func (o *Organization) Keys() []proof.ID {
	var ids []proof.ID
	for _, u := range o.Users {
		for _, a := range u.Authenticators {
			ids = append(ids, HolderID(a.Algorithm, a.PublicKey))
		}
	}
	slices.SortFunc(ids, func(a, b proof.ID) int { return slices.Compare(a[:], b[:]) })
	return ids
}
