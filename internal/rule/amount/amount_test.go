package amount_test

import (
	"errors"
	"math/big"
	"testing"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/redoubt-kms/redoubt/internal/rule/amount"
)

// The arithmetic is that of math/big where the result fits, and an error where it does not.
func FuzzArithmetic(f *testing.F) {
	one := []byte{1}
	all := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1)).Bytes()
	for _, a := range [][]byte{nil, one, all} {
		for _, b := range [][]byte{nil, one, all} {
			f.Add(a, b)
		}
	}
	f.Fuzz(func(t *testing.T, x, y []byte) {
		a, b := new(big.Int).SetBytes(x), new(big.Int).SetBytes(y)
		p, err := amount.FromBig(a)
		if (err == nil) != (a.BitLen() <= 256) {
			t.Fatalf("%v: %v", a, err)
		}
		q, err := amount.FromBig(b)
		if p == nil || err != nil {
			return
		}
		check(t, p.Add(q), new(big.Int).Add(a, b))
		check(t, p.Subtract(q), new(big.Int).Sub(a, b))
		check(t, p.Multiply(q), new(big.Int).Mul(a, b))
		if b.Sign() > 0 {
			check(t, p.Divide(q), new(big.Int).Div(a, b))
			check(t, p.Modulo(q), new(big.Int).Mod(a, b))
		} else if !types.IsError(p.Divide(q)) || !types.IsError(p.Modulo(q)) {
			t.Fatalf("%v divided by zero", a)
		}
		if p.Compare(q) != types.Int(a.Cmp(b)) || p.Equal(q) != types.Bool(a.Cmp(b) == 0) {
			t.Fatalf("%v and %v compare wrongly", a, b)
		}
	})
}

func check(t *testing.T, got ref.Val, want *big.Int) {
	t.Helper()
	if fits := want.Sign() >= 0 && want.BitLen() <= 256; fits == types.IsError(got) {
		t.Fatalf("got %v, want %v", got, want)
	}
	if a, ok := got.(*amount.Amount); ok && a.Big().Cmp(want) != 0 {
		t.Fatalf("got %v, want %v", a, want)
	}
}

func TestCompareWithIntegers(t *testing.T) {
	five := amount.New(5)
	for _, c := range []struct {
		with ref.Val
		want ref.Val
	}{{types.Int(-1), types.IntOne}, {types.Int(5), types.IntZero}, {types.Uint(6), types.IntNegOne}} {
		if got := five.Compare(c.with); got != c.want {
			t.Errorf("5 and %v: %v", c.with, got)
		}
	}
	if five.Equal(types.Int(-5)) == types.True || five.Equal(types.String("5")) == types.True || !types.IsError(five.Add(types.Int(-1))) {
		t.Error("5 is taken for something else")
	}
}

func TestUnits(t *testing.T) {
	for _, c := range []struct {
		text     string
		decimals int
		want     string // empty for an error
		back     string
	}{
		{"1.5", 9, "1500000000", "1.5"},
		{"0.000000001", 9, "1", "0.000000001"},
		{"10", 0, "10", "10"},
		{"10", 2, "1000", "10"},
		{"0.10", 2, "10", "0.1"},
		{"0", 18, "0", "0"},
		{"115792089237316195423570985008687907853269984665640564039457584007913129639935", 0, "115792089237316195423570985008687907853269984665640564039457584007913129639935", "115792089237316195423570985008687907853269984665640564039457584007913129639935"},
		{"115792089237316195423570985008687907853269984665640564039457584007913129639936", 0, "", ""},
		{"0.0000000001", 9, "", ""},
		{"1.", 9, "", ""},
		{".5", 9, "", ""},
		{"-1", 9, "", ""},
		{"+1", 9, "", ""},
		{"1e3", 9, "", ""},
		{"1_000", 9, "", ""},
		{"0x10", 9, "", ""},
		{"1,5", 9, "", ""},
		{"", 9, "", ""},
		{" 1", 9, "", ""},
		{"1.-5", 9, "", ""},
		{"1.5.5", 9, "", ""},
		{"1", 78, "", ""},
		{"1", -1, "", ""},
	} {
		got, err := amount.ParseUnits(c.text, c.decimals)
		if (err == nil) != (c.want != "") || err == nil && (got.String() != c.want || got.Units(c.decimals) != c.back) {
			t.Errorf("%q with %d decimals: %v, %v", c.text, c.decimals, got, err)
		}
	}
}

func TestParse(t *testing.T) {
	for text, want := range map[string]string{"0": "0", "007": "7", "0xff": "255", "0xFF": "255"} {
		if got, err := amount.Parse(text); err != nil || got.String() != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "0x", "-1", "1.0", "0b1", "0o7", "1_0", "abc", "1" + string(make([]byte, 100))} {
		if got, err := amount.Parse(text); err == nil {
			t.Errorf("%q: %v", text, got)
		}
	}
	sum, err := amount.Max().Plus(amount.New(1))
	if !errors.Is(err, amount.ErrRange) {
		t.Errorf("2^256 is %v", sum)
	}
}
