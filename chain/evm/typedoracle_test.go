package evm_test

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"testing"

	ethmath "github.com/ethereum/go-ethereum/common/math"
	"github.com/ethereum/go-ethereum/signer/core/apitypes"

	"github.com/redoubt-kms/redoubt/chain/evm/typedjson"
)

// typedGenerator makes random typed data: structs T0, T1, … each of which mentions only later ones.
type typedGenerator struct {
	generator
	types map[string][]apitypes.Type
}

func (g typedGenerator) data() apitypes.TypedData {
	count := 1 + g.IntN(4)
	for i := range count {
		fields := []apitypes.Type{}
		for j := range 1 + g.IntN(5) {
			fields = append(fields, apitypes.Type{Name: fmt.Sprintf("f%d", j), Type: g.typeName(i+1, count)})
		}
		g.types[fmt.Sprintf("T%d", i)] = fields
	}
	g.types["EIP712Domain"] = []apitypes.Type{
		{Name: "name", Type: "string"}, {Name: "chainId", Type: "uint256"}, {Name: "verifyingContract", Type: "address"},
	}
	return apitypes.TypedData{
		Types: g.types, PrimaryType: "T0",
		Domain: apitypes.TypedDataDomain{
			Name: "D" + g.text(), ChainId: (*ethmath.HexOrDecimal256)(g.number(8)), VerifyingContract: g.hex(20),
		},
		Message: g.object("T0"),
	}
}

func (g typedGenerator) typeName(from, count int) string {
	suffix := ""
	for g.IntN(4) == 0 && len(suffix) < 4 {
		suffix += "[]"
	}
	switch g.IntN(8) {
	case 0:
		return fmt.Sprintf("uint%d", 8*(1+g.IntN(32))) + suffix
	case 1:
		return fmt.Sprintf("int%d", 8*(1+g.IntN(32))) + suffix
	case 2:
		return fmt.Sprintf("bytes%d", 1+g.IntN(32)) + suffix
	case 3, 4:
		if from < count {
			return fmt.Sprintf("T%d", from+g.IntN(count-from)) + suffix
		}
		return "bytes" + suffix
	default:
		return []string{"bool", "address", "string"}[g.IntN(3)] + suffix
	}
}

func (g typedGenerator) object(name string) map[string]any {
	out := make(map[string]any)
	for _, f := range g.types[name] {
		out[f.Name] = g.value(f.Type)
	}
	return out
}

func (g typedGenerator) value(typ string) any {
	if elem, ok := strings.CutSuffix(typ, "[]"); ok {
		items := []any{}
		for range g.IntN(3) {
			items = append(items, g.value(elem))
		}
		return items
	}
	var size int
	switch {
	case g.types[typ] != nil:
		return g.object(typ)
	case typ == "bool":
		return g.IntN(2) == 0
	case typ == "string":
		return g.text()
	case typ == "address":
		return g.hex(20)
	case typ == "bytes":
		return g.hex(g.IntN(70))
	case scan(typ, "bytes%d", &size):
		return g.hex(size)
	case scan(typ, "uint%d", &size):
		return g.number(size / 8).String()
	default:
		scan(typ, "int%d", &size)
		n := g.number(size / 8)
		return n.Sub(n.Rsh(n, 1), new(big.Int).Lsh(big.NewInt(int64(g.IntN(2))), uint(size-1))).String()
	}
}

func scan(s, format string, n *int) bool {
	_, err := fmt.Sscanf(s, format, n)
	return err == nil
}

func (g typedGenerator) hex(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(g.Uint32())
	}
	return "0x" + hex.EncodeToString(b)
}

func (g typedGenerator) text() string { return strings.ToValidUTF8(string(g.bytes(20)), "é") }

// TestTypedAgainstGeth compares digests of random typed data with go-ethereum's.
func TestTypedAgainstGeth(t *testing.T) {
	for i := range uint64(rounds(1_000, 100_000)) {
		g := typedGenerator{newGenerator(i), make(map[string][]apitypes.Type)}
		data := g.data()
		in, err := json.Marshal(data.Map())
		if err != nil {
			t.Fatal(err)
		}
		want, _, err := apitypes.TypedDataAndHash(data)
		if err != nil {
			t.Fatalf("seed %d: go-ethereum refuses %s: %v", i, in, err)
		}
		ours, err := typedjson.Parse(in)
		if err != nil {
			t.Fatalf("seed %d: %v: %s", i, err, in)
		}
		if got, err := ours.Digest(); err != nil || string(got[:]) != string(want) {
			t.Fatalf("seed %d: digest %x, want %x: %s", i, got, want, in)
		}
		if i < 50 {
			checkBinary(t, ours)
		}
	}
}
