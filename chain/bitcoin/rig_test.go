package bitcoin_test

import (
	"bytes"
	"testing"

	"github.com/btcsuite/btcd/btcutil/psbt"
	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain"
	"github.com/redoubt-kms/redoubt/chain/bitcoin"
	"github.com/redoubt-kms/redoubt/chain/bitcoin/script"
	"github.com/redoubt-kms/redoubt/internal/curve"
)

// party is an account with its key.
type party struct {
	format api.AddressFormat
	key    curve.PrivateKey
	script []byte
}

func newParty(t testing.TB, format api.AddressFormat, secret byte) party {
	t.Helper()
	key, err := curve.New(api.CurveSecp256k1, bytes.Repeat([]byte{secret}, 32))
	if err != nil {
		t.Fatal(err)
	}
	out, err := script.Output(format, key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return party{format, key, out}
}

func formats() []api.AddressFormat {
	return []api.AddressFormat{api.AddressBitcoinSegwit, api.AddressBitcoinNestedSegwit, api.AddressBitcoinTaproot}
}

// sign has a party sign what is its own of a PSBT, as the signer does.
func (p party) sign(t testing.TB, raw []byte) ([]byte, error) {
	t.Helper()
	spend, err := bitcoin.ParseSpend(p.format, raw)
	if err != nil {
		t.Fatal(err)
	}
	return p.attach(t, spend)
}

func (p party) attach(t testing.TB, bundle chain.Bundle) ([]byte, error) {
	t.Helper()
	digests, err := bundle.Digests(p.key.Public())
	if err != nil {
		return nil, err
	}
	return bundle.AttachAll(p.key.Public(), p.signatures(t, digests))
}

func (p party) signatures(t testing.TB, digests [][]byte) [][]byte {
	t.Helper()
	key := p.key
	if p.format == api.AddressBitcoinTaproot {
		var err error
		if key, err = curve.Taproot(p.key); err != nil {
			t.Fatal(err)
		}
	}
	var all [][]byte
	for _, d := range digests {
		s, err := key.Sign(d)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	return all
}

// coin is an output with the transaction that made it.
type coin struct {
	owner party
	value int64
	from  *wire.MsgTx
	index uint32
}

// newCoin pays a party in a transaction of its own.
func newCoin(owner party, value int64, salt byte) coin {
	tx := wire.NewMsgTx(2)
	tx.AddTxIn(wire.NewTxIn(&wire.OutPoint{Hash: chainhash.Hash{salt, 1}}, []byte{0x51}, nil))
	tx.AddTxOut(wire.NewTxOut(77, []byte{0x51}))
	tx.AddTxOut(wire.NewTxOut(value, owner.script))
	return coin{owner, value, tx, 1}
}

func (c coin) output() *wire.TxOut { return c.from.TxOut[c.index] }

// newPSBT makes a PSBT with btcd's library, which tells of every coin all that it can.
func newPSBT(t testing.TB, coins []coin, outputs ...*wire.TxOut) *psbt.Packet {
	t.Helper()
	tx := wire.NewMsgTx(2)
	for _, c := range coins {
		tx.AddTxIn(wire.NewTxIn(&wire.OutPoint{Hash: c.from.TxHash(), Index: c.index}, nil, nil))
	}
	for _, out := range outputs {
		tx.AddTxOut(out)
	}
	p, err := psbt.NewFromUnsignedTx(tx)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range coins {
		p.Inputs[i].NonWitnessUtxo = c.from
		p.Inputs[i].WitnessUtxo = c.output()
	}
	return p
}

func encode(t testing.TB, p *psbt.Packet) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := p.Serialize(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// execute runs the scripts of a final transaction with btcd's engine.
func execute(t testing.TB, raw []byte, coins []coin) error {
	t.Helper()
	tx := wire.NewMsgTx(2)
	if err := tx.Deserialize(bytes.NewReader(raw)); err != nil {
		t.Fatal(err)
	}
	outs := map[wire.OutPoint]*wire.TxOut{}
	for i, c := range coins {
		outs[tx.TxIn[i].PreviousOutPoint] = c.output()
	}
	fetcher := txscript.NewMultiPrevOutFetcher(outs)
	hashes := txscript.NewTxSigHashes(tx, fetcher)
	for i, c := range coins {
		engine, err := txscript.NewEngine(c.output().PkScript, tx, i, txscript.StandardVerifyFlags, nil, hashes, c.value, fetcher)
		if err != nil {
			return err
		}
		if err := engine.Execute(); err != nil {
			return err
		}
	}
	return nil
}
