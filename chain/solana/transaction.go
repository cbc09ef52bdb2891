// Package solana reads Solana transactions to the last byte: legacy and version 0 messages with address lookup tables,
// as the validator's sanitizer takes them (solana-sdk message and short-vec crates), but stricter where bytes could be
// read in two ways. It says what the instructions of the System, SPL Token, Token-2022, Compute Budget, Associated
// Token Account, Memo, Stake and Lighthouse programs do, and puts signatures in their places.
package solana

import (
	"bytes"
	"errors"
	"slices"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain"
	"github.com/redoubt-kms/redoubt/chain/base58"
)

// Errors of Attach.
var (
	ErrNotSigner = errors.New("solana: key is not a required signer of the transaction")
	ErrSignature = errors.New("solana: signature is not 64 bytes")
)

// Transaction is a parsed transaction: its message and the signatures that came with it. It implements
// chain.Transaction.
type Transaction struct {
	msg        *message
	signatures [][signatureSize]byte // one for each required signer; zero where nobody signed yet
}

// Parse reads either form that clients send: a whole serialized transaction (signature count, 64-byte slots, message)
// or the bare bytes of a message. The bytes are copied.
//
// Bytes that read as both are refused: one of the two readings would be signed without having been shown. For honest
// bytes that does not happen: as a message, a transaction with empty slots has no accounts, and foreign signatures
// are too random to be one.
func Parse(b []byte) (*Transaction, error) {
	switch {
	case len(b) > 0 && b[0] == versionFlag|1:
		return nil, chain.Malformed(0, "version 1 messages are not supported")
	case len(b) > MaxSize: // no work on what is refused anyway
		return nil, chain.Malformed(MaxSize, "%d bytes, %d at most", len(b), MaxSize)
	}
	b = bytes.Clone(b)
	full, fullErr := parseFull(b)
	bare, bareErr := parseBare(b)
	switch {
	case fullErr == nil && bareErr == nil:
		return nil, chain.Malformed(0, "reads both as a transaction and as a message")
	case fullErr == nil:
		return full, nil
	case bareErr == nil:
		return bare, nil
	default:
		return nil, meant(b, fullErr, bareErr)
	}
}

// meant picks the error of the reading that the bytes were meant for: a whole transaction when a sound header follows
// the signature slots.
func meant(b []byte, full, bare error) error {
	r := &reader{buf: b}
	n, err := r.length("signatures")
	if err != nil || !r.skip(n*signatureSize) {
		return bare
	}
	m := &message{}
	if m.readVersion(r) != nil || m.readHeader(r) != nil {
		return bare
	}
	return full
}

func parseFull(b []byte) (*Transaction, error) {
	r := &reader{buf: b}
	n, err := r.length("signatures")
	if err != nil {
		return nil, err
	}
	slots, err := r.bytes(n*signatureSize, "signatures")
	if err != nil {
		return nil, err
	}
	m, err := parseMessage(b, r.off)
	if err != nil {
		return nil, err
	}
	if m.header.signers != n {
		return nil, chain.Malformed(0, "%d signatures for %d required signers", n, m.header.signers)
	}
	t := &Transaction{msg: m, signatures: make([][signatureSize]byte, 0, n)}
	for s := range slices.Chunk(slots, signatureSize) {
		t.signatures = append(t.signatures, [signatureSize]byte(s))
	}
	return t, t.checkSize()
}

func parseBare(b []byte) (*Transaction, error) {
	m, err := parseMessage(b, 0)
	if err != nil {
		return nil, err
	}
	t := &Transaction{msg: m, signatures: make([][signatureSize]byte, m.header.signers)}
	return t, t.checkSize()
}

func (t *Transaction) checkSize() error {
	var count [3]byte
	if n := len(appendLength(count[:0], len(t.signatures))) + signatureSize*len(t.signatures) + len(t.msg.raw); n > MaxSize {
		return chain.Malformed(0, "%d bytes with all signatures, %d at most", n, MaxSize)
	}
	return nil
}

func (t *Transaction) serialize(signatures [][signatureSize]byte) []byte {
	out := appendLength(nil, len(signatures))
	for _, s := range signatures {
		out = append(out, s[:]...)
	}
	return append(out, t.msg.raw...)
}

// Algorithm is Ed25519.
func (t *Transaction) Algorithm() api.Algorithm { return api.Ed25519 }

// SigningBytes are the message.
func (t *Transaction) SigningBytes() []byte { return t.Message() }

// Message returns the bytes that all signers sign.
func (t *Transaction) Message() []byte { return bytes.Clone(t.msg.raw) }

// Bytes returns the whole serialized transaction with the signatures that it came with.
func (t *Transaction) Bytes() []byte { return t.serialize(t.signatures) }

// Version tells legacy and version 0 messages apart.
func (t *Transaction) Version() Version { return t.msg.version }

// Blockhash is the recent blockhash, or the nonce of a durable transaction.
func (t *Transaction) Blockhash() Key { return t.msg.blockhash }

// FeePayer is the account that pays the network's fee, the first signer.
func (t *Transaction) FeePayer() Key { return t.msg.keys[0] }

// RequiredSigners are the accounts whose signatures the network asks for, in the order of their slots.
func (t *Transaction) RequiredSigners() []Key { return slices.Clone(t.msg.keys[:t.msg.header.signers]) }

// StaticKeys are the accounts that the message names itself.
func (t *Transaction) StaticKeys() []Key { return slices.Clone(t.msg.keys) }

// Lookups are the accounts that the message takes out of address lookup tables.
func (t *Transaction) Lookups() []Lookup { return slices.Clone(t.msg.lookups) }

// SignerIndex finds the slot of a public key; false says that the network does not ask for its signature.
func (t *Transaction) SignerIndex(publicKey []byte) (int, bool) {
	for i, k := range t.msg.keys[:t.msg.header.signers] {
		if bytes.Equal(k[:], publicKey) {
			return i, true
		}
	}
	return 0, false
}

// Attach returns the whole serialized transaction, also when only the message was parsed, with the signature in the
// slot of publicKey. The other slots stay as they came. It does not verify the signature.
func (t *Transaction) Attach(publicKey, signature []byte) ([]byte, error) {
	i, ok := t.SignerIndex(publicKey)
	if !ok {
		return nil, ErrNotSigner
	}
	if len(signature) != signatureSize {
		return nil, ErrSignature
	}
	signatures := slices.Clone(t.signatures)
	signatures[i] = [signatureSize]byte(signature)
	return t.serialize(signatures), nil
}

// ID is the name by which the network knows a serialized transaction: its first signature, the fee payer's, in base
// 58. It is empty while the fee payer has not signed.
func ID(signed []byte) (string, error) {
	t, err := parseFull(signed)
	if err != nil {
		return "", err
	}
	if t.signatures[0] == [signatureSize]byte{} {
		return "", nil
	}
	return base58.Encode(t.signatures[0][:]), nil
}
