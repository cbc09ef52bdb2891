package ledger

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"

	"github.com/redoubt-kms/redoubt/proof"
)

// Decision says what the policy engine decided. The zero value is no decision and allows nothing.
type Decision uint8

// The decisions.
const (
	Undecided Decision = iota
	Allowed
	Denied
	Waiting // for approvals: it allows nothing
)

// String names the decision as people read it.
func (d Decision) String() string {
	switch d {
	case Allowed:
		return "allowed"
	case Denied:
		return "denied"
	case Waiting:
		return "waiting"
	case Undecided:
	}
	return "undecided"
}

// EntryVersion is that of new entries. Those of version 1 have nothing after Outcome.
const EntryVersion = 2

// Entry is one line of the log: a state change or an authorisation, or its denial.
type Entry struct {
	Version       uint8  // EntryVersion, or 1
	Index         uint64 // in the log
	Time          uint64 // Unix milliseconds, anchored
	Organization  proof.ID
	Method        string
	Request       proof.Hash // SHA-256 of the body
	Replay        proof.Hash // replay key: SHA-256 of the request's hash and the caller
	RequestID     proof.ID
	Caller        proof.ID // authenticator, zero for an unstamped request
	User          string   // username, empty for an unstamped request
	Wallet        proof.ID // zero when no wallet is concerned
	Decision      Decision
	Policy        string // what decided, as the explanation names it
	PolicyVersion uint64 // version of the organization's record that held the policy
	Environment   uint8  // version of the policy environment
	Effects       Effects
	Counters      []Counter // usage after this entry
	Changes       []Change  // records that this entry changed
	Permit        proof.Hash
	Status        uint16 // HTTP status of the answer
	Outcome       []byte // the answer's result or error, for a change or a denial; empty for a signature; of an export what the signer sealed

	// Sequence counts the entries of the organization from 1; Previous is the commit that holds the one before, 0 for
	// none. An entry of no organization has neither.
	Sequence uint64
	Previous uint64
	// Explanation is that of a denial by rules, whoever was told: JSON of api.Explanation.
	Explanation []byte
}

// Effects are chain.Effects as the log keeps them, amounts in decimal.
type Effects struct {
	_         struct{} `cbor:",toarray"`
	Transfers []Movement
	Approvals []Movement
	Authority []AuthorityChange
	FeeMax    string
	Programs  []string
	Unknown   bool
}

// Any says whether there are effects.
func (e *Effects) Any() bool {
	return len(e.Transfers)+len(e.Approvals)+len(e.Authority)+len(e.Programs) > 0 || e.FeeMax != "" || e.Unknown
}

// Movement is a transfer or an approval; an approval without limit has the amount "unlimited".
type Movement struct {
	_      struct{} `cbor:",toarray"`
	Asset  string
	From   string
	To     string
	Amount string
}

// AuthorityChange hands over control.
type AuthorityChange struct {
	_       struct{} `cbor:",toarray"`
	Subject string
	Kind    string
	To      string
}

// Counter is a usage total of a subject in a time bucket.
type Counter struct {
	_       struct{} `cbor:",toarray"`
	Version uint8    // of the bucket's layout
	Subject string
	Asset   string
	Bucket  uint64
	Total   string
}

// Change names a record's new version and hash; a zero hash deletes it.
type Change struct {
	_       struct{} `cbor:",toarray"`
	Key     Key
	Version uint64
	Hash    proof.Hash
}

// Salt makes commitments unguessable: HMAC of the entry's index under the log key of its organization.
func Salt(logKey [32]byte, organization proof.ID, index uint64) proof.Hash {
	perOrganization := hmac.New(sha256.New, logKey[:])
	perOrganization.Write(organization[:])
	mac := hmac.New(sha256.New, perOrganization.Sum(nil))
	mac.Write(binary.BigEndian.AppendUint64(nil, index))
	return proof.Hash(mac.Sum(nil))
}

// Commitment is what the log's leaf holds of an entry.
func Commitment(salt proof.Hash, entry []byte) proof.Hash { return proof.Commit(salt, entry) }

// EntryContext is what the seal of an entry, or of the request's body beside it, authenticates besides its bytes.
func EntryContext(index uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte("redoubt/entry/v1\x00"), index)
}

// ErrEntry says that a stored entry is not the one in the log.
var ErrEntry = errors.New("stored entry is not the one that the log commits to")
