package wire

import (
	"crypto/sha256"

	"github.com/redoubt-kms/redoubt/proof"
)

// KeySize is the size of a record's key in bytes.
const KeySize = 34

// keyVersion is the first byte of every key. A new layout gets a new one, and sorts after this.
const keyVersion = 1

// RecordKind says what a record is. Its number is part of the stored key and never changes.
type RecordKind uint8

// Key names a record: version, kind, and two identifiers. Keys sort by kind, then by the first identifier, so that
// what belongs to an organization lies together and a listing can be proven complete.
type Key [KeySize]byte

// NewKey makes the key of a record.
func NewKey(kind RecordKind, first, second proof.ID) Key {
	var k Key
	k[0], k[1] = keyVersion, byte(kind)
	copy(k[2:], first[:])
	copy(k[18:], second[:])
	return k
}

// Kind returns the kind of the record.
func (k Key) Kind() RecordKind { return RecordKind(k[1]) }

// First returns the first identifier.
func (k Key) First() proof.ID { return proof.ID(k[2:18]) }

// Second returns the second identifier.
func (k Key) Second() proof.ID { return proof.ID(k[18:34]) }

// StoredRecord is a record as the host keeps it: sealed by the enclave that owns it. An empty Sealed deletes it.
type StoredRecord struct {
	_       struct{} `cbor:",toarray"`
	Key     Key
	Version uint64 // from 1, by one for each change
	Sealed  []byte
}

// Hash is what the index keeps of the record's bytes.
func (r StoredRecord) Hash() proof.Hash { return sha256.Sum256(r.Sealed) }

// StoredEntry is a log entry as the host keeps it. The host reads the commitment, nothing else.
type StoredEntry struct {
	_          struct{} `cbor:",toarray"`
	Commitment proof.Hash
	Sealed     []byte     // the entry
	Body       proof.Hash // SHA-256 of the sealed request body, which is kept apart so that it can be pruned
}

// StoredCommit is what one commit adds, as one blob.
type StoredCommit struct {
	_       struct{} `cbor:",toarray"`
	Version uint8    // 1
	Index   uint64   // of the head that it leads to
	First   uint64   // log index of the first entry
	Entries []StoredEntry
	Records []StoredRecord
}

// ReadStored reads the blob of a commit.
func ReadStored(blob []byte) (StoredCommit, error) {
	var c StoredCommit
	return c, proof.Decode(blob, &c)
}
