package ledger

import (
	"errors"

	"github.com/redoubt-kms/redoubt/proof"
)

// entryFields are the fields of an entry of version 1, in their order.
type entryFields struct {
	Version       uint8
	Index         uint64
	Time          uint64
	Organization  proof.ID
	Method        string
	Request       proof.Hash
	Replay        proof.Hash
	RequestID     proof.ID
	Caller        proof.ID
	User          string
	Wallet        proof.ID
	Decision      Decision
	Policy        string
	PolicyVersion uint64
	Environment   uint8
	Effects       Effects
	Counters      []Counter
	Changes       []Change
	Permit        proof.Hash
	Status        uint16
	Outcome       []byte
}

// firstEntry and secondEntry are the stored forms of the two versions.
type (
	firstEntry struct {
		_ struct{} `cbor:",toarray"`
		entryFields
	}
	secondEntry struct {
		_ struct{} `cbor:",toarray"`
		entryFields
		Sequence    uint64
		Previous    uint64
		Explanation []byte
	}
)

// shortArray is the first byte of an entry of version 1, an array of 21; the second version's has two bytes of length.
const shortArray = 0x95

func (e Entry) fields() entryFields {
	return entryFields{
		e.Version, e.Index, e.Time, e.Organization, e.Method, e.Request, e.Replay, e.RequestID, e.Caller, e.User, e.Wallet,
		e.Decision, e.Policy, e.PolicyVersion, e.Environment, e.Effects, e.Counters, e.Changes, e.Permit, e.Status, e.Outcome,
	}
}

func (f entryFields) entry() Entry {
	return Entry{
		Version: f.Version, Index: f.Index, Time: f.Time, Organization: f.Organization, Method: f.Method, Request: f.Request,
		Replay: f.Replay, RequestID: f.RequestID, Caller: f.Caller, User: f.User, Wallet: f.Wallet, Decision: f.Decision,
		Policy: f.Policy, PolicyVersion: f.PolicyVersion, Environment: f.Environment, Effects: f.Effects, Counters: f.Counters,
		Changes: f.Changes, Permit: f.Permit, Status: f.Status, Outcome: f.Outcome,
	}
}

// MarshalCBOR writes the form of the entry's version.
func (e Entry) MarshalCBOR() ([]byte, error) {
	if e.Version < EntryVersion {
		return proof.Encode(firstEntry{entryFields: e.fields()})
	}
	return proof.Encode(secondEntry{entryFields: e.fields(), Sequence: e.Sequence, Previous: e.Previous, Explanation: e.Explanation})
}

var errEntryVersion = errors.New("entry of an unknown version")

// UnmarshalCBOR reads either form, which must be that of its version.
func (e *Entry) UnmarshalCBOR(b []byte) error {
	if len(b) > 0 && b[0] == shortArray {
		var first firstEntry
		if err := proof.Decode(b, &first); err != nil {
			return err
		}
		*e = first.entry()
		if e.Version >= EntryVersion {
			return errEntryVersion
		}
		return nil
	}
	var second secondEntry
	if err := proof.Decode(b, &second); err != nil {
		return err
	}
	*e = second.entry()
	e.Sequence, e.Previous, e.Explanation = second.Sequence, second.Previous, second.Explanation
	if e.Version != EntryVersion {
		return errEntryVersion
	}
	return nil
}
