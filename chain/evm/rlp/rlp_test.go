package rlp_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math/big"
	"os"
	"strings"
	"testing"

	"github.com/redoubt-kms/redoubt/chain"
	"github.com/redoubt-kms/redoubt/chain/evm/rlp"
	"github.com/redoubt-kms/redoubt/internal/vectors"
)

// copyItem reads the next item of r with all that is in it, and writes it to out.
func copyItem(r *rlp.Reader, out []byte, depth int) ([]byte, error) {
	if depth > 1000 {
		return nil, errors.New("too deep for the test")
	}
	if !r.IsList() {
		b, err := r.Bytes()
		if err != nil {
			return nil, err
		}
		return rlp.AppendBytes(out, b), nil
	}
	inner, err := r.List()
	if err != nil {
		return nil, err
	}
	var items []byte
	for inner.More() {
		if items, err = copyItem(inner, items, depth+1); err != nil {
			return nil, err
		}
	}
	return rlp.AppendList(out, items), nil
}

func roundTrip(b []byte) ([]byte, error) {
	r := rlp.NewReader(b)
	out, err := copyItem(r, nil, 0)
	if err != nil {
		return nil, err
	}
	return out, r.End()
}

type vector struct {
	In  any    `json:"in"`
	Out string `json:"out"`
}

func readVectors(t *testing.T, file ...string) map[string]vector {
	t.Helper()
	b, err := os.ReadFile(vectors.Dir(t, append([]string{"ethereum-tests", "RLPTests"}, file...)...))
	if err != nil {
		t.Fatal(err)
	}
	out := make(map[string]vector)
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

// encode writes the input of a vector: text, a number, a big number after # or a list.
func encode(t *testing.T, out []byte, in any) []byte {
	t.Helper()
	switch v := in.(type) {
	case string:
		if digits, ok := strings.CutPrefix(v, "#"); ok {
			n, ok := new(big.Int).SetString(digits, 10)
			if !ok {
				t.Fatalf("number %q", v)
			}
			return rlp.AppendUint(out, n)
		}
		return rlp.AppendBytes(out, []byte(v))
	case json.Number:
		n, err := v.Int64()
		if err != nil {
			t.Fatal(err)
		}
		return rlp.AppendUint64(out, uint64(n))
	case []any:
		var items []byte
		for _, item := range v {
			items = encode(t, items, item)
		}
		return rlp.AppendList(out, items)
	default:
		t.Fatalf("input of type %T", in)
		return nil
	}
}

// TestEthereumTests runs the 55 cases of ethereum/tests: 28 valid, 26 invalid, 1 of the random sort.
func TestEthereumTests(t *testing.T) {
	valid := readVectors(t, "rlptest.json")
	random := readVectors(t, "RandomRLPTests", "example.json")
	invalid := readVectors(t, "invalidRLPTest.json")
	if len(valid) != 28 || len(random) != 1 || len(invalid) != 26 {
		t.Fatalf("%d valid, %d random and %d invalid cases, want 28, 1 and 26", len(valid), len(random), len(invalid))
	}
	for name, v := range valid {
		want := decodeHex(t, v.Out)
		if got := encode(t, nil, v.In); !bytes.Equal(got, want) {
			t.Errorf("%s: encoded %x, want %x", name, got, want)
		}
		if got, err := roundTrip(want); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %x, %v", name, got, err)
		}
	}
	for name, v := range random {
		if _, err := roundTrip(decodeHex(t, v.Out)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, v := range invalid {
		if _, err := roundTrip(decodeHex(t, v.Out)); !errors.Is(err, chain.ErrMalformed) {
			t.Errorf("%s: error = %v, want ErrMalformed", name, err)
		}
	}
}

func decodeHex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.TrimPrefix(s, "0x"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestLongItems covers what the vectors do not: lengths of two and three bytes, and their non-minimal twins.
func TestLongItems(t *testing.T) {
	for _, n := range []int{55, 56, 255, 256, 65535, 65536} {
		b := rlp.AppendBytes(nil, make([]byte, n))
		if got, err := roundTrip(b); err != nil || !bytes.Equal(got, b) {
			t.Errorf("%d bytes: %v", n, err)
		}
		if n > 55 && n < 256 {
			padded := append([]byte{b[0] + 1, 0}, b[1:]...)
			if _, err := roundTrip(padded); err == nil {
				t.Errorf("%d bytes with a padded length are accepted", n)
			}
		}
	}
}

func TestUintBounds(t *testing.T) {
	max64 := new(big.Int).SetUint64(1<<64 - 1)
	if n, err := rlp.NewReader(rlp.AppendUint(nil, max64)).Uint64(); err != nil || n != 1<<64-1 {
		t.Errorf("2^64-1: %d, %v", n, err)
	}
	if _, err := rlp.NewReader(rlp.AppendUint(nil, max64.Add(max64, big.NewInt(1)))).Uint64(); err == nil {
		t.Error("2^64 fits into 64 bits")
	}
	if _, err := rlp.NewReader([]byte{0x00}).Uint64(); err == nil {
		t.Error("a zero byte is an integer")
	}
}

func FuzzRoundTrip(f *testing.F) {
	for _, s := range []string{"80", "c0", "c7c0c1c0c3c0c1c0", "b838", "8100", "bf0f000000000000021111", "83646f67"} {
		b, err := hex.DecodeString(s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := roundTrip(b)
		if err == nil && !bytes.Equal(got, b) {
			t.Fatal("accepted bytes are written back differently")
		}
	})
}

// TestListBounds has items that fit the input but not the list that they are in.
func TestListBounds(t *testing.T) {
	for _, s := range []string{"c3c383010203", "c2c183010203", "c2c1b838", "c4c2b838" + strings.Repeat("00", 60), "c2c1c20102", "c5c283010203"} {
		if _, err := roundTrip(decodeHex(t, s)); !errors.Is(err, chain.ErrMalformed) {
			t.Errorf("%s: error = %v, want ErrMalformed", s, err)
		}
	}
	nested := []byte{}
	for range 5_000 { // deep inputs cost nothing to who does not descend
		nested = rlp.AppendList(nil, nested)
	}
	r := rlp.NewReader(nested)
	if inner, err := r.List(); err != nil || !inner.IsList() || r.End() != nil {
		t.Errorf("nested lists: %v", err)
	}
	if _, err := r.Bytes(); !errors.Is(err, chain.ErrMalformed) {
		t.Errorf("error = %v, want ErrMalformed", err)
	}
}
