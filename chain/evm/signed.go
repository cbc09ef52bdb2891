package evm

import (
	"bytes"
	"errors"
	"fmt"
	"math/big"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"

	"github.com/redoubt-kms/redoubt/chain"
	"github.com/redoubt-kms/redoubt/chain/evm/eip55"
	"github.com/redoubt-kms/redoubt/chain/evm/rlp"
)

// ErrSignature says that a signature cannot be put into a transaction.
var ErrSignature = errors.New("evm: signature refused")

// Signed is a transaction with its signature.
type Signed struct {
	Tx     *Transaction
	Sender [20]byte // recovered from the signature
	Hash   [32]byte
	R, S   *big.Int
	Parity byte // recovery id, 0 or 1
}

// Attach returns the raw signed transaction. The signature is r‖s‖recovery id; it must be one that a network takes
// (0 < r < n, 0 < s ≤ n/2) and it must recover to publicKey, 33 bytes compressed.
func (t *Transaction) Attach(publicKey, signature []byte) ([]byte, error) {
	sender, err := t.sender(signature)
	if err != nil {
		return nil, err
	}
	want, err := eip55.FromPublicKey(publicKey)
	if err != nil {
		return nil, err
	}
	if sender != want {
		return nil, fmt.Errorf("%w: it is of another key", ErrSignature)
	}
	r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:64])
	body := rlp.AppendUint(t.fields(t.room()), t.signatureV(signature[64]))
	body = rlp.AppendUint(rlp.AppendUint(body, r), s)
	return t.envelope(body), nil
}

// signatureV writes the recovery id as the transaction's kind wants it.
func (t *Transaction) signatureV(parity byte) *big.Int {
	v := big.NewInt(int64(parity))
	switch {
	case t.kind != KindLegacy:
		return v
	case t.chainID == nil:
		return v.Add(v, big.NewInt(27))
	default: // EIP-155
		return v.Add(v, big.NewInt(35)).Add(v, t.chainID).Add(v, t.chainID)
	}
}

// sender checks a signature's bounds and finds the address of its key.
func (t *Transaction) sender(signature []byte) ([20]byte, error) {
	if err := checkBounds(signature); err != nil {
		return [20]byte{}, err
	}
	return recoverAddress(t.SigningBytes(), signature)
}

// checkBounds holds r‖s‖recovery id against what networks take: EIP-2 wants s in the lower half.
func checkBounds(signature []byte) error {
	if len(signature) != 65 || signature[64] > 1 {
		return fmt.Errorf("%w: not r, s and a recovery id of 0 or 1", ErrSignature)
	}
	var r, s secp256k1.ModNScalar
	if r.SetByteSlice(signature[:32]) || r.IsZero() {
		return fmt.Errorf("%w: r out of range", ErrSignature)
	}
	if s.SetByteSlice(signature[32:64]) || s.IsZero() || s.IsOverHalfOrder() {
		return fmt.Errorf("%w: s out of range", ErrSignature)
	}
	return nil
}

// recoverAddress finds whose signature of a digest this is, once its bounds are checked.
func recoverAddress(digest, signature []byte) ([20]byte, error) {
	compact := append([]byte{27 + signature[64]}, signature[:64]...)
	key, _, err := ecdsa.RecoverCompact(compact, digest)
	if err != nil {
		return [20]byte{}, fmt.Errorf("%w: %w", ErrSignature, err)
	}
	return eip55.FromPublicKey(key.SerializeCompressed())
}

// ParseSigned reads a raw signed transaction and recovers its sender.
func ParseSigned(b []byte) (*Signed, error) {
	t, r, err := parseBody(b)
	if err != nil {
		return nil, err
	}
	at := r.Offset()
	var vrs [3]*big.Int
	for i := range vrs {
		if vrs[i], err = r.Uint(256); err != nil {
			return nil, err
		}
	}
	if err := r.End(); err != nil {
		return nil, err
	}
	parity, err := t.readV(vrs[0], at)
	if err != nil {
		return nil, err
	}
	if err := t.check(); err != nil {
		return nil, err
	}
	t.data = bytes.Clone(t.data) // the input is the caller's
	t.unsigned = t.encodeUnsigned()
	signature := make([]byte, 65)
	vrs[1].FillBytes(signature[:32])
	vrs[2].FillBytes(signature[32:64])
	signature[64] = parity
	sender, err := t.sender(signature)
	if err != nil {
		return nil, chain.Malformed(at, "%s", err)
	}
	body := rlp.AppendUint(t.fields(t.room()), t.signatureV(parity))
	if !bytes.Equal(t.envelope(rlp.AppendUint(rlp.AppendUint(body, vrs[1]), vrs[2])), b) {
		return nil, chain.Malformed(0, "encoding is not canonical")
	}
	return &Signed{Tx: t, Sender: sender, Hash: keccak(b), R: vrs[1], S: vrs[2], Parity: parity}, nil
}

// readV takes the recovery id, and for legacy transactions the chain id, out of the signature's first field.
func (t *Transaction) readV(v *big.Int, at int) (byte, error) {
	if t.kind != KindLegacy {
		if v.BitLen() > 1 {
			return 0, chain.Malformed(at, "parity is neither 0 nor 1")
		}
		return byte(v.Uint64()), nil
	}
	if v.IsUint64() && (v.Uint64() == 27 || v.Uint64() == 28) {
		return byte(v.Uint64() - 27), nil
	}
	rest := new(big.Int).Sub(v, big.NewInt(35))
	if rest.Cmp(big.NewInt(2)) < 0 { // chain id 0 would be the oldest form in disguise
		return 0, chain.Malformed(at, "v names no network and is neither 27 nor 28")
	}
	t.chainID = new(big.Int).Rsh(rest, 1)
	return byte(rest.Bit(0)), nil
}
