// Package sui reads Sui transactions to the last byte: TransactionData in BCS whose kind is a programmable transaction,
// bare or in the SenderSignedData of somebody who signed before. It says which coins leave the account, as far as that
// stands in the bytes: what a Move function does only execution can tell. It also prepares personal messages.
package sui

import (
	"bytes"
	"errors"
	"slices"

	"golang.org/x/crypto/blake2b"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain"
	"github.com/redoubt-kms/redoubt/chain/base58"
)

// Errors of Attach.
var (
	ErrNotSigner = errors.New("sui: key belongs neither to the sender nor to the owner of the gas")
	ErrSignature = errors.New("sui: signature is not 64 bytes")
)

const (
	flagEd25519   = 0x00
	maxSignatures = 2        // of the sender and of the owner of the gas
	maxSignature  = 16 << 10 // a zero-knowledge login is the longest
)

// Transaction is a parsed transaction. It implements chain.Transaction.
type Transaction struct {
	raw        []byte // TransactionData
	data       *data
	signed     bool     // it came as SenderSignedData
	signatures [][]byte // those that came with it, serialized
}

// Parse reads TransactionData, or a SenderSignedData of one transaction. The first byte tells them apart. The bytes are
// copied.
func Parse(b []byte) (*Transaction, error) {
	if len(b) > MaxSize {
		return nil, chain.Malformed(MaxSize, "%d bytes, %d at most", len(b), MaxSize)
	}
	r := &reader{buf: bytes.Clone(b)}
	t := &Transaction{}
	if t.signed = len(b) > 0 && b[0] == 1; t.signed {
		if err := r.envelope(); err != nil {
			return nil, err
		}
	}
	start := r.off
	var err error
	if t.data, err = readData(r); err != nil {
		return nil, err
	}
	t.raw = r.buf[start:r.off:r.off]
	if t.signed {
		err = r.each(maxSignatures, "signatures", func(int) error {
			s, err := r.vector(maxSignature, "signature")
			t.signatures = append(t.signatures, s)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	if r.left() > 0 {
		return nil, r.fail("%d bytes after the transaction", r.left())
	}
	return t, nil
}

// envelope reads what stands before the data in SenderSignedData: that it is one transaction, and its intent.
func (r *reader) envelope() error {
	b, err := r.bytes(1+intentSize, "intent")
	if err != nil {
		return err
	}
	if b[1] != scopeTransaction || b[2] != 0 || b[3] != 0 {
		return chain.Malformed(1, "intent %x is not that of a transaction", b[1:])
	}
	return nil
}

// Algorithm is Ed25519.
func (t *Transaction) Algorithm() api.Algorithm { return api.Ed25519 }

// SigningBytes are the BLAKE2b-256 digest of the intent and the transaction data.
func (t *Transaction) SigningBytes() []byte { return intentDigest(scopeTransaction, t.raw) }

// Data returns the TransactionData without signatures.
func (t *Transaction) Data() []byte { return bytes.Clone(t.raw) }

// Bytes returns the transaction in the form in which it was parsed.
func (t *Transaction) Bytes() []byte {
	if !t.signed {
		return t.Data()
	}
	return t.serialize(t.signatures)
}

// Signatures are the serialized signatures that came with it.
func (t *Transaction) Signatures() [][]byte { return slices.Clone(t.signatures) }

// Signs says whether the network asks for the signature of a public key: the sender's and, for a sponsored transaction,
// that of the owner of the gas. Keys of multi-signature accounts are not recognised.
func (t *Transaction) Signs(publicKey []byte) bool {
	a, ok := addressOf(publicKey)
	return ok && (a == t.data.sender || a == t.data.owner)
}

// ID is the digest by which the network knows the transaction, in base 58.
func (t *Transaction) ID() string {
	sum := blake2b.Sum256(append([]byte("TransactionData::"), t.raw...))
	return base58.Encode(sum[:])
}

// Attach returns SenderSignedData: the transaction data and its signatures, the sender's first. A signature of somebody
// else that came with the transaction stays. It does not verify the signature.
func (t *Transaction) Attach(publicKey, signature []byte) ([]byte, error) {
	if !t.Signs(publicKey) {
		return nil, ErrNotSigner
	}
	own, err := SerializeSignature(publicKey, signature)
	if err != nil {
		return nil, err
	}
	signatures := slices.DeleteFunc(t.Signatures(), func(s []byte) bool {
		return len(s) == len(own) && s[0] == flagEd25519 && bytes.Equal(s[1+64:], publicKey)
	})
	if len(signatures) == maxSignatures {
		return nil, ErrNotSigner // two others signed already
	}
	if a, _ := addressOf(publicKey); a == t.data.sender {
		signatures = slices.Insert(signatures, 0, own)
	} else {
		signatures = append(signatures, own)
	}
	return t.serialize(signatures), nil
}

func (t *Transaction) serialize(signatures [][]byte) []byte {
	out := append([]byte{1, scopeTransaction, 0, 0}, t.raw...)
	out = appendLength(out, len(signatures))
	for _, s := range signatures {
		out = append(appendLength(out, len(s)), s...)
	}
	return out
}

// SerializeSignature writes a signature as Sui's nodes and libraries take it: the flag of the scheme, the signature, the
// public key.
func SerializeSignature(publicKey, signature []byte) ([]byte, error) {
	if _, ok := addressOf(publicKey); !ok {
		return nil, ErrNotSigner
	}
	if len(signature) != 64 {
		return nil, ErrSignature
	}
	return slices.Concat([]byte{flagEd25519}, signature, publicKey), nil
}

// addressOf is the address of an Ed25519 key.
func addressOf(publicKey []byte) (Address, bool) {
	if len(publicKey) != 32 {
		return Address{}, false
	}
	return blake2b.Sum256(append([]byte{flagEd25519}, publicKey...)), true
}

// appendLength writes a ULEB128 length.
func appendLength(b []byte, n int) []byte {
	for n >= 0x80 {
		b = append(b, byte(n)|0x80)
		n >>= 7
	}
	return append(b, byte(n))
}
