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
)

// Type is the type's name and traits in the language.
func Type() *types.Type { return amountType }

var amountType = types.NewOpaqueType("uint256").WithTraits(
	traits.AdderType | traits.SubtractorType | traits.MultiplierType | traits.DividerType | traits.ModderType | traits.ComparerType)

// Amount is a value of the type. The zero value is 0. It is immutable.
type Amount struct{ n big.Int }

// bits is the width of the type.
const bits = 256

// ErrRange says that a number does not fit: it is negative or has more than 256 bits.
var ErrRange = errors.New("not between 0 and 2^256-1")

// New makes an amount.
func New(n uint64) *Amount {
	var a Amount
	a.n.SetUint64(n)
	return &a
}

// FromBig converts an integer; nil is 0.
func FromBig(n *big.Int) (*Amount, error) {
	if n == nil {
		return &Amount{}, nil
	}
	if n.Sign() < 0 || n.BitLen() > bits {
		return nil, ErrRange
	}
	var a Amount
	a.n.Set(n)
	return &a, nil
}

// Max is 2^256-1, which stands for no limit.
func Max() *Amount {
	var a Amount
	a.n.Sub(a.n.Lsh(big.NewInt(1), bits), big.NewInt(1))
	return &a
}

// Big returns the value as an integer of its own.
func (a *Amount) Big() *big.Int { return new(big.Int).Set(&a.n) }

// String gives decimal digits.
func (a *Amount) String() string { return a.n.String() }

// Plus adds; an overflow is ErrRange.
func (a *Amount) Plus(b *Amount) (*Amount, error) {
	var sum Amount
	if sum.n.Add(&a.n, &b.n); sum.n.BitLen() > bits {
		return nil, ErrRange
	}
	return &sum, nil
}

// Minus subtracts, and stops at 0.
func (a *Amount) Minus(b *Amount) *Amount {
	var difference Amount
	if difference.n.Sub(&a.n, &b.n); difference.n.Sign() < 0 {
		return New(0)
	}
	return &difference
}

// Cmp is negative, zero or positive as a is below, equal to or above b.
func (a *Amount) Cmp(b *Amount) int { return a.n.Cmp(&b.n) }

// Add implements +.
func (a *Amount) Add(other ref.Val) ref.Val { return a.with(other, "+", (*big.Int).Add) }

// Subtract implements -.
func (a *Amount) Subtract(other ref.Val) ref.Val {
	return a.with(other, "-", (*big.Int).Sub)
}

// Multiply implements *.
func (a *Amount) Multiply(other ref.Val) ref.Val {
	return a.with(other, "*", (*big.Int).Mul)
}

// Divide implements /, rounding down.
func (a *Amount) Divide(other ref.Val) ref.Val { return a.nonzero(other, "/", (*big.Int).Quo) }

// Modulo implements %.
func (a *Amount) Modulo(other ref.Val) ref.Val { return a.nonzero(other, "%", (*big.Int).Rem) }

func (a *Amount) nonzero(other ref.Val, sign string, do func(z, x, y *big.Int) *big.Int) ref.Val {
	if b, ok := of(other); ok && b.n.Sign() == 0 {
		return types.NewErr("%v %s 0 is undefined", a, sign)
	}
	return a.with(other, sign, do)
}

func (a *Amount) with(other ref.Val, sign string, do func(z, x, y *big.Int) *big.Int) ref.Val {
	b, ok := of(other)
	if !ok {
		return types.MaybeNoSuchOverloadErr(other)
	}
	var z Amount
	if do(&z.n, &a.n, &b.n); z.n.Sign() < 0 || z.n.BitLen() > bits {
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
	return types.Bool(ok && a.n.Cmp(&b.n) == 0)
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

// FromBytes reads big-endian bytes, at most 32; more stand for the largest amount.
func FromBytes(b []byte) *Amount {
	if len(b) > bits/8 {
		return Max()
	}
	var a Amount
	a.n.SetBytes(b)
	return &a
}
