package ledger

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"

	"github.com/redoubt-kms/redoubt/proof"
)

// KeySize is the size of a record's key in bytes.
const KeySize = 34

// keyVersion is the first byte of every key. A new layout gets a new one, and sorts after this.
const keyVersion = 1

// Kind says what a record is. Its number is part of the stored key and never changes.
type Kind uint8

// The kinds of records.
const (
	KindOrganization  Kind = 1 // organization, zero
	KindWallet        Kind = 2 // organization, wallet
	KindSecret        Kind = 3 // wallet, zero; owned by the signer
	KindTag           Kind = 4 // organization, hash of the tag
	KindAuthenticator Kind = 5 // hash of the public key, organization
)

// Key names a record: version, kind, and two identifiers. Keys sort by kind, then by the first identifier, so that
// what belongs to an organization lies together and a listing can be proven complete.
type Key [KeySize]byte

// NewKey makes the key of a record.
func NewKey(kind Kind, first, second proof.ID) Key {
	var k Key
	k[0], k[1] = keyVersion, byte(kind)
	copy(k[2:], first[:])
	copy(k[18:], second[:])
	return k
}

// Kind returns the kind of the record.
func (k Key) Kind() Kind { return Kind(k[1]) }

// First returns the first identifier.
func (k Key) First() proof.ID { return proof.ID(k[2:18]) }

// Second returns the second identifier.
func (k Key) Second() proof.ID { return proof.ID(k[18:34]) }

// Record is a stored record: sealed by the enclave that owns it. An empty Sealed deletes it.
type Record struct {
	_       struct{} `cbor:",toarray"`
	Key     Key
	Version uint64 // from 1, by one for each change
	Sealed  []byte
}

// Hash is what the index keeps of the record's bytes.
func (r Record) Hash() proof.Hash { return sha256.Sum256(r.Sealed) }

// Context is what the seal of a record authenticates besides its bytes: where it belongs and which version it is.
func Context(key Key, version uint64) []byte {
	return binary.BigEndian.AppendUint64(append([]byte("redoubt/record/v1\x00"), key[:]...), version)
}

// ErrStale says that the host did not hand over the record that the index names.
var ErrStale = errors.New("stored record is not the one that the ledger names: rolled back, swapped or damaged")
