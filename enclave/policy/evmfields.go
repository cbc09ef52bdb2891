package policy

import (
	"fmt"
	"math/big"
	"strings"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain/evm"
	"github.com/redoubt-kms/redoubt/chain/evm/eip55"
)

// evmFromFields builds a transaction from the fields of EIP-1559, EIP-4844 or EIP-7702.
func evmFromFields(o api.TransactionObject, path string) (*evm.Transaction, error) {
	if err := evmMembers(o, path); err != nil {
		return nil, err
	}
	fields, err := evmDynamicFee(o, path)
	if err != nil {
		return nil, err
	}
	var tx *evm.Transaction
	switch o.Kind {
	case "EIP_4844":
		tx, err = evmBlob(fields, o, path)
	case "EIP_7702":
		tx, err = evmSetCode(fields, o, path)
	default:
		tx, err = evm.NewDynamicFee(fields)
	}
	if err != nil {
		return nil, evmFault(err, path)
	}
	return tx, nil
}

// evmFault keeps an error that names its field, and says of any other that the transaction is bad.
func evmFault(err error, path string) error {
	if _, named := err.(*api.Error); named { //nolint:errorlint // made by the readers here, never wrapped
		return err
	}
	return api.Errorf(api.TypeTransaction, "%v", err).At(path)
}

// evmMembers refuses members of another kind: which of the two is meant?
func evmMembers(o api.TransactionObject, path string) error {
	number := map[string]string{"EIP_1559": "2", "EIP_4844": "3", "EIP_7702": "4"}[o.Kind]
	name := strings.ToLower(strings.Replace(o.Kind, "_", "", 1))
	for _, m := range []struct {
		name  string
		given bool
		says  string
	}{
		{"bytes", o.Bytes != "", "belongs to kind RLP_ENCODED"},
		{"finalize", o.Finalize, "belongs to kind PSBT"},
		{"blobs", o.Blobs.Given(), "is not part of what is signed: leave blobs, commitments and proofs out"},
		{"sidecars", o.Sidecars.Given(), "is not part of what is signed: leave blobs, commitments and proofs out"},
		{"maxFeePerBlobGas", o.Kind != "EIP_4844" && len(o.MaxFeePerBlobGas) > 0, "belongs to kind EIP_4844"},
		{"blobVersionedHashes", o.Kind != "EIP_4844" && o.BlobVersionedHashes != nil, "belongs to kind EIP_4844"},
		{"authorizationList", o.Kind != "EIP_7702" && o.AuthorizationList != nil, "belongs to kind EIP_7702"},
		{"gas", len(o.Gas) > 0 && len(o.GasLimit) > 0, "is another name of gasLimit: give one of them"},
		{
			"type", o.Type.Given() && !known([]string{number, "0x" + number, "0x0" + number, name}, strings.Trim(string(o.Type), `"`)),
			"is not that of kind " + o.Kind,
		},
	} {
		if m.given {
			return api.Errorf(api.TypeInvalid, "%s", m.says).At(path + "." + m.name)
		}
	}
	return nil
}

// evmDynamicFee reads the members that all three kinds have.
func evmDynamicFee(o api.TransactionObject, path string) (evm.DynamicFee, error) {
	var f evm.DynamicFee
	var nonce, gas *big.Int
	if len(o.GasLimit) == 0 && len(o.Gas) > 0 {
		o.GasLimit = o.Gas
	}
	for _, m := range []struct {
		name string
		raw  api.Raw
		into **big.Int
	}{
		{"chainId", o.ChainID, &f.ChainID},
		{"nonce", o.Nonce, &nonce},
		{"gasLimit", o.GasLimit, &gas},
		{"maxFeePerGas", o.MaxFeePerGas, &f.MaxFeePerGas},
		{"maxPriorityFeePerGas", o.MaxPriorityFeePerGas, &f.MaxPriorityFeePerGas},
		{"value", o.Value, &f.Value},
	} {
		var err error
		if *m.into, err = number(m.raw, path+"."+m.name); err != nil {
			return f, err
		}
	}
	if !nonce.IsUint64() || !gas.IsUint64() {
		return f, api.Errorf(api.TypeInvalid, "nonce or gasLimit is 2^64 or more").At(path)
	}
	f.Nonce, f.GasLimit = nonce.Uint64(), gas.Uint64()
	if o.To == "" {
		return f, api.Errorf(api.TypeMalformed, "is missing; a contract is created by kind RLP_ENCODED").At(path + ".to")
	}
	to, err := evmAddress(o.To, path+".to")
	if err != nil {
		return f, err
	}
	f.To = &to
	if o.Data != "" {
		if f.Data, err = hexBytes(o.Data); err != nil {
			return f, api.Errorf(api.TypeMalformed, "want 0x and an even number of hexadecimal digits").At(path + ".data")
		}
	}
	f.AccessList, err = evmAccessList(o.AccessList, path+".accessList")
	return f, err
}

func evmAddress(text, path string) ([20]byte, error) {
	a, err := eip55.Parse(text)
	if err != nil {
		return a, api.Errorf(api.TypeInvalid, "%v", err).At(path)
	}
	return a, nil
}

func evmHashes(list []string, path string) ([][32]byte, error) {
	var out [][32]byte
	for i, text := range list {
		b, err := hexBytes(text)
		if err != nil || len(b) != 32 {
			return nil, api.Errorf(api.TypeMalformed, "want 0x and 64 hexadecimal digits").At(fmt.Sprintf("%s[%d]", path, i))
		}
		out = append(out, [32]byte(b))
	}
	return out, nil
}

func evmAccessList(list []api.AccessTuple, path string) ([]evm.AccessTuple, error) {
	var out []evm.AccessTuple
	for i, entry := range list {
		at := fmt.Sprintf("%s[%d]", path, i)
		address, err := evmAddress(entry.Address, at+".address")
		if err != nil {
			return nil, err
		}
		keys, err := evmHashes(entry.StorageKeys, at+".storageKeys")
		if err != nil {
			return nil, err
		}
		out = append(out, evm.AccessTuple{Address: address, StorageKeys: keys})
	}
	return out, nil
}
