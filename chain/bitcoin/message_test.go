package bitcoin_test

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/btcutil"
	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/wire"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain/bitcoin"
	"github.com/redoubt-kms/redoubt/chain/bitcoin/script"
	"github.com/redoubt-kms/redoubt/internal/curve"
	"github.com/redoubt-kms/redoubt/internal/vectors"
)

// TestBIP322 makes the proofs of the BIP again: byte by byte where signatures are deterministic in the same way, and for
// taproot by having the engine run ours and theirs.
func TestBIP322(t *testing.T) {
	done := map[string]int{}
	for _, file := range []string{"basic-test-vectors.json", "generated-test-vectors.json"} {
		var v struct {
			Simple []struct {
				Message, Address, Type string
				PrivateKeys            []string `json:"private_keys"`
				Signatures             []string `json:"bip322_signatures"`
			}
		}
		vectors.ReadJSON(t, &v, "bips", "bip-0322", file)
		for _, c := range v.Simple {
			format, ok := map[string]api.AddressFormat{"p2wpkh": api.AddressBitcoinSegwit, "p2tr": api.AddressBitcoinTaproot}[c.Type]
			if !ok {
				done["of several keys"]++
				continue
			}
			own := partyOf(t, format, c.PrivateKeys[0])
			if script.Address(own.script) != c.Address {
				t.Fatalf("%s, want %s", script.Address(own.script), c.Address)
			}
			m, err := bitcoin.NewMessage(format, []byte(c.Message))
			if err != nil {
				t.Fatal(err)
			}
			got, err := own.attach(t, m)
			if err != nil {
				t.Fatal(err)
			}
			if text := "smp" + base64.StdEncoding.EncodeToString(got); format == api.AddressBitcoinSegwit && !slices.Contains(c.Signatures, text) {
				t.Errorf("%q: %s, want %s", c.Message, text, c.Signatures)
			}
			theirs, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(c.Signatures[0], "smp"))
			if err != nil {
				t.Fatal(err)
			}
			for _, proof := range [][]byte{got, theirs} {
				if err := runProof(t, own, c.Message, proof); err != nil {
					t.Errorf("%q: %v", c.Message, err)
				}
				if runProof(t, own, c.Message+".", proof) == nil {
					t.Errorf("%q: the proof holds for another message", c.Message)
				}
			}
			done[c.Type]++
		}
	}
	if done["p2wpkh"] != 3 || done["p2tr"] != 2 || done["of several keys"] != 3 {
		t.Errorf("%v; want 3, 2 and 3", done)
	}
}

// TestFullProof: an output in P2SH needs an input script as well, so its proof is a whole transaction.
func TestFullProof(t *testing.T) {
	own := newParty(t, api.AddressBitcoinNestedSegwit, 9)
	m, err := bitcoin.NewMessage(own.format, []byte("full"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := own.attach(t, m)
	if err != nil {
		t.Fatal(err)
	}
	if err := execute(t, got, []coin{{owner: own, from: toSpend(own, "full")}}); err != nil {
		t.Error(err)
	}
	tx := wire.NewMsgTx(0)
	if err := tx.Deserialize(bytes.NewReader(got)); err != nil || tx.TxIn[0].PreviousOutPoint.Hash != toSpend(own, "full").TxHash() {
		t.Errorf("it spends %v, %v", tx.TxIn[0].PreviousOutPoint, err)
	}
}

// toSpend is the first transaction of BIP-322, by btcd's library.
func toSpend(own party, message string) *wire.MsgTx {
	hash := chainhash.TaggedHash([]byte("BIP0322-signed-message"), []byte(message))
	tx := wire.NewMsgTx(0)
	in := wire.NewTxIn(&wire.OutPoint{Index: 0xffffffff}, append([]byte{0, 32}, hash[:]...), nil)
	in.Sequence = 0
	tx.AddTxIn(in)
	tx.AddTxOut(wire.NewTxOut(0, own.script))
	return tx
}

// runProof has the engine run a proof of the variant simple.
func runProof(t *testing.T, own party, message string, proof []byte) error {
	t.Helper()
	from := toSpend(own, message)
	tx := wire.NewMsgTx(0)
	in := wire.NewTxIn(&wire.OutPoint{Hash: from.TxHash()}, nil, readWitness(t, proof))
	in.Sequence = 0
	tx.AddTxIn(in)
	tx.AddTxOut(wire.NewTxOut(0, []byte{0x6a}))
	var b bytes.Buffer
	if err := tx.Serialize(&b); err != nil {
		t.Fatal(err)
	}
	return execute(t, b.Bytes(), []coin{{owner: own, from: from}})
}

func readWitness(t *testing.T, b []byte) wire.TxWitness {
	t.Helper()
	r := bytes.NewReader(b)
	n, err := wire.ReadVarInt(r, 0)
	if err != nil {
		t.Fatal(err)
	}
	var items wire.TxWitness
	for range n {
		item, err := wire.ReadVarBytes(r, 0, 1000, "item")
		if err != nil {
			t.Fatal(err)
		}
		items = append(items, item)
	}
	return items
}

// partyOf is an account by its key in WIF.
func partyOf(t *testing.T, format api.AddressFormat, text string) party {
	t.Helper()
	wif, err := btcutil.DecodeWIF(text)
	if err != nil {
		t.Fatal(err)
	}
	key, err := curve.New(api.CurveSecp256k1, wif.PrivKey.Serialize())
	if err != nil {
		t.Fatal(err)
	}
	out, err := script.Output(format, key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return party{format, key, out}
}
