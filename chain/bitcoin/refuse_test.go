package bitcoin_test

import (
	"errors"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/btcutil/psbt"
	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain/bitcoin"
)

// rounds is how often a random test is repeated.
func rounds(short, full int) int {
	if os.Getenv("REDOUBT_ACCEPTANCE") == "full" {
		return full
	}
	return short
}

// two is a PSBT with two inputs of an account and one output of a stranger.
func two(t testing.TB, own party) *psbt.Packet {
	t.Helper()
	other := newParty(t, api.AddressBitcoinSegwit, 2)
	return newPSBT(t, []coin{newCoin(own, 50_000, 1), newCoin(own, 50_000, 2)}, wire.NewTxOut(99_000, other.script))
}

// TestRefusals names each reason not to sign; a PSBT with none of them is signed.
func TestRefusals(t *testing.T) {
	v0 := []api.AddressFormat{api.AddressBitcoinSegwit, api.AddressBitcoinNestedSegwit}
	taproot := []api.AddressFormat{api.AddressBitcoinTaproot}
	for _, c := range []struct {
		name    string
		formats []api.AddressFormat
		spoil   func(p *psbt.Packet, own party)
		why     string
	}{
		{"only the amount's word", v0, func(p *psbt.Packet, _ party) { p.Inputs[1].NonWitnessUtxo = nil }, "proves its amount"},
		{"nothing", formats(), func(p *psbt.Packet, _ party) {
			p.Inputs[0].NonWitnessUtxo, p.Inputs[0].WitnessUtxo = nil, nil
		}, "does not say what it spends"},
		{"another transaction", formats(), func(p *psbt.Packet, own party) {
			p.Inputs[0].NonWitnessUtxo = newCoin(own, 50_000, 3).from
		}, "not the transaction that it spends"},
		{"another amount", formats(), func(p *psbt.Packet, _ party) {
			p.Inputs[0].WitnessUtxo = wire.NewTxOut(49_999, p.Inputs[0].WitnessUtxo.PkScript)
		}, "is not what its non_witness_utxo says"},
		{"another script", formats(), func(p *psbt.Packet, _ party) {
			p.Inputs[0].WitnessUtxo = wire.NewTxOut(50_000, []byte{0x51})
		}, "is not what its non_witness_utxo says"},
		{"no such output", formats(), func(p *psbt.Packet, _ party) {
			p.UnsignedTx.TxIn[0].PreviousOutPoint.Index = 2
		}, "has no output 2"},
		{"output of nobody", formats(), func(p *psbt.Packet, _ party) {
			for i := range p.Inputs {
				p.UnsignedTx.TxIn[i].PreviousOutPoint.Index = 0
				p.Inputs[i].WitnessUtxo = nil
			}
		}, "no input that is yet to be signed pays the account"},
		{"the same output twice", formats(), func(p *psbt.Packet, _ party) {
			p.UnsignedTx.TxIn[1].PreviousOutPoint = p.UnsignedTx.TxIn[0].PreviousOutPoint
			p.Inputs[1] = p.Inputs[0]
		}, "a second time"},
		{"more out than in", formats(), func(p *psbt.Packet, _ party) { p.UnsignedTx.TxOut[0].Value = 100_001 }, "worth more"},
		{"NONE", formats(), func(p *psbt.Packet, _ party) { p.Inputs[1].SighashType = txscript.SigHashNone }, "hash type 0x2"},
		{"DEFAULT before taproot", v0, func(p *psbt.Packet, _ party) {
			p.Inputs[1].Unknowns = []*psbt.Unknown{{Key: []byte{3}, Value: []byte{0, 0, 0, 0}}}
		}, "hash type 0x0"},
		{"another redeem script", formats(), func(p *psbt.Packet, _ party) { p.Inputs[0].RedeemScript = []byte{0x51} }, "redeem script"},
		{"a witness script", formats(), func(p *psbt.Packet, _ party) { p.Inputs[0].WitnessScript = []byte{0x51} }, "witness script"},
		{"a taproot tree", taproot, func(p *psbt.Packet, _ party) { p.Inputs[0].TaprootMerkleRoot = make([]byte, 32) }, "taproot scripts"},
		{"another internal key", taproot, func(p *psbt.Packet, _ party) {
			p.Inputs[0].TaprootInternalKey = make([]byte, 32)
		}, "another internal key"},
	} {
		for _, format := range c.formats {
			own := newParty(t, format, 1)
			p := two(t, own)
			if _, err := own.sign(t, encode(t, p)); err != nil {
				t.Fatalf("%s: what is not spoilt is refused: %v", format, err)
			}
			c.spoil(p, own)
			_, err := own.sign(t, encode(t, p))
			if !errors.Is(err, bitcoin.ErrSpend) || !strings.Contains(err.Error(), c.why) {
				t.Errorf("%s of %s: %v", c.name, format, err)
			}
		}
	}
}

// TestMutants makes the attacks of BIP-143's amounts, of hash types and of wrong previous transactions at random.
func TestMutants(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 1))
	attacks := map[string]func(p *psbt.Packet, own party){
		"fee attack": func(p *psbt.Packet, own party) {
			i := rng.IntN(2)
			coin := newCoin(own, 50_000-1-rng.Int64N(40_000), byte(i+1)) // the same transaction with less in it
			if rng.IntN(2) == 0 && own.format != api.AddressBitcoinTaproot {
				p.Inputs[i].NonWitnessUtxo = nil
			} else {
				p.Inputs[i].NonWitnessUtxo = coin.from
			}
			p.Inputs[i].WitnessUtxo = coin.output()
		},
		"hash type": func(p *psbt.Packet, own party) {
			for {
				n := txscript.SigHashType(rng.Uint32() >> (8 * rng.IntN(4)))
				if n != txscript.SigHashAll && n != txscript.SigHashDefault { // the library leaves 0 out
					p.Inputs[rng.IntN(2)].SighashType = n
					return
				}
			}
		},
		"previous transaction": func(p *psbt.Packet, own party) {
			i := rng.IntN(2)
			tx := p.Inputs[i].NonWitnessUtxo.Copy()
			switch rng.IntN(5) {
			case 0:
				tx.Version ^= 1 << rng.IntN(31)
			case 1:
				tx.LockTime ^= 1 << rng.IntN(32)
			case 2:
				tx.TxIn[0].Sequence ^= 1 << rng.IntN(32)
			case 3:
				tx.TxOut[0].Value = rng.Int64N(1 << 40)
			case 4:
				tx.TxIn[0].PreviousOutPoint.Hash[rng.IntN(32)] ^= 1 << rng.IntN(8)
			}
			if tx.TxHash() == p.Inputs[i].NonWitnessUtxo.TxHash() {
				tx.Version++
			}
			p.Inputs[i].NonWitnessUtxo = tx
		},
	}
	n := rounds(100, 10_000/3+1)
	refused := 0
	for name, attack := range attacks {
		for range n {
			own := newParty(t, formats()[rng.IntN(3)], 1)
			p := two(t, own)
			attack(p, own)
			if _, err := own.sign(t, encode(t, p)); err == nil {
				t.Fatalf("%s: signed", name)
			}
			refused++
		}
	}
	if refused != 3*n {
		t.Errorf("%d refused, want %d", refused, 3*n)
	}
}
