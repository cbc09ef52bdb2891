package abi_test

import (
	"encoding/hex"
	"errors"
	"math/big"
	"strings"
	"testing"

	geth "github.com/ethereum/go-ethereum/accounts/abi"

	"github.com/redoubt-kms/redoubt/chain"
	"github.com/redoubt-kms/redoubt/chain/evm/abi/abijson"
)

const fuzzed = `[{"type":"function","name":"a","inputs":[{"name":"x","type":"uint8[]"},{"name":"y","type":"string[2]"},{"name":"z","type":"int24"}]},
 {"type":"function","name":"b","inputs":[{"name":"c","type":"tuple[]","components":[{"name":"d","type":"bytes"},{"name":"e","type":"bool[2]"},
 {"name":"f","type":"tuple","components":[{"name":"g","type":"bytes3"},{"name":"h","type":"address[][]"}]}]}]}]`

// FuzzDecode holds call data that is read against go-ethereum, which must write it to the same bytes.
func FuzzDecode(f *testing.F) {
	c, err := abijson.Parse([]byte(fuzzed))
	if err != nil {
		f.Fatal(err)
	}
	theirs, err := geth.JSON(strings.NewReader(fuzzed))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(pack(f, fuzzed, "a", []uint8{1, 2}, [2]string{"x", ""}, big.NewInt(-5)))
	type g struct {
		G [3]byte
		H [][][20]byte
	}
	type d struct {
		D []byte
		E [2]bool
		F g
	}
	f.Add(pack(f, fuzzed, "b", []d{{[]byte("d"), [2]bool{true, false}, g{[3]byte{1}, [][][20]byte{{{2}}, {}}}}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := c.Decode(b); err == nil {
			checkEncoding(t, theirs, b)
		}
	})
}

// FuzzParse reads ABIs: nothing but an error comes of bad ones, and a function without inputs is called by its
// selector alone.
func FuzzParse(f *testing.F) {
	f.Add([]byte(batch))
	f.Add([]byte(fuzzed))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := abijson.Parse(b)
		if err != nil {
			if !errors.Is(err, chain.ErrMalformed) {
				t.Fatal(err)
			}
			return
		}
		for _, fn := range c.Functions() {
			if _, err := c.Decode(fn.Selector[:]); err != nil && len(fn.Inputs) == 0 {
				t.Fatalf("%s: %v: %s", fn.Signature, err, hex.EncodeToString(b))
			}
		}
	})
}
