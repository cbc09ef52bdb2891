package evm_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/redoubt-kms/redoubt/chain"
	"github.com/redoubt-kms/redoubt/chain/evm"
	"github.com/redoubt-kms/redoubt/chain/evm/typedjson"
)

// document writes typed data with one field x of the given type and value in its message.
func document(typ, value string) string {
	return fmt.Sprintf(`{"types":{"M":[{"name":"x","type":%q}],"S":[{"name":"y","type":"bool"}]},`+
		`"primaryType":"M","domain":{"name":"D","chainId":1},"message":{"x":%s}}`, typ, value)
}

func TestTypedValues(t *testing.T) {
	for _, tc := range []struct{ typ, value, want string }{
		{"uint8", `255`, "255"},
		{"uint8", `"0xff"`, "255"},
		{"uint8", `"0x00ff"`, "255"},
		{"uint8", `"255"`, "255"},
		{
			"uint256", `"115792089237316195423570985008687907853269984665640564039457584007913129639935"`,
			"115792089237316195423570985008687907853269984665640564039457584007913129639935",
		},
		{"uint64", `9007199254740991`, "9007199254740991"},
		{"uint64", `"9007199254740992"`, "9007199254740992"},
		{"int56", `-9007199254740991`, "-9007199254740991"},
		{"int8", `127`, "127"},
		{"int8", `-128`, "-128"},
		{"int8", `"-1"`, "-1"},
		{
			"int256", `"-57896044618658097711785492504343953926634992332820282019728792003956564819968"`,
			"-57896044618658097711785492504343953926634992332820282019728792003956564819968",
		},
		{"bool", `true`, "true"},
		{"address", `"0x000000000000000000000000000000000000dead"`, "0x000000000000000000000000000000000000dEaD"},
		{"address", `"0x000000000000000000000000000000000000DEAD"`, "0x000000000000000000000000000000000000dEaD"},
		{"bytes", `"0x"`, "0x"},
		{"bytes3", `"0xA1b2C3"`, "0xa1b2c3"},
		{"string", `"hé"`, "hé"},
		{"bool[2]", `[true,false]`, "bool[2]"},
		{"bool[][1]", `[[]]`, "bool[][1]"},
		{"S", `{"y":true}`, "S"},
	} {
		d, err := typedjson.Parse([]byte(document(tc.typ, tc.value)))
		if err != nil {
			t.Errorf("%s %s: %v", tc.typ, tc.value, err)
			continue
		}
		x, _ := d.Message().Field("x")
		if x.String() != tc.want || x.Type() != tc.typ {
			t.Errorf("%s %s: %s %s, want %s", tc.typ, tc.value, x.Type(), x, tc.want)
		}
		checkBinary(t, d)
	}
}

// checkBinary takes typed data through its binary form.
func checkBinary(t *testing.T, d *evm.TypedData) {
	t.Helper()
	b := d.Encode()
	again, err := evm.DecodeTypedData(b)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(again.Encode(), b) {
		t.Error("binary form changes")
	}
	want, err := d.Digest()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := again.Digest(); err != nil || got != want {
		t.Errorf("digest = %x, want %x; %v", got, want, err)
	}
	for n := range b {
		if _, err := evm.DecodeTypedData(b[:n]); !errors.Is(err, chain.ErrMalformed) {
			t.Fatalf("cut to %d of %d bytes: error = %v", n, len(b), err)
		}
	}
	if _, err := evm.DecodeTypedData(append(b, 0)); !errors.Is(err, chain.ErrMalformed) {
		t.Errorf("a byte more: error = %v", err)
	}
}

