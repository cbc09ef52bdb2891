package bitcoin_test

import (
	"bytes"
	"math/big"
	"testing"

	"github.com/btcsuite/btcd/wire"
	"github.com/google/go-cmp/cmp"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain"
	"github.com/redoubt-kms/redoubt/chain/bitcoin"
	"github.com/redoubt-kms/redoubt/chain/bitcoin/script"
)

// TestSpend signs for each form, with several inputs and a foreign one, and has btcd's engine run the result.
func TestSpend(t *testing.T) {
	for _, format := range formats() {
		t.Run(string(format), func(t *testing.T) {
			own, other := newParty(t, format, 1), newParty(t, api.AddressBitcoinSegwit, 2)
			coins := []coin{newCoin(own, 50_000, 1), newCoin(other, 30_000, 2), newCoin(own, 20_000, 3)}
			raw := encode(t, newPSBT(t, coins, wire.NewTxOut(60_000, other.script), wire.NewTxOut(39_000, own.script)))
			signed, err := own.sign(t, raw)
			if err != nil {
				t.Fatal(err)
			}
			half, err := bitcoin.Finalize(signed)
			if err != nil || half.Transaction != nil {
				t.Fatalf("finished with a signature missing: %x, %v", half.Transaction, err)
			}
			both, err := other.sign(t, signed)
			if err != nil {
				t.Fatal(err)
			}
			final, err := bitcoin.Finalize(both)
			if err != nil || final.Transaction == nil {
				t.Fatalf("not final: %v", err)
			}
			if err := execute(t, final.Transaction, coins); err != nil {
				t.Errorf("the engine refuses: %v", err)
			}
			// The foreign signature may come first, and inputs may be final already.
			first, err := other.sign(t, raw)
			if err != nil {
				t.Fatal(err)
			}
			started, err := bitcoin.Finalize(first)
			if err != nil {
				t.Fatal(err)
			}
			second, err := own.sign(t, started.PSBT)
			if err != nil {
				t.Fatal(err)
			}
			again, err := bitcoin.Finalize(second)
			if err != nil || !bytes.Equal(again.Transaction, final.Transaction) {
				t.Errorf("another order gives another transaction: %x, %v", again.Transaction, err)
			}
			if _, err := own.sign(t, final.PSBT); err == nil {
				t.Error("a final PSBT is signed again")
			}
		})
	}
}

func TestEffects(t *testing.T) {
	own, other := newParty(t, api.AddressBitcoinTaproot, 1), newParty(t, api.AddressBitcoinNestedSegwit, 2)
	raw := encode(t, newPSBT(t, []coin{newCoin(own, 50_000, 1), newCoin(own, 50_000, 2)},
		wire.NewTxOut(60_000, other.script), wire.NewTxOut(39_000, own.script)))
	effects := func(raw []byte) chain.Effects {
		s, err := bitcoin.ParseSpend(own.format, raw)
		if err != nil {
			t.Fatal(err)
		}
		return s.Effects(own.key.Public())
	}
	from, to := script.Address(own.script), script.Address(other.script)
	pays := func(from, to string, n int64) chain.Transfer {
		return chain.Transfer{Asset: "BTC", From: from, To: to, Amount: big.NewInt(n)}
	}
	check := func(name string, got, want chain.Effects) {
		t.Helper()
		if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b *big.Int) bool {
			return a == b || a != nil && b != nil && a.Cmp(b) == 0
		})); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	// 10 + 2·41 + 32 + 43 bytes are 167 bases of 4, and the witnesses 2·66 + 2: 802 units, 200.5 virtual bytes.
	check("change", effects(raw), chain.Effects{
		FeeMax: big.NewInt(1000), FeeRate: big.NewInt(4988), Transfers: []chain.Transfer{pays(from, to, 60_000)},
	})
	mixed := encode(t, newPSBT(t, []coin{newCoin(own, 50_000, 1), newCoin(other, 50_000, 2)},
		wire.NewTxOut(60_000, other.script), wire.NewTxOut(39_000, own.script)))
	got := effects(mixed)
	got.FeeRate = nil
	check("foreign input", got, chain.Effects{
		FeeMax: big.NewInt(1000), Unknown: true, Transfers: []chain.Transfer{pays("", to, 60_000)},
	})
	data := encode(t, newPSBT(t, []coin{newCoin(own, 50_000, 1)},
		wire.NewTxOut(0, []byte{0x6a, 1, 7}), wire.NewTxOut(9, []byte{0x6a}), wire.NewTxOut(10, []byte{0x51})))
	got = effects(data)
	got.FeeRate = nil
	check("data", got, chain.Effects{
		FeeMax: big.NewInt(49_981), Unknown: true, Programs: []string{"OP_RETURN"},
		Transfers: []chain.Transfer{pays(from, "", 9), pays(from, "", 10)},
	})
	check("nothing of ours", effects(encode(t, newPSBT(t, []coin{newCoin(other, 50_000, 1)}, wire.NewTxOut(1, own.script)))),
		chain.Effects{Unknown: true})
}
