package policy

import (
	"math/big"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain/evm"
	"github.com/redoubt-kms/redoubt/chain/evm/eip55"
)

// evmFromFields builds a transaction from the fields of EIP-1559.
func evmFromFields(o api.TransactionObject, path string) (*evm.Transaction, error) {
	if o.Bytes != "" {
		return nil, api.Errorf(api.TypeInvalid, "belongs to kind RLP_ENCODED").At(path + ".bytes")
	}
	var fields [6]*big.Int
	for i, f := range []struct {
		name string
		raw  api.Raw
	}{
		{"chainId", o.ChainID},
		{"nonce", o.Nonce},
		{"gasLimit", o.GasLimit},
		{"maxFeePerGas", o.MaxFeePerGas},
		{"maxPriorityFeePerGas", o.MaxPriorityFeePerGas},
		{"value", o.Value},
	} {
		var err error
		if fields[i], err = number(f.raw, path+"."+f.name); err != nil {
			return nil, err
		}
	}
	data, err := hexBytes(o.Data)
	if o.Data == "" {
		data, err = nil, nil
	}
	if err != nil {
		return nil, api.Errorf(api.TypeMalformed, "want 0x and an even number of hexadecimal digits").At(path + ".data")
	}
	if o.To == "" {
		return nil, api.Errorf(api.TypeMalformed, "is missing; a contract is created by kind RLP_ENCODED").At(path + ".to")
	}
	to, err := eip55.Parse(o.To)
	if err != nil {
		return nil, api.Errorf(api.TypeInvalid, "%v", err).At(path + ".to")
	}
	if !fields[1].IsUint64() || !fields[2].IsUint64() {
		return nil, api.Errorf(api.TypeInvalid, "nonce or gasLimit is 2^64 or more").At(path)
	}
	tx, err := evm.NewDynamicFee(evm.DynamicFee{
		ChainID: fields[0], Nonce: fields[1].Uint64(), GasLimit: fields[2].Uint64(),
		MaxFeePerGas: fields[3], MaxPriorityFeePerGas: fields[4], Value: fields[5], To: &to, Data: data,
	})
	if err != nil {
		return nil, api.Errorf(api.TypeTransaction, "%v", err).At(path)
	}
	return tx, nil
}
