package wire

import "github.com/redoubt-kms/redoubt/proof"

// The certifier's door. A stranger may only ask for a challenge and be admitted; the rest is for admitted roles.
const (
	KindChallenge Kind = 10 // Empty → Challenge
	KindAdmit     Kind = 11 // Evidence → Certificate
	KindOpen      Kind = 12 // Empty → Opened; the policy engine becomes the writer, under a new epoch
	KindAnchor    Kind = 13 // AnchorRequest → Anchored; the writer only
	KindNewest    Kind = 14 // Empty → Anchored
	KindNote      Kind = 15 // Empty → Note
)

// Challenge is a nonce that evidence must contain, once, within a minute.
type Challenge struct {
	_     struct{} `cbor:",toarray"`
	Nonce []byte
}

// Certificate is the answer to evidence.
type Certificate struct {
	_           struct{} `cbor:",toarray"`
	Certificate proof.SignedCertificate
}

// Opened tells the writer its epoch, the newest head and the time.
type Opened struct {
	_       struct{} `cbor:",toarray"`
	Epoch   uint64
	Receipt proof.SignedReceipt
	Rebased Rebased
}

// Rebased is the newest rebase of a ledger that had one.
type Rebased struct {
	_         struct{} `cbor:",toarray"`
	Statement []byte   // CBOR of proof.SignedRebase; empty when there was none
	Time      uint64   // when the certifier took it, Unix milliseconds
	Pending   bool     // no head follows yet: the writer logs it before anything else
}

// AnchorRequest moves the anchor along a chain of heads, the first of which follows the newest one.
type AnchorRequest struct {
	_     struct{} `cbor:",toarray"`
	Epoch uint64
	Heads []proof.Head
}

// Anchored is the receipt for the newest head.
type Anchored struct {
	_       struct{} `cbor:",toarray"`
	Receipt proof.SignedReceipt
}

// Note is the newest head as a C2SP checkpoint, signed by the certifier.
type Note struct {
	_          struct{} `cbor:",toarray"`
	Checkpoint string
	Certifier  proof.SignedCertificate
}
