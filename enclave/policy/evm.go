package policy

import (
	"encoding/base64"
	"encoding/hex"
	"math/big"
	"strings"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain/base58"
	"github.com/redoubt-kms/redoubt/chain/evm"
	"github.com/redoubt-kms/redoubt/internal/permit"
	"github.com/redoubt-kms/redoubt/internal/wire"
)

func evmTransaction(params *api.SignTransactionParams) (intent, error) {
	tx, err := evmUnsigned(params.Transaction)
	if err != nil {
		return intent{}, err
	}
	submit := params.SubmissionConfig
	if submit != nil {
		want, ok := evmChainID(submit.Chain, submit.Network)
		if !ok {
			return intent{}, api.Errorf(api.TypeInvalid, "no such EVM network; docs/spec/rpc.md lists them, and chain eip155 takes a chain id as its network").At("params.submissionConfig")
		}
		if tx.ChainID() == nil || tx.ChainID().Cmp(want) != 0 {
			return intent{}, api.Errorf(api.TypeTransaction, "the transaction's chain id is not that of %s/%s, %s", submit.Chain, submit.Network, want).At("params.transaction")
		}
	}
	render := func(r wire.SignResult) (any, wire.Submission, error) {
		hash := tx.Hash(r.Transaction)
		raw := "0x" + hex.EncodeToString(r.Transaction)
		return api.SignedTransaction{
			Kind: "ETHEREUM", Transaction: base64.RawURLEncoding.EncodeToString(r.Transaction), RawTransactionHex: raw,
			Signature: "0x" + hex.EncodeToString(r.Signature), Address: r.Address, PublicKey: base58.Encode(r.PublicKey),
		}, submission(submit, r.Transaction, "0x"+hex.EncodeToString(hash[:])), nil
	}
	return intent{
		kind: permit.PayloadEVM, algorithm: api.Secp256k1Keccak256, bytes: tx.Unsigned(), parsed: tx, replayable: tx.EveryNetwork(), render: render,
	}, nil
}

// evmKinds says what EVM accounts sign.
const evmKinds = "RLP_ENCODED, EIP_1559, EIP_4844 or EIP_7702"

// evmUnsigned reads a transaction by its kind: RLP, or the fields of an EIP.
func evmUnsigned(raw []byte) (*evm.Transaction, error) {
	const path = "params.transaction"
	var object api.TransactionObject
	if strings.HasPrefix(string(raw), `"`) {
		return nil, api.Errorf(api.TypeMalformed, "want an object with kind %s for an Ethereum account", evmKinds).At(path)
	}
	if err := decode(raw, &object, path); err != nil {
		return nil, err
	}
	switch object.Kind {
	case "RLP_ENCODED":
		return evmFromRLP(object, raw, path)
	case "EIP_1559", "EIP_4844", "EIP_7702":
		return evmFromFields(object, path)
	case "PSBT":
		return nil, api.Errorf(api.TypeInvalid, "a PSBT is signed by a Bitcoin account").At(path)
	}
	return nil, api.Errorf(api.TypeInvalid, "want %s", evmKinds).At(path + ".kind")
}

func evmFromRLP(object api.TransactionObject, raw []byte, path string) (*evm.Transaction, error) {
	var only struct {
		Kind  string `json:"kind"`
		Bytes string `json:"bytes"`
	}
	if err := decode(raw, &only, path); err != nil {
		return nil, err // a member of the other form: which of the two is meant?
	}
	b, err := hexBytes(object.Bytes)
	if err != nil {
		return nil, api.Errorf(api.TypeMalformed, "want 0x and an even number of hexadecimal digits").At(path + ".bytes")
	}
	tx, err := evm.ParseUnsigned(b)
	if err != nil {
		return nil, api.Errorf(api.TypeTransaction, "does not parse: %v", err).At(path + ".bytes")
	}
	return tx, nil
}

func hexBytes(text string) ([]byte, error) {
	digits, ok := strings.CutPrefix(text, "0x")
	if !ok {
		return nil, hex.InvalidByteError('?')
	}
	return hex.DecodeString(digits)
}

// number reads an unsigned integer below 2^256: a JSON integer, or a string in decimal or with 0x.
func number(raw api.Raw, path string) (*big.Int, error) {
	if len(raw) == 0 {
		return nil, api.Errorf(api.TypeMalformed, "is missing").At(path)
	}
	text := strings.Trim(string(raw), `"`)
	base := 10
	if digits, ok := strings.CutPrefix(text, "0x"); ok {
		text, base = digits, 16
	}
	if text == "" || len(text) > 78 || strings.ContainsAny(text, "+-_ ") || base == 10 && len(text) > 1 && text[0] == '0' {
		return nil, api.Errorf(api.TypeMalformed, "want an unsigned integer, as a number or as a string in decimal or with 0x").At(path)
	}
	n, ok := new(big.Int).SetString(text, base)
	if !ok || n.BitLen() > 256 {
		return nil, api.Errorf(api.TypeMalformed, "want an unsigned integer below 2^256").At(path)
	}
	return n, nil
}

// evmChainID gives the chain id of a network as clients name it, or by its number.
func evmChainID(chainName, network string) (*big.Int, bool) {
	if chainName == "eip155" {
		n, err := number(api.Raw(network), "")
		return n, err == nil && !strings.HasPrefix(network, "0x")
	}
	id, ok := api.EVMNetworks()[chainName+"/"+network]
	return new(big.Int).SetUint64(id), ok
}
