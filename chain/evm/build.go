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
	t := &Transaction{kind: KindDynamicFee, nonce: f.Nonce, gas: f.GasLimit, data: bytes.Clone(f.Data)}
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
		*n.out = new(big.Int)
		if n.in != nil {
			(*n.out).Set(n.in)
		}
		if (*n.out).Sign() < 0 || (*n.out).BitLen() > 256 {
			return nil, fmt.Errorf("%w: %s", ErrField, n.name)
		}
	}
	if f.To != nil {
		to := *f.To
		t.to = &to
	}
	for _, a := range f.AccessList {
		t.access = append(t.access, AccessTuple{Address: a.Address, StorageKeys: slices.Clone(a.StorageKeys)})
	}
	if err := t.check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrField, err)
	}
	t.unsigned = t.encodeUnsigned()
	return t, nil
}
