package abi_test

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/redoubt-kms/redoubt/chain/evm/abi"
	"github.com/redoubt-kms/redoubt/chain/evm/abi/abijson"
	"github.com/redoubt-kms/redoubt/internal/vectors"
)

// ethersCase is what a contract compiled by solc returned, with the values that went in.
type ethersCase struct {
	Name, Interface, Result, Types, Values, NormalizedValues string
}

// TestEthers decodes what real compilers encoded, as the vectors of ethers keep it: the values that a function returns
// are laid out as arguments are.
func TestEthers(t *testing.T) {
	for file, want := range map[string]int{"contract-interface": 2045, "contract-interface-abi2": 1880} {
		var cases []ethersCase
		vectors.NPM(t, &cases, "@ethersproject/testcases", "testcases/"+file+".json.gz")
		if len(cases) != want {
			t.Errorf("%s: %d cases, want %d", file, len(cases), want)
		}
		read := 0
		for _, c := range cases {
			if c.check(t) {
				read++
			}
		}
		if read != want {
			t.Errorf("%s: %d of %d are read", file, read, want)
		}
	}
}

func (c ethersCase) check(t *testing.T) bool {
	t.Helper()
	declaration := strings.Replace(c.Interface, `"inputs":[],`, "", 1)
	contract, err := abijson.Parse([]byte(strings.Replace(declaration, `"outputs"`, `"inputs"`, 1)))
	if err != nil {
		t.Errorf("%s: %v: %s", c.Name, err, c.Interface)
		return false
	}
	result, err := hex.DecodeString(strings.TrimPrefix(c.Result, "0x"))
	if err != nil {
		t.Fatal(err)
	}
	selector := contract.Functions()[0].Selector
	call, err := contract.Decode(append(selector[:], result...))
	if err != nil {
		t.Errorf("%s: %v: %s", c.Name, err, c.Interface)
		return false
	}
	text := c.NormalizedValues
	if text == "" {
		text = c.Values
	}
	var values any
	if err := json.Unmarshal([]byte(text), &values); err != nil {
		t.Fatal(err)
	}
	if why := same(call.Args, values); why != "" {
		t.Errorf("%s: %s: %s", c.Name, why, text)
		return false
	}
	return true
}

// same compares a value with what ethers writes: lists, and atoms as {type, value}.
func same(v abi.Value, want any) string {
	if list, ok := want.([]any); ok {
		if v.Len() != len(list) {
			return fmt.Sprintf("%d items, want %d", v.Len(), len(list))
		}
		for i, w := range list {
			if why := same(v.Item(i), w); why != "" {
				return why
			}
		}
		return ""
	}
	m, _ := want.(map[string]any)
	if m["type"] == "tuple" {
		return same(v, m["value"])
	}
	text := fmt.Sprint(m["value"])
	if v.Kind() == abi.Uint || v.Kind() == abi.Int {
		n, ok := new(big.Int).SetString(text, 0)
		if !ok || n.Cmp(v.Int()) != 0 {
			return fmt.Sprintf("%s, want %s", v, text)
		}
		return ""
	}
	if got := v.String(); got != text {
		return fmt.Sprintf("%s %s, want %s", v.Type(), got, text)
	}
	return ""
}
