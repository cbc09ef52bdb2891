package language_test

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/btcutil/psbt"
	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/wire"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain"
	"github.com/redoubt-kms/redoubt/chain/bitcoin"
	"github.com/redoubt-kms/redoubt/chain/bitcoin/script"
	"github.com/redoubt-kms/redoubt/chain/solana"
	"github.com/redoubt-kms/redoubt/chain/sui"
	"github.com/redoubt-kms/redoubt/internal/rule/fact"
)

// solanaPayload advances a nonce, sets a limit and a price of compute units, moves SOL and a token out of a table.
func solanaPayload(t testing.TB) chain.Payload {
	t.Helper()
	program := func(text string) []byte {
		k, err := solana.ParseKey(text)
		if err != nil {
			t.Fatal(err)
		}
		return k[:]
	}
	key := func(n byte) []byte { return bytes.Repeat([]byte{n}, 32) }
	u64 := func(n uint64) []byte { return binary.LittleEndian.AppendUint64(nil, n) }
	call := func(index byte, accounts []byte, data ...[]byte) []byte {
		all := slices.Concat(data...)
		return slices.Concat([]byte{index, byte(len(accounts))}, accounts, []byte{byte(len(all))}, all)
	}
	raw := slices.Concat(
		[]byte{0x80, 1, 0, 3, 6}, key(1), key(2), key(3), make([]byte, 32),
		program("ComputeBudget111111111111111111111111111111"), program("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"),
		key(9), []byte{5},
		call(3, []byte{1, 2, 0}, []byte{4, 0, 0, 0}),
		call(4, nil, []byte{2, 0x10, 0x27, 0, 0}),
		call(4, nil, []byte{3}, u64(3_000_000)),
		call(3, []byte{0, 2}, []byte{2, 0, 0, 0}, u64(7)),
		call(5, []byte{6, 2, 1, 0}, []byte{12}, u64(8), []byte{6}),
		[]byte{1}, key(4), []byte{1, 5, 0},
	)
	tx, err := solana.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return tx
}