func TestTypedValuesRefused(t *testing.T) {
	for _, tc := range []struct{ typ, value string }{
		{"uint8", `256`},
		{"uint64", `9007199254740992`}, // no program that holds numbers as floating point tells it from the next
		{"int64", `-9007199254740992`},
		{"uint8", `-1`},
		{"uint8", `-0`},
		{"uint8", `1.0`},
		{"uint8", `1e1`},
		{"uint8", `"1e1"`},
		{"uint8", `"01"`},
		{"uint8", `""`},
		{"uint8", `" 1"`},
		{"uint8", `"+1"`},
		{"uint8", `"1_0"`},
		{"uint8", `"0X1"`},
		{"uint8", `"0x"`},
		{"uint8", `"ff"`},
		{"uint8", `"0b1"`},
		{"uint8", `"0xg"`},
		{"uint8", `true`},
		{"uint8", `null`},
		{"uint8", `[1]`},
		{"int8", `128`},
		{"int8", `-129`},
		{"int8", `"-0x1"`},
		{"int8", `"--1"`},
		{"uint256", `115792089237316195423570985008687907853269984665640564039457584007913129639936`},
		{"bool", `"true"`},
		{"bool", `1`},
		{"address", `"0x000000000000000000000000000000000000dEad"`},
		{"address", `"000000000000000000000000000000000000dead"`},
		{"address", `"0x00000000000000000000000000000000000000dead"`},
		{"address", `"0xdead"`},
		{"address", `57005`},
		{"bytes", `"0x0"`},
		{"bytes", `"abcd"`},
		{"bytes", `"0Xab"`},
		{"bytes", `[1,2]`},
		{"bytes3", `"0x0102"`},
		{"bytes3", `"0x01020304"`},
		{"string", `5`},
		{"bool[2]", `[true]`},
		{"bool[2]", `[true,true,true]`},
		{"bool[]", `{}`},
		{"S", `{}`},
		{"S", `{"y":true,"z":1}`},
		{"S", `{"y":true,"y":true}`},
		{"S", `[true]`},
		{"S", `null`},
		{"string", "\"\xff\""},
		{"string", `"\ud800"`},
	} {
		d, err := typedjson.Parse([]byte(document(tc.typ, tc.value)))
		var field *evm.FieldError
		if err == nil || !errors.Is(err, chain.ErrMalformed) || !errors.As(err, &field) {
			t.Errorf("%s %s: %v, error = %v", tc.typ, tc.value, d, err)
		} else if !strings.Contains(field.Path, "message") {
			t.Errorf("%s %s: path %q", tc.typ, tc.value, field.Path)
		}
	}
}

func TestTypesRefused(t *testing.T) {
	for _, typ := range []string{
		"uint", "int", "byte", "uint0", "uint7", "uint264", "uint08", "int12", "bytes0", "bytes33", "bytes032", "fixed128x18",
		"function", "Missing", "", " bool", "bool ", "bool[", "bool]", "[]", "bool[0]", "bool[-1]", "bool[01]", "bool[+1]",
		"bool[4097]", "bool[ ]", "bool[]x", "M", "S[][2", "bool[99999999999999999999]", "Bool", "M[1]",
		"bool" + strings.Repeat("[]", 18),
	} {
		if _, err := typedjson.Parse([]byte(document(typ, `[]`))); !errors.Is(err, chain.ErrMalformed) ||
			!strings.Contains(err.Error(), "types") {
			t.Errorf("type %q: error = %v", typ, err)
		}
	}
}

func TestTypedDataRefused(t *testing.T) {
	const types = `"types":{"M":[{"name":"x","type":"bool"}]}`
	const rest = `,"primaryType":"M","domain":{"chainId":1},"message":{"x":true}`
	if _, err := typedjson.Parse([]byte(`{` + types + rest + `}`)); err != nil {
		t.Fatal(err)
	}
	for name, in := range map[string]string{
		"not JSON":            `{`,
		"not an object":       `[]`,
		"after the object":    `{` + types + rest + `}{}`,
		"member twice":        `{` + types + `,` + types + rest + `}`,
		"unknown member":      `{` + types + rest + `,"extra":1}`,
		"no message":          `{` + types + `,"primaryType":"M","domain":{}}`,
		"no domain":           `{` + types + `,"primaryType":"M","message":{"x":true}}`,
		"no types":            `{"primaryType":"M","domain":{},"message":{"x":true}}`,
		"no primary type":     `{` + types + `,"domain":{},"message":{"x":true}}`,
		"absent primary type": `{` + types + `,"primaryType":"N","domain":{},"message":{"x":true}}`,
		"primary type domain": `{"types":{"EIP712Domain":[]},"primaryType":"EIP712Domain","domain":{},"message":{}}`,
		"array primary type":  `{` + types + `,"primaryType":"M[]","domain":{},"message":[]}`,
		"unknown in domain":   `{` + types + `,"primaryType":"M","domain":{"chain":1},"message":{"x":true}}`,
		"more in domain than in its type": `{"types":{"EIP712Domain":[{"name":"name","type":"string"}],"M":[]},` +
			`"primaryType":"M","domain":{"name":"D","chainId":1},"message":{}}`,
		"less in domain than in its type": `{"types":{"EIP712Domain":[{"name":"name","type":"string"}],"M":[]},` +
			`"primaryType":"M","domain":{},"message":{}}`,
		"domain field of another type": `{"types":{"EIP712Domain":[{"name":"chainId","type":"string"}],"M":[]},` +
			`"primaryType":"M","domain":{"chainId":"1"},"message":{}}`,
		"domain field of our own": `{"types":{"EIP712Domain":[{"name":"x","type":"string"}],"M":[]},` +
			`"primaryType":"M","domain":{"x":"1"},"message":{}}`,
		"field twice":              `{"types":{"M":[{"name":"x","type":"bool"},{"name":"x","type":"bool"}]}` + rest + `}`,
		"field without name":       `{"types":{"M":[{"name":"","type":"bool"}]}` + rest + `}`,
		"field of no type":         `{"types":{"M":[{"name":"x"}]}` + rest + `}`,
		"field with more":          `{"types":{"M":[{"name":"x","type":"bool","n":1}]}` + rest + `}`,
		"name with a space":        `{"types":{"M":[{"name":"x y","type":"bool"}]}` + rest + `}`,
		"name with a paren":        `{"types":{"M(bool x)":[]}` + rest + `}`,
		"built-in struct":          `{"types":{"uint9":[],"M":[{"name":"x","type":"bool"}]}` + rest + `}`,
		"cycle":                    `{"types":{"M":[{"name":"x","type":"N"}],"N":[{"name":"x","type":"M"}]}` + rest + `}`,
		"cycle beside the message": `{"types":{"M":[{"name":"x","type":"bool"}],"N":[{"name":"x","type":"N"}]}` + rest + `}`,
		"missing in the message":   `{` + types + `,"primaryType":"M","domain":{},"message":{}}`,
	} {
		if d, err := typedjson.Parse([]byte(in)); !errors.Is(err, chain.ErrMalformed) {
			t.Errorf("%s: %v, error = %v", name, d, err)
		}
	}
}

