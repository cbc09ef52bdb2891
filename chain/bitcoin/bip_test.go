package bitcoin

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain/bitcoin/script"
	"github.com/redoubt-kms/redoubt/internal/curve"
	"github.com/redoubt-kms/redoubt/internal/vectors"
)

func fromHex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func mustTx(t testing.TB, s string) *rawTx {
	t.Helper()
	tx, err := readTx(newReader(fromHex(t, s)), true)
	if err != nil {
		t.Fatal(err)
	}
	return tx
}

// TestBIP143 holds the digests of the BIP's examples for P2WPKH and P2WPKH in P2SH.
func TestBIP143(t *testing.T) {
	for _, v := range []struct {
		tx     string
		input  int
		amount uint64
		key    string
		format api.AddressFormat
		want   string
	}{
		{
			"0100000002fff7f7881a8099afa6940d42d1e7f6362bec38171ea3edf433541db4e4ad969f0000000000eeffffffef51e1b804cc89d182d279655c3aa89e815b1b309fe287d9b2b55d57b90ec68a0100000000ffffffff02202cb206000000001976a9148280b37df378db99f66f85c95a783a76ac7a6d5988ac9093510d000000001976a9143bde42dbee7e4dbe6a21b2d50ce2f0167faa815988ac11000000",
			1, 600_000_000, "025476c2e83188368da1ff3e292e7acafcdb3566bb0ad253f62fc70f07aeee6357", api.AddressBitcoinSegwit,
			"c37af31116d1b27caf68aae9e3ac82f1477929014d5b917657d0eb49478cb670",
		},
		{
			"0100000001db6b1b20aa0fd7b23880be2ecbd4a98130974cf4748fb66092ac4d3ceb1a54770100000000feffffff02b8b4eb0b000000001976a914a457b684d7f0d539a46a45bbc043f35b59d0d96388ac0008af2f000000001976a914fd270b1ee6abcaea97fea7ad0402e8bd8ad6d77c88ac92040000",
			0, 1_000_000_000, "03ad1d8e89212f0b92c74d23bb710c00662ad1470198ac48c43f7d6f93a2a26873", api.AddressBitcoinNestedSegwit,
			"64f3b0f4dd2bb3aa1ce8566d220cc74dda9df97d8490cc81d89d735c92e59fb6",
		},
	} {
		tx := mustTx(t, v.tx)
		spent := make([]Output, len(tx.inputs))
		spent[v.input].Value = v.amount
		got := newDigester(tx, spent).digest(v.input, v.format, fromHex(t, v.key), sighashAll)
		if hex.EncodeToString(got) != v.want {
			t.Errorf("%s: %x, want %s", v.format, got, v.want)
		}
	}
}

// bip341 is the part of the wallet vectors that is about keys alone.
type bip341 struct {
	ScriptPubKey []struct {
		Given        struct{ InternalPubkey string }
		Intermediary struct{ MerkleRoot *string }
		Expected     struct{ ScriptPubKey, BIP350Address string }
	}
	KeyPathSpending []struct {
		Given struct {
			RawUnsignedTx string
			UTXOsSpent    []struct {
				ScriptPubKey string
				AmountSats   uint64
			}
		}
		Intermediary  struct{ HashAmounts, HashOutputs, HashPrevouts, HashScriptPubkeys, HashSequences string }
		InputSpending []struct {
			Given struct {
				TxinIndex       int
				InternalPrivkey string
				MerkleRoot      *string
				HashType        byte
			}
			Intermediary struct{ SigMsg, SigHash, Tweak, TweakedPrivkey string }
			Expected     struct{ Witness []string }
		}
	}
}