// bitcoinPayload spends 9,000 satoshis for 5,000 to somebody and 3,000 back.
func bitcoinPayload(t testing.TB) chain.Payload {
	t.Helper()
	ours, err := script.Output(api.AddressBitcoinSegwit, own())
	if err != nil {
		t.Fatal(err)
	}
	from := wire.NewMsgTx(2)
	from.AddTxIn(wire.NewTxIn(&wire.OutPoint{Hash: chainhash.Hash{7}}, []byte{0x51}, nil))
	from.AddTxOut(wire.NewTxOut(9_000, ours))
	tx := wire.NewMsgTx(2)
	tx.LockTime = 840_000
	id := from.TxHash()
	tx.AddTxIn(wire.NewTxIn(&wire.OutPoint{Hash: id}, nil, nil))
	tx.TxIn[0].Sequence = 5
	tx.AddTxOut(wire.NewTxOut(5_000, script.Program(1, bytes.Repeat([]byte{3}, 32))))
	tx.AddTxOut(wire.NewTxOut(3_000, ours))
	p, err := psbt.NewFromUnsignedTx(tx)
	if err != nil {
		t.Fatal(err)
	}
	p.Inputs[0].NonWitnessUtxo = from
	var raw bytes.Buffer
	if err := p.Serialize(&raw); err != nil {
		t.Fatal(err)
	}
	spend, err := bitcoin.ParseSpend(api.AddressBitcoinSegwit, raw.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return spend
}

// suiPayload splits 5 MIST from the gas coin, which a sponsor pays for, gives them away and calls a function.
func suiPayload(t testing.TB) chain.Payload {
	t.Helper()
	return suiPaidBy(t, bytes.Repeat([]byte{3}, 32))
}

func suiPaidBy(t testing.TB, sponsor []byte) chain.Payload {
	t.Helper()
	key := func(n byte) []byte { return bytes.Repeat([]byte{n}, 32) }
	u64 := func(n uint64) []byte { return binary.LittleEndian.AppendUint64(nil, n) }
	text := func(s string) []byte { return append([]byte{byte(len(s))}, s...) }
	raw := slices.Concat(
		[]byte{0, 0, 2, 0, 8}, u64(5), []byte{0, 32}, key(1),
		[]byte{3, 2, 0, 1, 1, 0, 0, 1, 1, 2, 0, 0, 1, 1, 0, 0}, key(9), text("pool"), text("swap"), []byte{0, 0},
		key(2), []byte{1}, key(4), u64(1), []byte{32}, key(5), sponsor, u64(1000), u64(2_000_000), []byte{0},
	)
	tx, err := sui.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return tx
}

// Every field that a chain's transactions have is read from a real one, and has the right value.
func TestChainFields(t *testing.T) {
	key := func(n byte) string { return solana.Key(bytes.Repeat([]byte{n}, 32)).String() }
	hex := func(digits string) string { return "'0x" + strings.Repeat(digits, 32) + "'" }
	for chainID, c := range map[chain.ID]struct {
		payload     chain.Payload
		publicKey   []byte
		structures  []string
		expressions []string
	}{
		chain.Solana: {solanaPayload(t), bytes.Repeat([]byte{1}, 32), []string{"SolanaTx", "Instruction", "Account"}, []string{
			"tx.solana.feePayer == '" + key(1) + "'",
			"tx.solana.accounts.size() == 6 && tx.solana.accounts[1] == '" + key(2) + "'",
			"tx.solana.signers == ['" + key(1) + "']",
			"tx.solana.usesLookupTables && tx.solana.usesDurableNonce",
			"tx.solana.computeUnitLimit == 10000 && tx.solana.computeUnitPrice == 3000000 && tx.solana.priorityFee == 30000",
			"tx.solana.instructions.map(i, i.name) == ['system.advanceNonceAccount', 'computeBudget.setComputeUnitLimit', " +
				"'computeBudget.setComputeUnitPrice', 'system.transfer', 'token.transferChecked']",
			"tx.solana.instructions[3].args.lamports == 7 && tx.solana.instructions[3].args.to == '" + key(3) + "'",
			"tx.solana.instructions[4].args.amount == 8 && tx.solana.instructions[4].args.source == ''",
			"tx.solana.instructions[4].program == 'TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA'",
			"tx.solana.instructions[4].accounts[0].lookedUp && tx.solana.instructions[4].accounts[0].address == ''",
			"tx.solana.instructions[4].accounts.exists(a, a.signer && a.writable && a.address == tx.solana.feePayer)",
			"tx.solana.instructions[1].data == b'\\x02\\x10\\x27\\x00\\x00'",
		}},
		chain.Bitcoin: {bitcoinPayload(t), own(), []string{"BitcoinTx", "Input", "Output"}, []string{
			"tx.bitcoin.fee == 1000 && tx.bitcoin.feeRate > 1000 && tx.bitcoin.lockTime == 840000",
			"tx.bitcoin.inputs.size() == 1 && tx.bitcoin.inputs[0].vout == 0 && tx.bitcoin.inputs[0].value == 9000",
			"tx.bitcoin.inputs.all(i, i.own && i.signs && i.sighash == 'ALL' && i.sequence == 5)",
			"tx.bitcoin.inputs[0].txId == '" + parent(t) + "'",
			"tx.bitcoin.inputs[0].address == 'bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4' && tx.bitcoin.outputs[1].address == tx.bitcoin.inputs[0].address",
			"tx.bitcoin.outputs.map(o, o.type) == ['p2tr', 'p2wpkh'] && tx.bitcoin.outputs[1].own && !tx.bitcoin.outputs[0].own",
			"tx.bitcoin.outputs[0].value == 5000",
		}},
		chain.Sui: {suiPayload(t), bytes.Repeat([]byte{1}, 32), []string{"SuiTx", "Command"}, []string{
			"tx.sui.sender == " + hex("02") + " && tx.sui.gasOwner == " + hex("03") + " && tx.sui.gasBudget == 2000000",
			"tx.sui.commands.map(c, c.kind) == ['SplitCoins', 'TransferObjects', 'MoveCall']",
			"tx.sui.commands[2].package == " + hex("09") + " && tx.sui.commands[2].module == 'pool' && tx.sui.commands[2].function == 'swap'",
		}},
	} {
		f := facts(c.payload, c.publicKey)
		for _, expression := range c.expressions {
			if v := compile(t, allow(expression)).Evaluate(f); !v.Allowed() {
				t.Errorf("%s: %+v", expression, v)
			}
		}
		if v := compile(t, allow("tx.chain == '"+string(chainID)+"' && has(tx."+string(chainID)+")")).Evaluate(f); !v.Allowed() {
			t.Errorf("%s: %+v", chainID, v)
		}
		all := strings.Join(c.expressions, "\n")
		for _, structure := range c.structures {
			names, ok := fact.Provider().FindStructFieldNames(structure)
			if !ok {
				t.Errorf("no structure %s", structure)
			}
			for _, name := range names {
				if !strings.Contains(all, "."+name) {
					t.Errorf("%s.%s is not read here", structure, name)
				}
			}
		}
	}
}

// parent is the identifier of the transaction that bitcoinPayload spends, as btcd writes it.
func parent(t *testing.T) string {
	t.Helper()
	spend, ok := bitcoinPayload(t).(*bitcoin.Spend)
	if !ok {
		t.Fatal("not a PSBT")
	}
	return chainhash.Hash(spend.PSBT().Inputs()[0].Hash).String()
}
