// Package chain says what a blockchain is to Redoubt: a way to read an unsigned payload to its last byte, to say what
// it would do once signed (its Effects), and to put a signature into it. Each chain lives in a folder of its own; the
// policy engine and the signer read the same bytes with the same code.
package chain

import (
	"errors"
	"fmt"
	"math/big"

	"github.com/redoubt-kms/redoubt/api"
)

// ID names a family of networks.
type ID string

// The chains.
const (
	Solana  ID = "solana"
	EVM     ID = "evm"
	Bitcoin ID = "bitcoin"
	Sui     ID = "sui"
)

// Payload is a fully parsed thing to sign: a transaction, a message or typed data. It is immutable.
type Payload interface {
	// Algorithm is the only scheme that may sign this payload.
	Algorithm() api.Algorithm
	// SigningBytes are what the algorithm takes: the whole message for Ed25519, the 32-byte digest for ECDSA.
	SigningBytes() []byte
	// Effects says what the payload does if signed by the account of the given public key (raw bytes: 32 for
	// Ed25519, 33 compressed for secp256k1).
	Effects(publicKey []byte) Effects
}

// Transaction is a Payload that a network accepts once signed.
type Transaction interface {
	Payload
	// Attach returns the serialized transaction with the signature of publicKey in its place; other signatures
	// are kept. ECDSA signatures are r‖s‖recovery id, 65 bytes with a last byte of 0 or 1; Ed25519 ones 64 bytes.
	Attach(publicKey, signature []byte) ([]byte, error)
}

// Bundle is a Payload for which an account may have to give several signatures, or one that depends on who gives it: a
// Bitcoin transaction takes one for each input of the account. Its SigningBytes are nil.
type Bundle interface {
	Payload
	// Digests are what the account of publicKey signs, at least one. An error says why it must not sign.
	Digests(publicKey []byte) ([][]byte, error)
	// AttachAll returns what the signatures, one for each of the Digests, make of the payload: the serialized
	// transaction, in which other signatures are kept, or a proof. ECDSA signatures are as for Attach, those of
	// BIP-340 have 64 bytes.
	AttachAll(publicKey []byte, signatures [][]byte) ([]byte, error)
}

// Effects is what policies and people read: the same for every chain.
type Effects struct {
	Transfers        []Transfer        // value that leaves the signing account, and what it moves for others
	Approvals        []Approval        // rights to move value later, counted at their cap
	AuthorityChanges []AuthorityChange // changes of who controls an account, a mint or a delegation
	FeeMax           *big.Int          // the most that this payload can cost in the native coin's smallest unit; nil if it costs nothing
	FeeRate          *big.Int          // what the fee is for 1,000 bytes of space, rounded up; nil where fees do not go by size
	Programs         []string          // programs called and contracts touched, each once, in order of appearance
	Unknown          bool              // true when some part does what this package cannot name
}

// Transfer is one movement of value.
type Transfer struct {
	Asset  string   // CAIP-19, or the short name of a native coin (SOL, ETH, BTC)
	From   string   // address; empty when only execution can tell
	To     string   // address; empty when only execution can tell (contract creation)
	Amount *big.Int // smallest unit, never negative
}

// Approval lets somebody else move value later.
type Approval struct {
	Asset   string   // CAIP-19 or short name
	Owner   string   // whose value
	Spender string   // who may move it
	Amount  *big.Int // the cap; nil means without limit
}

// AuthorityChange hands control over something to somebody.
type AuthorityChange struct {
	Subject string // the account, mint or contract
	Kind    string // the instruction or authority that changes, in the chain's own words, with network and nonce if it names them
	To      string // the new authority; empty when it is removed
}

// ErrMalformed is wrapped by every parse error: the bytes are not one whole, canonical payload.
var ErrMalformed = errors.New("malformed payload")

// ParseError says where and why a payload does not parse.
type ParseError struct {
	Offset int    // byte offset of the first byte that is wrong
	Reason string // one clause, without secrets
}

// Error gives offset and reason.
func (e *ParseError) Error() string { return fmt.Sprintf("%s at byte %d", e.Reason, e.Offset) }

// Unwrap makes errors.Is(err, ErrMalformed) true.
func (e *ParseError) Unwrap() error { return ErrMalformed }

// Malformed makes a ParseError.
func Malformed(offset int, format string, args ...any) error {
	return &ParseError{Offset: offset, Reason: fmt.Sprintf(format, args...)}
}