func TestTypedBounds(t *testing.T) {
	tree := func(depth int) string {
		return `{"types":{"T":[{"name":"c","type":"T[]"}]},"primaryType":"T","domain":{},"message":` +
			strings.Repeat(`{"c":[`, depth) + strings.Repeat(`]}`, depth) + `}`
	}
	if _, err := typedjson.Parse([]byte(tree(8))); err != nil {
		t.Errorf("depth 16 is refused: %v", err)
	}
	for _, depth := range []int{9, 11, 5000} {
		if _, err := typedjson.Parse([]byte(tree(depth))); !errors.Is(err, chain.ErrMalformed) {
			t.Errorf("depth %d: error = %v", 2*depth, err)
		}
	}
	list := func(n int) string { return document("bool[]", "["+strings.Repeat("true,", n-1)+"true]") }
	if _, err := typedjson.Parse([]byte(list(4096 - 5))); err != nil { // domain with two fields, message, array
		t.Errorf("4096 values are refused: %v", err)
	}
	for _, n := range []int{4096 - 4, 100_000} {
		if _, err := typedjson.Parse([]byte(list(n))); !errors.Is(err, chain.ErrMalformed) {
			t.Errorf("%d values: error = %v", n, err)
		}
	}
}

// TestDerivedDomain compares ethers' form, without EIP712Domain, with the written-out one.
func TestDerivedDomain(t *testing.T) {
	const rest = `"M":[]},"primaryType":"M","domain":{"verifyingContract":"0x000000000000000000000000000000000000dEaD",` +
		`"chainId":5,"version":"1"},"message":{}}`
	derived, err := typedjson.Parse([]byte(`{"types":{` + rest))
	if err != nil {
		t.Fatal(err)
	}
	written, err := typedjson.Parse([]byte(`{"types":{"EIP712Domain":[{"name":"version","type":"string"},` +
		`{"name":"chainId","type":"uint256"},{"name":"verifyingContract","type":"address"}],` + rest))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(written.Encode(), derived.Encode()); diff != "" {
		t.Error(diff)
	}
}

func TestZeroTypedData(t *testing.T) {
	var d evm.TypedData
	if _, err := d.Digest(); !errors.Is(err, evm.ErrNoTypedData) {
		t.Errorf("error = %v", err)
	}
	if !d.Effects(publicKey()).Unknown || d.Encode() != nil {
		t.Error("empty typed data has effects or bytes")
	}
}

func FuzzDecodeTypedData(f *testing.F) {
	for _, s := range []string{
		document("uint8", `1`), document("bool[]", `[true]`), document("S", `{"y":false}`), document("bytes3", `"0x010203"`),
		document("string[2]", `["a",""]`), document("int16", `-2`), document("address", `"0x000000000000000000000000000000000000dead"`),
	} {
		d, err := typedjson.Parse([]byte(s))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(d.Encode())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := evm.DecodeTypedData(b)
		if err != nil {
			if !errors.Is(err, chain.ErrMalformed) {
				t.Fatal(err)
			}
			return
		}
		if !bytes.Equal(d.Encode(), b) {
			t.Fatal("accepted bytes are written back differently")
		}
		d.Effects(publicKey())
	})
}
