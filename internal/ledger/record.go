package ledger

import (
	"encoding/binary"
	"errors"

	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

// The stored forms are part of the door to the host, which keeps them.
type (
	// Key names a record.
	Key = wire.Key
	// Kind says what a record is.
	Kind = wire.RecordKind
	// Record is a stored record.
	Record = wire.StoredRecord
	// Stored is a stored entry.
	Stored = wire.StoredEntry
	// Commit is a stored commit.
	Commit = wire.StoredCommit
)

// KeySize is the size of a record's key in bytes.
const KeySize = wire.KeySize

// The kinds of records.
const (
	KindOrganization  Kind = 1  // organization, zero
	KindWallet        Kind = 2  // organization, wallet
	KindSecret        Kind = 3  // wallet, zero; owned by the signer
	KindTag           Kind = 4  // organization, hash of the tag
	KindAuthenticator Kind = 5  // hash of the public key, organization
	KindGrants        Kind = 6  // wallet, organization that may use it
	KindPending       Kind = 7  // organization that may accept, transfer
	KindImports       Kind = 8  // organization, zero
	KindFingerprint   Kind = 9  // fingerprint of a secret, zero
	KindControls      Kind = 10 // organization, zero
	KindActivity      Kind = 12 // organization, zero
	KindUsage         Kind = 11 // organization, hash of what is counted
	KindWaiting       Kind = 13 // organization, request that waits for approvals; zero for the list of them
	KindPasskeyCount  Kind = 15 // organization, authenticator
	KindIdentity      Kind = 16 // hash of a person's way to sign in, zero
	KindWays          Kind = 17 // organization, zero: the changes of its ways that wait
)

// NewKey makes the key of a record.
func NewKey(kind Kind, first, second proof.ID) Key { return wire.NewKey(kind, first, second) }

// Context is what the seal of a record authenticates besides its bytes: where it belongs and which version it is.
func Context(key Key, version uint64) []byte {
	return binary.BigEndian.AppendUint64(append([]byte("redoubt/record/v1\x00"), key[:]...), version)
}

// ErrStale says that the host did not hand over the record that the index names.
var ErrStale = errors.New("stored record is not the one that the ledger names: rolled back, swapped or damaged")
