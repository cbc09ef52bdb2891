package fact

import (
	"cel.dev/cel-go/common/types"

	"github.com/redoubt-kms/redoubt/chain/solana"
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
)

var instructionFields = define(instructionType,
	always("program", types.StringType, func(in *solana.Instruction) any { return types.String(in.Program.String()) }),
	always("accounts", types.NewListType(accountType), func(in *solana.Instruction) any { return list(accountFields, in.Accounts) }),
	always("data", types.BytesType, func(in *solana.Instruction) any { return types.Bytes(in.Data) }),
)

var accountFields = define(accountType,
	always("address", types.StringType, func(a *solana.Account) any { return types.String(a.String()) }),
	always("signer", types.BoolType, func(a *solana.Account) any { return types.Bool(a.Signer) }),
	always("writable", types.BoolType, func(a *solana.Account) any { return types.Bool(a.Writable) }),
	always("lookedUp", types.BoolType, func(a *solana.Account) any { return types.Bool(!a.Resolved) }),
)
