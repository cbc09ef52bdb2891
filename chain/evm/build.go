package evm

import (
	"bytes"
	"errors"
	"fmt"
	"math/big"
	"slices"
)

// ErrField says that a field cannot be written into a transaction.
var ErrField = errors.New("evm: field out of range")

// DynamicFee are the fields of an EIP-1559 transaction. A nil integer is zero; a nil To creates a contract.
type DynamicFee struct {
	ChainID              *big.Int
	Nonce                uint64
	MaxPriorityFeePerGas *big.Int
	MaxFeePerGas         *big.Int
	GasLimit             uint64
	To                   *[20]byte
	Value                *big.Int
	Data                 []byte
	AccessList           []AccessTuple
}

// NewDynamicFee makes an EIP-1559 transaction of its fields.
func NewDynamicFee(f DynamicFee) (*Transaction, error) {
	t, err := newTransaction(KindDynamicFee, f)
	if err != nil {
		return nil, err
	}
	return t.built()
}

// NewBlob makes an EIP-4844 transaction, which has a blob fee and blob hashes besides.
func NewBlob(f DynamicFee, maxFeePerBlobGas *big.Int, hashes [][32]byte) (*Transaction, error) {
	t, err := newTransaction(KindBlob, f)
	if err != nil {
		return nil, err
	}
	if t.blobFee, err = unsigned(maxFeePerBlobGas, "blob fee"); err != nil {
		return nil, err
	}
	t.blobs = slices.Clone(hashes)
	return t.built()
}

// NewSetCode makes an EIP-7702 transaction, which has authorizations besides.
func NewSetCode(f DynamicFee, authorizations []Authorization) (*Transaction, error) {
	t, err := newTransaction(KindSetCode, f)
	if err != nil {
		return nil, err
	}
	for _, a := range authorizations {
		for name, n := range map[string]**big.Int{"chain id": &a.ChainID, "r": &a.R, "s": &a.S} {
			if *n, err = unsigned(*n, "authorization's "+name); err != nil {
				return nil, err
			}
		}
		t.consents = append(t.consents, a)
	}
	return t.built()
}

func newTransaction(kind Kind, f DynamicFee) (*Transaction, error) {
	t := &Transaction{kind: kind, nonce: f.Nonce, gas: f.GasLimit, data: bytes.Clone(f.Data)}
	for _, n := range []struct {
		name string
		in   *big.Int
		out  **big.Int
	}{
		{"chain id", f.ChainID, &t.chainID},
		{"priority fee", f.MaxPriorityFeePerGas, &t.tip},
		{"fee cap", f.MaxFeePerGas, &t.feeCap},
		{"value", f.Value, &t.value},
	} {
		var err error
		if *n.out, err = unsigned(n.in, n.name); err != nil {
			return nil, err
		}
	}
	if f.To != nil {
		to := *f.To
		t.to = &to
	}
	for _, a := range f.AccessList {
		t.access = append(t.access, AccessTuple{Address: a.Address, StorageKeys: slices.Clone(a.StorageKeys)})
	}
	return t, nil
}

// unsigned copies an integer of at most 256 bits; nil is zero.
func unsigned(n *big.Int, name string) (*big.Int, error) {
	if n == nil {
		return new(big.Int), nil
	}
	if n.Sign() < 0 || n.BitLen() > 256 {
		return nil, fmt.Errorf("%w: %s", ErrField, name)
	}
	return clone(n), nil
}

// built checks a transaction and fixes the bytes to sign.
func (t *Transaction) built() (*Transaction, error) {
	if err := t.check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrField, err)
	}
	t.unsigned = t.encodeUnsigned()
	return t, nil
}
