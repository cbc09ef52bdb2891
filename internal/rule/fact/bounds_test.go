package fact_test

import (
	"math/big"
	"slices"
	"testing"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/traits"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain"
	"github.com/redoubt-kms/redoubt/chain/evm"
	"github.com/redoubt-kms/redoubt/internal/rule/amount"
)

// beyond is a payload that says to move what no amount holds.
type beyond struct{ effects chain.Effects }

func (beyond) Algorithm() api.Algorithm       { return api.Secp256k1Keccak256 }
func (beyond) SigningBytes() []byte           { return []byte{1} }
func (b beyond) Effects([]byte) chain.Effects { return b.effects }

// What does not fit into an amount counts as the largest there is, and as unknown.
func TestBeyondAllAmounts(t *testing.T) {
	most := new(big.Int).Lsh(big.NewInt(1), 256)
	transfer := chain.Transfer{Asset: "ETH", From: self, To: other, Amount: most}
	for name, e := range map[string]chain.Effects{
		"transfers": {FeeMax: big.NewInt(1), Transfers: []chain.Transfer{transfer}},
		"feeMax":    {FeeMax: most},
	} {
		v, _ := of(t, beyond{e}).ResolveName("effects")
		effects, _ := v.(traits.Indexer)
		if effects.Get(types.String("unknown")) != types.True {
			t.Errorf("%s beyond all amounts are known", name)
		}
		got := effects.Get(types.String(name))
		if list, ok := got.(traits.Lister); ok {
			got = list.Get(types.Int(0)).(traits.Indexer).Get(types.String("amount"))
		}
		if a, ok := got.(*amount.Amount); !ok || a.String() != amount.Max().String() {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// Who receives twice is one destination.
func TestDestinationsAreThereOnce(t *testing.T) {
	to := func(who string) chain.Transfer {
		return chain.Transfer{Asset: "ETH", From: self, To: who, Amount: big.NewInt(1)}
	}
	const third = "0x3333333333333333333333333333333333333333"
	f := of(t, beyond{chain.Effects{FeeMax: big.NewInt(1), Transfers: []chain.Transfer{to(other), to(third), to(other)}}})
	if got := f.Destinations(); !slices.Equal(got, []string{other, third}) {
		t.Errorf("%v", got)
	}
}

// A transaction that names no network has no chain id, rather than 0.
func TestNoNetwork(t *testing.T) {
	legacy := []byte{0xc6, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80} // nonce, price, gas, to, value, data
	tx, err := evm.ParseUnsigned(legacy)
	if err != nil {
		t.Fatal(err)
	}
	for want, p := range map[bool]chain.Payload{false: tx, true: call(t, 1, "")} {
		v, _ := of(t, p).ResolveName("tx")
		ofEVM := v.(traits.Indexer).Get(types.String("evm"))
		if set := ofEVM.(traits.FieldTester).IsSet(types.String("chainId")); set != types.Bool(want) {
			t.Errorf("chainId is there: %v, want %v", set, want)
		}
	}
}
