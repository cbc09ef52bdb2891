package fact

import (
	"cel.dev/cel-go/common/types"

	"github.com/redoubt-kms/redoubt/chain/bitcoin"
	"github.com/redoubt-kms/redoubt/internal/rule/amount"
)

var (
	bitcoinType = types.NewObjectType("BitcoinTx")
	inputType   = types.NewObjectType("Input")
	outputType  = types.NewObjectType("Output")
)

var bitcoinFields = define(bitcoinType,
	always("inputs", types.NewListType(inputType), func(p *bitcoin.Parts) any { return list(inputFields, p.Inputs) }),
	always("outputs", types.NewListType(outputType), func(p *bitcoin.Parts) any { return list(outputFields, p.Outputs) }),
	always("fee", amount.Type(), func(p *bitcoin.Parts) any { return amount.New(p.Fee) }),
	always("feeRate", amount.Type(), func(p *bitcoin.Parts) any { return amount.New(p.FeeRate) }),
	always("lockTime", types.IntType, func(p *bitcoin.Parts) any { return types.Int(p.LockTime) }),
)

var inputFields = define(inputType,
	always("txId", types.StringType, func(in *bitcoin.InputPart) any { return types.String(in.Hash.String()) }),
	always("vout", types.IntType, func(in *bitcoin.InputPart) any { return types.Int(in.Index) }),
	always("value", amount.Type(), func(in *bitcoin.InputPart) any { return amount.New(in.Value) }),
	always("address", types.StringType, func(in *bitcoin.InputPart) any { return types.String(in.Address) }),
	always("own", types.BoolType, func(in *bitcoin.InputPart) any { return types.Bool(in.Own) }),
	always("signs", types.BoolType, func(in *bitcoin.InputPart) any { return types.Bool(in.Signs) }),
	always("sequence", types.IntType, func(in *bitcoin.InputPart) any { return types.Int(in.Sequence) }),
	always("sighash", types.StringType, func(in *bitcoin.InputPart) any { return types.String(in.Sighash) }),
)

var outputFields = define(outputType,
	always("value", amount.Type(), func(o *bitcoin.OutputPart) any { return amount.New(o.Value) }),
	always("address", types.StringType, func(o *bitcoin.OutputPart) any { return types.String(o.Address) }),
	always("own", types.BoolType, func(o *bitcoin.OutputPart) any { return types.Bool(o.Own) }),
	always("type", types.StringType, func(o *bitcoin.OutputPart) any { return types.String(o.Type) }),
)
