// Package evm reads and signs what accounts of Ethereum and its kin sign: transactions of the legacy form (yellow
// paper, EIP-155), of type 1 (EIP-2930), 2 (EIP-1559), 3 (EIP-4844, without its blobs) and 4 (EIP-7702), personal
// messages (EIP-191) and typed data (EIP-712). A transaction is read to its last byte and written back to the same
// bytes, or refused.
package evm

import (
	"bytes"
	"math/big"
	"slices"

	"golang.org/x/crypto/sha3"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain/evm/rlp"
)

// Kind is the form of a transaction; the typed forms have their EIP-2718 type as value.
type Kind byte

// The kinds of transaction that this package reads.
const (
	KindLegacy     Kind = 0
	KindAccessList Kind = 1
	KindDynamicFee Kind = 2
	KindBlob       Kind = 3
	KindSetCode    Kind = 4
)

// hasTip says that a kind has a priority fee beside its fee cap, as all have since EIP-1559.
func (k Kind) hasTip() bool { return k >= KindDynamicFee }

// AccessTuple is one entry of an EIP-2930 access list.
type AccessTuple struct {
	Address     [20]byte
	StorageKeys [][32]byte
}

// Transaction is a transaction without its signature. It implements chain.Transaction.
type Transaction struct {
	kind     Kind
	chainID  *big.Int // nil in the oldest form, which any network takes
	nonce    uint64
	tip      *big.Int // priority fee cap; equals feeCap when there is one gas price
	feeCap   *big.Int
	gas      uint64
	to       *[20]byte // nil creates a contract
	value    *big.Int
	data     []byte
	dataEnd  int // where data ends in the bytes that were read
	access   []AccessTuple
	blobFee  *big.Int   // the most wei for a unit of blob gas; nil unless KindBlob
	blobs    [][32]byte // versioned hashes
	consents []Authorization
	unsigned []byte // the bytes whose digest is signed
}

// Kind is the form of the transaction.
func (t *Transaction) Kind() Kind { return t.kind }

// ChainID is the network; nil when the transaction does not say, so that it can be replayed on every network.
func (t *Transaction) ChainID() *big.Int { return clone(t.chainID) }

// Nonce counts the sender's transactions.
func (t *Transaction) Nonce() uint64 { return t.nonce }

// Gas is the gas limit.
func (t *Transaction) Gas() uint64 { return t.gas }

// MaxFee is the most wei paid for a unit of gas: the gas price of the older kinds.
func (t *Transaction) MaxFee() *big.Int { return clone(t.feeCap) }

// MaxPriorityFee is the most of MaxFee that goes to the block's proposer: the gas price of the older kinds.
func (t *Transaction) MaxPriorityFee() *big.Int { return clone(t.tip) }

// To is the receiver; nil creates a contract.
func (t *Transaction) To() *[20]byte {
	if t.to == nil {
		return nil
	}
	to := *t.to
	return &to
}

// Value is the wei that the receiver gets.
func (t *Transaction) Value() *big.Int { return clone(t.value) }

// Data is the call data, or the code that creates a contract.
func (t *Transaction) Data() []byte { return bytes.Clone(t.data) }

// AccessList names the storage that the transaction pays for in advance.
func (t *Transaction) AccessList() []AccessTuple { return slices.Clone(t.access) }

// Unsigned returns the serialized transaction without signature.
func (t *Transaction) Unsigned() []byte { return bytes.Clone(t.unsigned) }

// Algorithm is ECDSA on secp256k1 over Keccak-256.
func (t *Transaction) Algorithm() api.Algorithm { return api.Secp256k1Keccak256 }

// SigningBytes are the Keccak-256 digest of the unsigned transaction.
func (t *Transaction) SigningBytes() []byte {
	digest := keccak(t.unsigned)
	return digest[:]
}

// Hash is the name by which the network knows a signed transaction: the Keccak-256 of its bytes.
func (t *Transaction) Hash(signed []byte) [32]byte { return keccak(signed) }

// fields appends what all kinds have, in the order of the transaction's kind, without the signature.
func (t *Transaction) fields(out []byte) []byte {
	if t.kind != KindLegacy {
		out = rlp.AppendUint(out, t.chainID)
	}
	out = rlp.AppendUint64(out, t.nonce)
	if t.kind.hasTip() {
		out = rlp.AppendUint(out, t.tip)
	}
	out = rlp.AppendUint(out, t.feeCap)
	out = rlp.AppendUint64(out, t.gas)
	if t.to == nil {
		out = rlp.AppendBytes(out, nil)
	} else {
		out = rlp.AppendBytes(out, t.to[:])
	}
	out = rlp.AppendUint(out, t.value)
	out = rlp.AppendBytes(out, t.data)
	if t.kind == KindLegacy {
		return out
	}
	var list []byte
	for _, a := range t.access {
		var keys []byte
		for _, k := range a.StorageKeys {
			keys = rlp.AppendBytes(keys, k[:])
		}
		list = rlp.AppendList(list, rlp.AppendList(rlp.AppendBytes(nil, a.Address[:]), keys))
	}
	out = rlp.AppendList(out, list)
	switch t.kind {
	case KindBlob:
		out = t.appendBlobs(out)
	case KindSetCode:
		out = t.appendAuthorizations(out)
	case KindLegacy, KindAccessList, KindDynamicFee:
	}
	return out
}

// encodeUnsigned writes the transaction as it is signed.
func (t *Transaction) encodeUnsigned() []byte {
	body := t.fields(t.room())
	if t.kind == KindLegacy && t.chainID != nil { // EIP-155
		body = rlp.AppendUint(body, t.chainID)
		body = rlp.AppendUint64(rlp.AppendUint64(body, 0), 0)
	}
	return t.envelope(body)
}

// headroom is what type and header of the list take at most.
const headroom = 10

// room is where the fields are written: after space for what comes before them.
func (t *Transaction) room() []byte {
	const rest = 320 // what the fields but data take at most, without lists, and a signature
	return make([]byte, headroom, headroom+len(t.data)+rest)
}

// envelope makes the fields, written into room, a list, and puts the type in front.
func (t *Transaction) envelope(written []byte) []byte {
	var front [headroom]byte
	head := front[:0]
	if t.kind != KindLegacy {
		head = append(head, byte(t.kind))
	}
	head = rlp.AppendListHeader(head, len(written)-headroom)
	out := written[headroom-len(head):]
	copy(out, head)
	return out
}

func clone(n *big.Int) *big.Int {
	if n == nil {
		return nil
	}
	return new(big.Int).Set(n)
}

func keccak(parts ...[]byte) [32]byte {
	h := sha3.NewLegacyKeccak256()
	for _, p := range parts {
		h.Write(p)
	}
	return [32]byte(h.Sum(nil))
}
