package org

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/proof"
)

// Imports is the record of an organization's import envelopes that wait to be used. One that is not listed was used, has
// expired, or never was: there is no way to list it again.
type Imports struct {
	_       struct{} `cbor:",toarray"`
	Version uint8    // SchemaVersion
	Waiting []Import // in the order in which they were made
}

// Import is an envelope that waits to be used.
type Import struct {
	_        struct{} `cbor:",toarray"`
	ID       proof.ID
	User     proof.Hash // names the user who asked for it
	Expires  uint64     // Unix milliseconds
	Envelope proof.Hash // SHA-256 of the envelope as the client has it
}

// Fingerprint marks that a wallet's secret is, or was, known outside of the signer.
type Fingerprint struct {
	_            struct{} `cbor:",toarray"`
	Version      uint8    // SchemaVersion
	Organization proof.ID
	Wallet       proof.ID
}

// Name identifies a user: another one of the same name, made later, is not the same.
func (u *User) Name() proof.Hash {
	return sha256.Sum256(binary.BigEndian.AppendUint64([]byte(u.Username+"\x00"), u.Created))
}

// Add returns the list with one more envelope, without those that have expired. A missing list is an empty one.
func (l *Imports) Add(one Import, now uint64) (*Imports, error) {
	next := l.without(func(i Import) bool { return Expired(i.Expires, now) })
	if len(next.Waiting) >= api.MaxImports {
		return nil, api.Errorf(api.TypeLimit, "%d imports were begun and not completed, the most there may be; the oldest ends within %v", api.MaxImports, api.ImportWindow)
	}
	next.Waiting = append(next.Waiting, one)
	return next, nil
}

// Take returns the list without an envelope, and the envelope, which is a user's to use until it expires.
func (l *Imports) Take(id proof.ID, user proof.Hash, now uint64) (*Imports, Import, error) {
	const path = "params.importEnvelope.envelope"
	if l == nil {
		l = &Imports{}
	}
	i := slices.IndexFunc(l.Waiting, func(one Import) bool { return one.ID == id })
	if i < 0 {
		return nil, Import{}, api.Errorf(api.TypeInvalid, "no import of this organization waits for this envelope: it was used or has expired; begin with initWalletImport").At(path)
	}
	one := l.Waiting[i]
	switch {
	case Expired(one.Expires, now):
		return nil, one, api.Errorf(api.TypeInvalid, "the envelope has expired, %v after it was made; begin with initWalletImport", api.ImportWindow).At(path)
	case one.User != user:
		return nil, one, api.Errorf(api.TypeInvalid, "the envelope was made for another user of the organization").At(path)
	}
	return l.without(func(other Import) bool { return other.ID == id || Expired(other.Expires, now) }), one, nil
}

func (l *Imports) without(drop func(Import) bool) *Imports {
	next := &Imports{Version: SchemaVersion}
	if l != nil {
		next.Waiting = slices.DeleteFunc(slices.Clone(l.Waiting), drop)
	}
	return next
}
