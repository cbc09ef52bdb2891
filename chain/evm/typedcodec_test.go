package evm_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/redoubt-kms/redoubt/chain"
	"github.com/redoubt-kms/redoubt/chain/evm"
	"github.com/redoubt-kms/redoubt/chain/evm/typedjson"
)

func binary(t *testing.T, typ, value string) []byte {
	t.Helper()
	d, err := typedjson.Parse([]byte(document(typ, value)))
	if err != nil {
		t.Fatal(err)
	}
	return d.Encode()
}

// TestDecodeRefusesWords changes a byte of the message's only value, counted from the end, to what no value has.
func TestDecodeRefusesWords(t *testing.T) {
	for _, tc := range []struct {
		typ, value string
		fromEnd    int
		to         byte
		reason     string
	}{
		{"bool", `true`, 1, 2, "neither 0 nor 1"},
		{"bool", `true`, 2, 1, "padding"},
		{"uint8", `1`, 2, 1, "out of range"},
		{"int8", `1`, 1, 0x80, "out of range"},
		{"int8", `-1`, 2, 0, "out of range"},
		{"address", `"0x000000000000000000000000000000000000dead"`, 32, 1, "padding"},
		{"address", `"0x000000000000000000000000000000000000dead"`, 21, 1, "padding"},
		{"bytes3", `"0x010203"`, 1, 1, "padding"},
		{"bytes3", `"0x010203"`, 29, 1, "padding"},
		{"string", `"x"`, 1, 0xff, "UTF-8"},
		{"string", `"x"`, 2, 2, "truncated"},
		{"string", `"x"`, 5, 0xff, "truncated"},
		{"string", `"x"`, 2, 0, "after the message"},
		{"bool[]", `[]`, 1, 1, "truncated"},
	} {
		b := binary(t, tc.typ, tc.value)
		b[len(b)-tc.fromEnd] = tc.to
		_, err := evm.DecodeTypedData(b)
		if !errors.Is(err, chain.ErrMalformed) || !strings.Contains(err.Error(), tc.reason) {
			t.Errorf("%s, byte %d: error = %v, want %q", tc.typ, tc.fromEnd, err, tc.reason)
		}
	}
}

// TestDecodeRefusesTypes changes what stands before the values.
func TestDecodeRefusesTypes(t *testing.T) {
	good := binary(t, "bool", `true`)
	for _, tc := range []struct{ name, from, to, reason string }{
		{"magic", "712\x01", "712\x02", "not typed data"},
		{"order", "\x01S\x00\x01\x01y", "\x01A\x00\x01\x01y", "not in order"},
		{"struct twice", "\x01S\x00\x01\x01y", "\x01M\x00\x01\x01y", "not in order"},
		{"primary type", "\x01M\x00\x00", "\x01N\x00\x00", "primaryType"},
		{"primary type domain", "\x01M" + strings.Repeat("\x00", 3), "\x0cEIP712Domain" + strings.Repeat("\x00", 3), "primaryType"},
		{"unknown type", "\x00\x04bool", "\x00\x04bolo", "unknown type"},
		{"name", "\x01M\x00\x01\x01x", "\x01M\x00\x01\x01 ", "not an identifier"},
		{"too many structs", "712\x01\x00\x03", "712\x01\xff\xff", "more than 64"},
	} {
		b := bytes.Replace(good, []byte(tc.from), []byte(tc.to), 1)
		if bytes.Equal(b, good) {
			t.Errorf("%s: nothing to change in %q", tc.name, good)
		}
		_, err := evm.DecodeTypedData(b)
		if !errors.Is(err, chain.ErrMalformed) || !strings.Contains(err.Error(), tc.reason) {
			t.Errorf("%s: error = %v, want %q", tc.name, err, tc.reason)
		}
	}
}
