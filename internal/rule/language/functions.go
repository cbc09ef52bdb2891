package language

import (
	"encoding/hex"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/redoubt-kms/redoubt/chain/solana"
	"github.com/redoubt-kms/redoubt/internal/rule/amount"
)

// otherFunctions are those that no unit or counter needs.
func otherFunctions() []cel.EnvOption {
	s := cel.StringType
	return []cel.EnvOption{
		cel.Function("sum", cel.MemberOverload("list_uint256_sum", []*cel.Type{cel.ListType(amount.Type())}, amount.Type(), cel.UnaryBinding(sum))),
		cel.Function("hex", cel.Overload("hex_bytes", []*cel.Type{cel.BytesType}, s, cel.UnaryBinding(func(v ref.Val) ref.Val {
			b, ok := v.(types.Bytes)
			if !ok {
				return types.MaybeNoSuchOverloadErr(v)
			}
			return types.String("0x" + hex.EncodeToString(b))
		}))),
		cel.Function("tokenAccount",
			cel.Overload("token_account_owner_mint", []*cel.Type{s, s}, s, cel.BinaryBinding(func(owner, mint ref.Val) ref.Val {
				return tokenAccount(owner, mint, types.String("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"))
			})),
			cel.Overload("token_account_owner_mint_program", []*cel.Type{s, s, s}, s, cel.FunctionBinding(func(args ...ref.Val) ref.Val {
				return tokenAccount(args[0], args[1], args[2])
			}))),
	}
}

// tokenAccount is the address of the account that holds an owner's tokens of a mint on Solana.
func tokenAccount(args ...ref.Val) ref.Val {
	var keys [3]solana.Key
	for i, v := range args {
		text, ok := v.(types.String)
		if !ok {
			return types.MaybeNoSuchOverloadErr(v)
		}
		var err error
		if keys[i], err = solana.ParseKey(string(text)); err != nil {
			return types.WrapErr(err)
		}
	}
	address, err := solana.AssociatedTokenAddress(keys[0], keys[2], keys[1])
	if err != nil {
		return types.WrapErr(err)
	}
	return types.String(address.String())
}
