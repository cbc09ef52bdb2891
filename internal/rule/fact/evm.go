package fact

import (
	"encoding/hex"
	"math/big"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/redoubt-kms/redoubt/chain/evm"
	"github.com/redoubt-kms/redoubt/chain/evm/abi"
	"github.com/redoubt-kms/redoubt/chain/evm/eip55"
	"github.com/redoubt-kms/redoubt/internal/rule/amount"
)

var (
	evmType           = types.NewObjectType("EvmTx")
	callType          = types.NewObjectType("Call")
	authorizationType = types.NewObjectType("Authorization")
)

// evmTx is a transaction with what its call may be looked up in.
type evmTx struct {
	*evm.Transaction
	facts *Facts
}

var evmFields = define(evmType,
	always("to", types.StringType, func(t *evmTx) any {
		if t.To() == nil {
			return types.String("")
		}
		return types.String(eip55.Encode(*t.To()))
	}),
	always("createsContract", types.BoolType, func(t *evmTx) any { return types.Bool(t.To() == nil) }),
	always("value", amount.Type(), func(t *evmTx) any { return whole(t.Value()) }),
	maybe("chainId", types.IntType, func(t *evmTx) (any, bool) { return chainNumber(t.ChainID()) }),
	always("type", types.IntType, func(t *evmTx) any { return types.Int(t.Kind()) }),
	always("nonce", types.IntType, func(t *evmTx) any { return types.Int(t.Nonce()) }), //nolint:gosec // bounded by the parser
	always("gas", types.IntType, func(t *evmTx) any { return types.Int(t.Gas()) }),     //nolint:gosec // bounded by the parser
	always("maxFeePerGas", amount.Type(), func(t *evmTx) any { return whole(t.MaxFee()) }),
	always("data", types.BytesType, func(t *evmTx) any { return types.Bytes(t.Data()) }),
	always("selector", types.StringType, func(t *evmTx) any {
		if len(t.Data()) < 4 {
			return types.String("")
		}
		return types.String("0x" + hex.EncodeToString(t.Data()[:4]))
	}),
	maybe("call", callType, func(t *evmTx) (any, bool) {
		call, ok := t.call()
		return object{callFields, call}, ok
	}),
	always("authorizations", types.NewListType(authorizationType), func(t *evmTx) any {
		return list(authorizationFields, t.Authorizations())
	}),
)

var callFields = define(callType,
	always("name", types.StringType, func(c *abi.Call) any { return types.String(c.Name) }),
	always("signature", types.StringType, func(c *abi.Call) any { return types.String(c.Signature) }),
	always("args", anyMap, func(c *abi.Call) any { return decoded(c.Args) }),
)

var authorizationFields = define(authorizationType,
	maybe("chainId", types.IntType, func(a *evm.Authorization) (any, bool) { return chainNumber(a.ChainID) }),
	always("address", types.StringType, func(a *evm.Authorization) any { return types.String(eip55.Encode(a.Address)) }),
	always("nonce", types.IntType, func(a *evm.Authorization) any { return types.Int(a.Nonce) }), //nolint:gosec // see below
)

// call reads the call data by the contract's registered interface, or by those that everybody knows.
func (t *evmTx) call() (*abi.Call, bool) {
	if t.To() == nil {
		return nil, false
	}
	if t.facts.Contract != nil && t.ChainID() != nil {
		to := t.To()
		if c := t.facts.Contract("eip155:"+t.ChainID().String(), "0x"+hex.EncodeToString(to[:])); c != nil {
			call, err := c.Decode(t.Data())
			return &call, err == nil
		}
	}
	call, err := abi.Known().Decode(t.Data())
	return &call, err == nil
}

// chainNumber is absent when a payload names no network; 0 stands for every one where the chain says so.
func chainNumber(n *big.Int) (any, bool) {
	if n == nil || !n.IsInt64() {
		return nil, false
	}
	return types.Int(n.Int64()), true
}

func whole(n *big.Int) ref.Val {
	a, err := amount.FromBig(n)
	if err != nil {
		return types.WrapErr(err)
	}
	return a
}

// decoded makes a value of the language of decoded call data.
func decoded(v abi.Value) ref.Val {
	switch v.Kind() {
	case abi.Uint:
		return whole(v.Int())
	case abi.Int:
		if n := v.Int(); n.IsInt64() && n.Sign() < 0 {
			return types.Int(n.Int64())
		}
		return whole(v.Int())
	case abi.Bool:
		return types.Bool(v.Bool())
	case abi.Address:
		return types.String(eip55.Encode(v.Address()))
	case abi.FixedBytes, abi.Bytes:
		return types.Bytes(v.Bytes())
	case abi.String:
		return types.String(v.String())
	case abi.Array:
		items := make([]ref.Val, v.Len())
		for i := range items {
			items[i] = decoded(v.Item(i))
		}
		return types.NewRefValList(types.DefaultTypeAdapter, items)
	case abi.Tuple:
		fields := make(map[string]ref.Val, v.Len())
		for i, name := range v.Fields() {
			fields[name] = decoded(v.Item(i))
		}
		return types.NewDynamicMap(types.DefaultTypeAdapter, fields)
	}
	return types.NewErr("call data of a type that the language does not have")
}
