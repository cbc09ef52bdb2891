// Package amount is the type uint256 of the policy language: unsigned integers of 256 bits whose arithmetic never wraps.
// An overflow, a difference below zero or a division by zero is an error of the expression, which then allows nothing.
package amount

import (
	"errors"
	"fmt"
	"math/big"
	"reflect"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"github.com/holiman/uint256"
)

// Type is the type's name and traits in the language.
func Type() *types.Type { return amountType }

var amountType = types.NewOpaqueType("uint256").WithTraits(
	traits.AdderType | traits.SubtractorType | traits.MultiplierType | traits.DividerType | traits.ModderType | traits.ComparerType)

// Amount is a value of the type. The zero value is 0.
type Amount struct{ n uint256.Int }

// ErrRange says that a number does not fit: it is negative or has more than 256 bits.
var ErrRange = errors.New("not between 0 and 2^256-1")

// New makes an amount.
func New(n uint64) *Amount { return &Amount{*uint256.NewInt(n)} }

// FromBig converts an integer; nil is 0.
func FromBig(n *big.Int) (*Amount, error) {
	if n == nil {
		return &Amount{}, nil
	}
	var a Amount
	if n.Sign() < 0 || a.n.SetFromBig(n) {
		return nil, ErrRange
	}
	return &a, nil
}

// Max is 2^256-1, which stands for no limit.
func Max() *Amount {
	var a Amount
	a.n.SetAllOne()
	return &a
}

// Big returns the value as an integer of its own.
func (a *Amount) Big() *big.Int { return a.n.ToBig() }

// String gives decimal digits.
func (a *Amount) String() string { return a.n.Dec() }

// Plus adds; an overflow is ErrRange.
func (a *Amount) Plus(b *Amount) (*Amount, error) {
	var sum Amount
	if _, over := sum.n.AddOverflow(&a.n, &b.n); over {
		return nil, ErrRange
	}
	return &sum, nil
}

// Cmp is negative, zero or positive as a is below, equal to or above b.
func (a *Amount) Cmp(b *Amount) int { return a.n.Cmp(&b.n) }

// Add implements +.
func (a *Amount) Add(other ref.Val) ref.Val { return a.with(other, "+", (*uint256.Int).AddOverflow) }

// Subtract implements -.
func (a *Amount) Subtract(other ref.Val) ref.Val {
	return a.with(other, "-", (*uint256.Int).SubOverflow)
}

// Multiply implements *.
func (a *Amount) Multiply(other ref.Val) ref.Val {
	return a.with(other, "*", (*uint256.Int).MulOverflow)
}

// Divide implements /, rounding down.
func (a *Amount) Divide(other ref.Val) ref.Val { return a.with(other, "/", divide) }

// Modulo implements %.
func (a *Amount) Modulo(other ref.Val) ref.Val { return a.with(other, "%", modulo) }

func divide(z, x, y *uint256.Int) (*uint256.Int, bool) { return z.Div(x, y), y.IsZero() }

func modulo(z, x, y *uint256.Int) (*uint256.Int, bool) { return z.Mod(x, y), y.IsZero() }

func (a *Amount) with(other ref.Val, sign string, do func(z, x, y *uint256.Int) (*uint256.Int, bool)) ref.Val {
	b, ok := of(other)
	if !ok {
		return types.MaybeNoSuchOverloadErr(other)
	}
	var z Amount
	if _, wrong := do(&z.n, &a.n, &b.n); wrong {
		return types.NewErr("%v %s %v is %v", a, sign, b, ErrRange)
	}
	return &z
}

// Compare implements the order, also with signed and unsigned integers.
func (a *Amount) Compare(other ref.Val) ref.Val {
	if i, ok := other.(types.Int); ok && i < 0 {
		return types.IntOne
	}
	b, ok := of(other)
	if !ok {
		return types.MaybeNoSuchOverloadErr(other)
	}
	return types.Int(a.n.Cmp(&b.n))
}

// Equal implements ==.
func (a *Amount) Equal(other ref.Val) ref.Val {
	b, ok := of(other)
	return types.Bool(ok && a.n.Eq(&b.n))
}

// of takes integers that are not negative for amounts.
func of(v ref.Val) (*Amount, bool) {
	switch v := v.(type) {
	case *Amount:
		return v, true
	case types.Int:
		if v < 0 {
			return nil, false
		}
		return New(uint64(v)), true
	case types.Uint:
		return New(uint64(v)), true
	}
	return nil, false
}

// ConvertToNative implements ref.Val.
func (a *Amount) ConvertToNative(t reflect.Type) (any, error) {
	switch t {
	case reflect.TypeFor[*big.Int]():
		return a.Big(), nil
	case reflect.TypeFor[string]():
		return a.String(), nil
	case reflect.TypeFor[*Amount]():
		return a, nil
	}
	return nil, fmt.Errorf("an amount does not convert to %v", t)
}

// ConvertToType implements ref.Val: string() gives decimal digits.
func (a *Amount) ConvertToType(t ref.Type) ref.Val {
	switch t.TypeName() {
	case types.StringType.TypeName():
		return types.String(a.String())
	case amountType.TypeName():
		return a
	case types.TypeType.TypeName():
		return amountType
	}
	return types.NewErr("an amount does not convert to %s", t.TypeName())
}

// Type implements ref.Val.
func (a *Amount) Type() ref.Type { return amountType }

// Value implements ref.Val.
func (a *Amount) Value() any { return a }

// Bytes gives the value in as few bytes as hold it, big endian; none for 0.
func (a *Amount) Bytes() []byte { return a.n.Bytes() }

// FromBytes reads big-endian bytes; of more than 32 the last count.
func FromBytes(b []byte) *Amount {
	var a Amount
	a.n.SetBytes(b)
	return &a
}
