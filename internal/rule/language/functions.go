package language

import (
	"encoding/hex"
	"slices"

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
		cel.Function("littleEndian", cel.Overload("little_endian_bytes_int64_int64", []*cel.Type{cel.BytesType, cel.IntType, cel.IntType}, amount.Type(),
			cel.FunctionBinding(func(args ...ref.Val) ref.Val { return littleEndian(args[0], args[1], args[2]) }))),
		cel.Function("tokenAccount",
			cel.Overload("token_account_owner_mint", []*cel.Type{s, s}, s, cel.BinaryBinding(func(owner, mint ref.Val) ref.Val {
				return tokenAccount(owner, mint, types.String("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"))
			})),
			cel.Overload("token_account_owner_mint_program", []*cel.Type{s, s, s}, s, cel.FunctionBinding(func(args ...ref.Val) ref.Val {
				return tokenAccount(args[0], args[1], args[2])
			}))),
	}
}

// littleEndian reads a number of 1 to 32 bytes, the least first, as programs of Solana write them; a place below zero counts
// from the end.
func littleEndian(data, place, size ref.Val) ref.Val {
	b, ok := data.(types.Bytes)
	at, whole := place.(types.Int)
	n, both := size.(types.Int)
	if !ok || !whole || !both {
		return types.MaybeNoSuchOverloadErr(data)
	}
	if at < 0 {
		at += types.Int(len(b))
	}
	if n < 1 || n > 32 || at < 0 || at > types.Int(len(b))-n {
		return types.NewErr("no number of %d bytes is at this place of %d bytes", n, len(b))
	}
	number := slices.Clone(b[at : at+n])
	slices.Reverse(number)
	return amount.FromBytes(number)
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
