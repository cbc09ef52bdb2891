package derivation_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/derivation"
)

func TestParsePath(t *testing.T) {
	const h = derivation.Hardened
	for text, want := range map[string]derivation.Path{
		"m/0":                           {0},
		"m/44'/501'/0'/0'":              {44 + h, 501 + h, h, h},
		"m/84'/0'/2147483647'/10":       {84 + h, h, 2147483647 + h, 10},
		"m/0/1/2/3/4/5/6/7/8/9":         {0, 1, 2, 3, 4, 5, 6, 7, 8, 9},
		"m" + strings.Repeat("/0'", 10): {h, h, h, h, h, h, h, h, h, h},
	} {
		got, err := derivation.ParsePath(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
		if got.String() != text {
			t.Errorf("%s: written as %s", text, got)
		}
	}
	for _, text := range []string{
		"", "m", "m/", "M/0", "/0", "0", "44'/501'", "m//0", "m/0/", "m/0//1", "m/ 0", "m/0 ", " m/0", "m/0\n",
		"m/00", "m/01", "m/0x1", "m/+1", "m/-1", "m/1_0", "m/1e3", "m/'", "m/0''", "m/0h", "m/0H", "m/0’", "m/0\"",
		"m/2147483648", "m/2147483648'", "m/4294967296", "m/99999999999999999999", "m/٣", "n/0", "m/0\x00",
		"m" + strings.Repeat("/0", 11), "m/" + strings.Repeat("1", 1_000_000), strings.Repeat("m/0", 1000),
	} {
		if got, err := derivation.ParsePath(text); err == nil {
			t.Errorf("%.40q: accepted as %s", text, got)
		}
	}
}

func FuzzPath(f *testing.F) {
	f.Add("m/44'/501'/0'/0'")
	f.Add("m/44'/60'/0'/0/2147483647")
	f.Fuzz(func(t *testing.T, text string) {
		if p, err := derivation.ParsePath(text); err == nil && p.String() != text {
			t.Errorf("%q is a second spelling of %s", text, p)
		}
	})
}

func TestInferAccount(t *testing.T) {
	for text, want := range map[string]api.AddressFormat{
		"m/44'/501'/0'/0'":    api.AddressSolana,
		"m/44'/501'/7'":       api.AddressSolana,
		"m/44'/60'/0'/0/3":    api.AddressEthereum,
		"m/84'/0'/0'/0":       api.AddressBitcoinSegwit,
		"m/84'/0'/0'/0/5":     api.AddressBitcoinSegwit,
		"m/49'/0'/0'/0/0":     api.AddressBitcoinNestedSegwit,
		"m/86'/0'/0'/0/0":     api.AddressBitcoinTaproot,
		"m/44'/784'/0'/0'/0'": api.AddressSui,
	} {
		path := mustPath(t, text)
		c, format, err := derivation.InferAccount(path)
		if err != nil || format != want {
			t.Errorf("%s: %s, error %v; want %s", text, format, err, want)
		}
		if err := derivation.CheckAccount(path, c, format); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		// Every other combination of the three is refused.
		for _, otherCurve := range []api.Curve{api.CurveEd25519, api.CurveSecp256k1, api.CurveK256, ""} {
			for _, other := range []api.AddressFormat{
				api.AddressSolana, api.AddressEthereum, api.AddressBitcoinSegwit, api.AddressBitcoinTaproot,
				api.AddressBitcoinNestedSegwit, api.AddressSui, "",
			} {
				got := derivation.CheckAccount(path, otherCurve, other) == nil
				if got != (otherCurve == c && other == format) {
					t.Errorf("%s with %s and %s: accepted %v", text, otherCurve, other, got)
				}
			}
		}
	}
	for _, text := range []string{
		"m/44'", "m/44/501'/0'/0'", "m/44'/501/0'/0'", "m/44'/501'/0'/0", "m/44'/501'/0/0'", "m/44'/784'/0'/0'/0",
		"m/44'/0'/0'/0/0", "m/49'/1'/0'/0/0", "m/84'/1'/0'/0/0", "m/84'/60'/0'/0/0", "m/86'/501'/0'/0'",
		"m/44'/61'/0'/0/0", "m/54'/784'/0'/0/0", "m/0", "m/501'/44'/0'/0'",
	} {
		if c, format, err := derivation.InferAccount(mustPath(t, text)); err == nil {
			t.Errorf("%s: inferred %s and %s", text, c, format)
		}
	}
}

func TestKeypairFormat(t *testing.T) {
	for _, tt := range []struct {
		c            api.Curve
		format, want api.AddressFormat
	}{
		{api.CurveEd25519, "", api.AddressSolana},
		{api.CurveEd25519, api.AddressSolana, api.AddressSolana},
		{api.CurveEd25519, api.AddressSui, api.AddressSui},
		{api.CurveK256, "", api.AddressEthereum},
		{api.CurveK256, api.AddressEthereum, api.AddressEthereum},
		{api.CurveK256, api.AddressBitcoinSegwit, api.AddressBitcoinSegwit},
		{api.CurveK256, api.AddressBitcoinNestedSegwit, api.AddressBitcoinNestedSegwit},
		{api.CurveK256, api.AddressBitcoinTaproot, api.AddressBitcoinTaproot},
		{api.CurveEd25519, api.AddressEthereum, ""},
		{api.CurveK256, api.AddressSolana, ""},
		{api.CurveSecp256k1, api.AddressEthereum, ""},
		{"", "", ""},
	} {
		got, err := derivation.KeypairFormat(tt.c, tt.format)
		if got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%s, %q: %q, error %v; want %q", tt.c, tt.format, got, err, tt.want)
		}
	}
}

func mustPath(t *testing.T, text string) derivation.Path {
	t.Helper()
	path, err := derivation.ParsePath(text)
	if err != nil {
		t.Fatal(err)
	}
	return path
}
