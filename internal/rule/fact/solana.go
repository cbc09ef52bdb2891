package fact

import (
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/redoubt-kms/redoubt/chain/solana"
	"github.com/redoubt-kms/redoubt/internal/rule/amount"
)

var (
	solanaType      = types.NewObjectType("SolanaTx")
	instructionType = types.NewObjectType("Instruction")
	accountType     = types.NewObjectType("Account")
	anyMap          = types.NewMapType(types.StringType, types.DynType)
)

var solanaFields = define(solanaType,
	always("feePayer", types.StringType, func(t *solana.Transaction) any { return types.String(t.FeePayer().String()) }),
	always("accounts", stringList, func(t *solana.Transaction) any {
		keys := t.StaticKeys()
		names := make([]string, len(keys))
		for i, k := range keys {
			names[i] = k.String()
		}
		return stringValues(names)
	}),
	always("signers", stringList, func(t *solana.Transaction) any {
		keys := t.RequiredSigners()
		names := make([]string, len(keys))
		for i, k := range keys {
			names[i] = k.String()
		}
		return stringValues(names)
	}),
	always("instructions", types.NewListType(instructionType), func(t *solana.Transaction) any {
		return list(instructionFields, t.Instructions())
	}),
	always("usesLookupTables", types.BoolType, func(t *solana.Transaction) any { return types.Bool(len(t.Lookups()) > 0) }),
	always("usesDurableNonce", types.BoolType, func(t *solana.Transaction) any { return types.Bool(t.DurableNonce()) }),
	always("computeUnitLimit", types.IntType, func(t *solana.Transaction) any {
		return types.Int(t.ComputeBudget().UnitLimit) //nolint:gosec // at most 32 bits
	}),
	always("computeUnitPrice", amount.Type(), func(t *solana.Transaction) any { return amount.New(t.ComputeBudget().UnitPrice) }),
	always("priorityFee", amount.Type(), func(t *solana.Transaction) any {
		a, _ := cap256(t.ComputeBudget().PriorityMax)
		return a
	}),
)

var instructionFields = define(instructionType,
	always("program", types.StringType, func(in *solana.Instruction) any { return types.String(in.Program.String()) }),
	always("name", types.StringType, func(in *solana.Instruction) any {
		parsed, ok := in.Parse()
		if !ok {
			return types.String("")
		}
		return types.String(parsed.Program + "." + parsed.Name)
	}),
	maybe("args", anyMap, func(in *solana.Instruction) (any, bool) {
		parsed, ok := in.Parse()
		if !ok {
			return nil, false
		}
		args := make(map[string]ref.Val, len(parsed.Args))
		for _, a := range parsed.Args {
			args[a.Name] = argument(a.Value)
		}
		return types.NewDynamicMap(types.DefaultTypeAdapter, args), true
	}),
	always("accounts", types.NewListType(accountType), func(in *solana.Instruction) any { return list(accountFields, in.Accounts) }),
	always("data", types.BytesType, func(in *solana.Instruction) any { return types.Bytes(in.Data) }),
)

var accountFields = define(accountType,
	always("address", types.StringType, func(a *solana.Account) any { return types.String(a.String()) }),
	always("signer", types.BoolType, func(a *solana.Account) any { return types.Bool(a.Signer) }),
	always("writable", types.BoolType, func(a *solana.Account) any { return types.Bool(a.Writable) }),
	always("lookedUp", types.BoolType, func(a *solana.Account) any { return types.Bool(!a.Resolved) }),
)

// argument makes a value of the language of an instruction's argument.
func argument(v any) ref.Val {
	switch v := v.(type) {
	case uint64:
		return amount.New(v)
	case int64:
		return types.Int(v)
	case string:
		return types.String(v)
	case bool:
		return types.Bool(v)
	}
	return types.NewErr("an argument of a type that the language does not have")
}
