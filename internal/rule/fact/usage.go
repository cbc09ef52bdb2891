package fact

import (
	"fmt"
	"reflect"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

var usageType = types.NewOpaqueType("Usage")

// UsageType is the type of the variable usage, on which spent and count are called.
func UsageType() *types.Type { return usageType }

// usageValue is the variable usage.
type usageValue struct{ *Facts }

// Spent evaluates usage.spent(asset, window, scope).
func Spent(of ref.Val, asset, window, scope string) ref.Val {
	u, ok := of.(usageValue)
	if !ok {
		return types.MaybeNoSuchOverloadErr(of)
	}
	spent, err := u.Usage.Spent(asset, window, scope)
	if err != nil {
		return types.WrapErr(err)
	}
	return spent
}

// Count evaluates usage.count(window, scope).
func Count(of ref.Val, window, scope string) ref.Val {
	u, ok := of.(usageValue)
	if !ok {
		return types.MaybeNoSuchOverloadErr(of)
	}
	count, err := u.Usage.Count(window, scope)
	if err != nil {
		return types.WrapErr(err)
	}
	return count
}

// ConvertToNative implements ref.Val.
func (usageValue) ConvertToNative(t reflect.Type) (any, error) {
	return nil, fmt.Errorf("usage does not convert to %v", t)
}

// ConvertToType implements ref.Val.
func (usageValue) ConvertToType(t ref.Type) ref.Val {
	return types.NewErr("usage does not convert to %s", t.TypeName())
}

// Equal implements ref.Val.
func (usageValue) Equal(ref.Val) ref.Val { return types.False }

// Type implements ref.Val.
func (usageValue) Type() ref.Type { return usageType }

// Value implements ref.Val.
func (u usageValue) Value() any { return u.Facts }