// TestBIP341 runs the wallet vectors: the outputs without scripts, what all inputs have in common, and the digests under
// the hash types that are signed.
func TestBIP341(t *testing.T) {
	var v bip341
	vectors.ReadJSON(t, &v, "bips", "bip-0341.json")
	outputs := 0
	for _, c := range v.ScriptPubKey {
		key := append([]byte{2}, fromHex(t, c.Given.InternalPubkey)...)
		got, err := script.Output(api.AddressBitcoinTaproot, key)
		if err != nil {
			t.Fatal(err)
		}
		same := hex.EncodeToString(got) == c.Expected.ScriptPubKey && script.Address(got) == c.Expected.BIP350Address
		if same != (c.Intermediary.MerkleRoot == nil) {
			t.Errorf("%x: %x, want %s", key, got, c.Expected.ScriptPubKey)
		}
		if address := script.Address(fromHex(t, c.Expected.ScriptPubKey)); address != c.Expected.BIP350Address {
			t.Errorf("%s, want %s", address, c.Expected.BIP350Address)
		}
		outputs++
	}
	signed := 0
	for _, c := range v.KeyPathSpending {
		tx := mustTx(t, c.Given.RawUnsignedTx)
		var spent []Output
		for _, u := range c.Given.UTXOsSpent {
			spent = append(spent, Output{u.AmountSats, fromHex(t, u.ScriptPubKey)})
		}
		d := newDigester(tx, spent)
		for got, want := range map[[32]byte]string{
			d.amounts: c.Intermediary.HashAmounts, d.outputs: c.Intermediary.HashOutputs, d.prevouts: c.Intermediary.HashPrevouts,
			d.scripts: c.Intermediary.HashScriptPubkeys, d.sequences: c.Intermediary.HashSequences,
		} {
			if hex.EncodeToString(got[:]) != want {
				t.Errorf("%x, want %s", got, want)
			}
		}
		for _, in := range c.InputSpending {
			if allowSighash(api.AddressBitcoinTaproot, uint32(in.Given.HashType)) != nil {
				continue // another hash type, which nobody here signs
			}
			pre := d.taprootPreimage(in.Given.TxinIndex, in.Given.HashType)
			if !isTaprootPreimage(pre) {
				t.Error("not recognised")
			}
			digest := script.TaggedHash("TapSighash", pre)
			if hex.EncodeToString(pre) != in.Intermediary.SigMsg || hex.EncodeToString(digest[:]) != in.Intermediary.SigHash {
				t.Errorf("input %d: %x, want %s", in.Given.TxinIndex, pre, in.Intermediary.SigMsg)
			}
			signed++
			witness := fromHex(t, in.Expected.Witness[0])
			own, err := curve.New(api.CurveSecp256k1, fromHex(t, in.Given.InternalPrivkey))
			if err != nil {
				t.Fatal(err)
			}
			key, err := curve.Taproot(own)
			if err != nil {
				t.Fatal(err)
			}
			// The key verifies the vector's signature exactly if the output commits to no script.
			if curve.VerifySchnorr(key.Public(), digest[:], witness[:64]) != (in.Given.MerkleRoot == nil) {
				t.Errorf("input %d: the key with the tweak is another", in.Given.TxinIndex)
			}
		}
	}
	if outputs != 7 || signed != 2 {
		t.Errorf("%d outputs and %d digests; want 7 and 2", outputs, signed)
	}
}

// bip322 holds the proofs of the BIP.
type bip322 struct {
	TxHashes []struct {
		Message, Address string
		MessageHash      string `json:"message_hash"`
		ToSpendTxHash    string `json:"to_spend_tx_hash"`
		ToSignTxHash     string `json:"to_sign_tx_hash"`
	} `json:"tx_hashes"`
}

// TestBIP322Hashes: the transactions behind a message have the names that the BIP gives.
func TestBIP322Hashes(t *testing.T) {
	var v bip322
	vectors.ReadJSON(t, &v, "bips", "bip-0322", "basic-test-vectors.json")
	// The key of all three, bc1q9vza2e8x573nczrlzms0wvx3gsqjx7vavgkx0l.
	key := fromHex(t, "02c7f12003196442943d8588e01aee840423cc54fc1521526a3b85c2b0cbd58872")
	for _, c := range v.TxHashes {
		m, err := NewMessage(api.AddressBitcoinSegwit, []byte(c.Message))
		if err != nil {
			t.Fatal(err)
		}
		own, err := script.Output(api.AddressBitcoinSegwit, key)
		if err != nil || script.Address(own) != c.Address {
			t.Fatalf("%s, %v", script.Address(own), err)
		}
		spend, sign := m.toSpend(own), m.toSign(own)
		if !bytes.Equal(spend.inputs[0].script[2:], fromHex(t, c.MessageHash)) || spend.id().String() != c.ToSpendTxHash ||
			sign.id().String() != c.ToSignTxHash {
			t.Errorf("%q: %s and %s", c.Message, spend.id(), sign.id())
		}
	}
	if len(v.TxHashes) != 3 {
		t.Errorf("%d messages, want 3", len(v.TxHashes))
	}
}
