package bitcoin_test

import (
	"errors"
	"testing"

	"github.com/btcsuite/btcd/btcutil/psbt"
	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"
	"github.com/google/go-cmp/cmp"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain/bitcoin"
	"github.com/redoubt-kms/redoubt/chain/bitcoin/script"
)

func parts(t *testing.T, p party, raw []byte) (bitcoin.Parts, error) {
	t.Helper()
	s, err := bitcoin.ParseSpend(p.format, raw)
	if err != nil {
		t.Fatal(err)
	}
	return s.Parts(p.key.Public())
}

func TestParts(t *testing.T) {
	own, other := newParty(t, api.AddressBitcoinTaproot, 1), newParty(t, api.AddressBitcoinNestedSegwit, 2)
	coins := []coin{newCoin(own, 50_000, 1), newCoin(other, 30_000, 2), newCoin(own, 7_000, 3)}
	packet := newPSBT(t, coins,
		wire.NewTxOut(60_000, other.script), wire.NewTxOut(25_000, own.script), wire.NewTxOut(0, []byte{0x6a, 1, 7}))
	packet.UnsignedTx.LockTime = 840_000
	packet.UnsignedTx.TxIn[0].Sequence = 5
	packet.Inputs[2].SighashType = txscript.SigHashAll
	got, err := parts(t, own, encode(t, packet))
	if err != nil {
		t.Fatal(err)
	}
	from, to := script.Address(own.script), script.Address(other.script)
	ids := make([]string, len(coins))
	for i := range coins {
		ids[i] = coins[i].from.TxHash().String() // btcd writes identifiers as explorers do
		if id := got.Inputs[i].Hash.String(); id != ids[i] {
			t.Errorf("input %d spends %s, want %s", i, id, ids[i])
		}
		got.Inputs[i].Hash = bitcoin.Hash{}
	}
	at := bitcoin.Outpoint{Index: 1}
	want := bitcoin.Parts{
		Inputs: []bitcoin.InputPart{
			{Outpoint: at, Value: 50_000, Address: from, Own: true, Signs: true, Sighash: "DEFAULT", Sequence: 5},
			{Outpoint: at, Value: 30_000, Address: to, Sequence: 0xffffffff},
			{Outpoint: at, Value: 7_000, Address: from, Own: true, Signs: true, Sighash: "ALL", Sequence: 0xffffffff},
		},
		Outputs: []bitcoin.OutputPart{
			{Value: 60_000, Address: to, Type: "p2sh"},
			{Value: 25_000, Address: from, Own: true, Type: "p2tr"},
			{Type: "data"},
		},
		Fee: 2_000, FeeRate: got.FeeRate, LockTime: 840_000,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	s, err := bitcoin.ParseSpend(own.format, encode(t, packet))
	if err != nil {
		t.Fatal(err)
	}
	if rate := s.Effects(own.key.Public()).FeeRate; got.FeeRate == 0 || rate.Uint64() != got.FeeRate {
		t.Errorf("a fee rate of %d, effects say %s", got.FeeRate, rate)
	}
}

// A finished input is the account's, but not one that it signs.
func TestPartsFinal(t *testing.T) {
	own := newParty(t, api.AddressBitcoinSegwit, 1)
	packet := newPSBT(t, []coin{newCoin(own, 9_000, 1), newCoin(own, 9_000, 2)}, wire.NewTxOut(17_000, own.script))
	packet.Inputs[0] = psbt.PInput{NonWitnessUtxo: packet.Inputs[0].NonWitnessUtxo, FinalScriptWitness: []byte{1, 1, 7}}
	got, err := parts(t, own, encode(t, packet))
	if err != nil {
		t.Fatal(err)
	}
	if in := got.Inputs[0]; !in.Own || in.Signs || in.Sighash != "" {
		t.Errorf("a final input: %+v", in)
	}
	if in := got.Inputs[1]; !in.Own || !in.Signs || in.Sighash != "ALL" {
		t.Errorf("an open input: %+v", in)
	}
}

func TestPartsOutputTypes(t *testing.T) {
	own := newParty(t, api.AddressBitcoinSegwit, 1)
	hash20, hash32 := make([]byte, 20), make([]byte, 32)
	scripts := map[string][]byte{
		"p2pkh": script.PayKeyHash(hash20), "p2sh": append(append([]byte{0xa9, 20}, hash20...), 0x87),
		"p2wpkh": script.Program(0, hash20), "p2wsh": script.Program(0, hash32), "p2tr": script.Program(1, hash32),
		"witness": script.Program(2, hash32), "data": {0x6a}, "other": {0x51},
	}
	for want, s := range scripts {
		got, err := parts(t, own, encode(t, newPSBT(t, []coin{newCoin(own, 9_000, 1)}, wire.NewTxOut(1_000, s))))
		if err != nil {
			t.Fatal(err)
		}
		if out := got.Outputs[0]; out.Type != want || out.Address != script.Address(s) {
			t.Errorf("%s: %+v", want, out)
		}
	}
}

func TestPartsRefused(t *testing.T) {
	own, other := newParty(t, api.AddressBitcoinSegwit, 1), newParty(t, api.AddressBitcoinSegwit, 2)
	raw := encode(t, newPSBT(t, []coin{newCoin(other, 9_000, 1)}, wire.NewTxOut(1_000, own.script)))
	if got, err := parts(t, own, raw); !errors.Is(err, bitcoin.ErrSpend) || got.Inputs != nil {
		t.Errorf("nothing to sign: %+v, %v", got, err)
	}
}
