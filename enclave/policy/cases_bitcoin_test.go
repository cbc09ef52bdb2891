package policy

import (
	"bytes"
	"encoding/base64"
	"testing"

	"github.com/btcsuite/btcd/btcutil/psbt"
	"github.com/btcsuite/btcd/chaincfg/chainhash"
	wirebtc "github.com/btcsuite/btcd/wire"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain/base58"
	"github.com/redoubt-kms/redoubt/chain/bitcoin/script"
)

const bitcoinPath = "m/84'/0'/0'/0"

// bitcoinOutput is what a PSBT pays, to a script.
type bitcoinOutput struct {
	value  int64
	script []byte
}

// bitcoinCases are about where the outputs of a transaction go and what it costs.
func bitcoinCases(t *testing.T, c *casesRig) []policyCase {
	accounts := must[[]api.Account](t, c.rig, c.tenant.key, api.GetAccounts, object{"organizationId": c.id, "walletId": c.wallet, "accounts": []string{bitcoinPath}})
	key, err := base58.Decode(accounts[0].PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	own, err := script.Output(api.AddressBitcoinSegwit, key)
	if err != nil {
		t.Fatal(err)
	}
	theirs, others := script.Program(0, bytes.Repeat([]byte{3}, 20)), script.Program(0, bytes.Repeat([]byte{4}, 20))
	from := wirebtc.NewMsgTx(2)
	from.AddTxIn(wirebtc.NewTxIn(&wirebtc.OutPoint{Hash: chainhash.Hash{7}}, []byte{0x51}, nil))
	from.AddTxOut(wirebtc.NewTxOut(500_000, own))
	coin := wirebtc.OutPoint{Hash: from.TxHash()}
	spend := func(outputs ...bitcoinOutput) request {
		tx := wirebtc.NewMsgTx(2)
		tx.AddTxIn(wirebtc.NewTxIn(&coin, nil, nil))
		for _, o := range outputs {
			tx.AddTxOut(wirebtc.NewTxOut(o.value, o.script))
		}
		p, err := psbt.NewFromUnsignedTx(tx)
		if err != nil {
			t.Fatal(err)
		}
		p.Inputs[0].NonWitnessUtxo = from
		var raw bytes.Buffer
		if err := p.Serialize(&raw); err != nil {
			t.Fatal(err)
		}
		return request{api.SignTransaction, object{
			"derivationInfo": bitcoinPath, "transaction": object{"kind": "PSBT", "bytes": base64.StdEncoding.EncodeToString(raw.Bytes())},
		}}
	}
	return []policyCase{{
		name: "24 to one address and back, small, with a low fee, of one coin",
		rules: rules("ALLOW request.method == 'signTransaction' && size(tx.bitcoin.outputs) > 0 && tx.bitcoin.outputs.all(o, o.own || o.address == payee && o.value < uint256('200000')) && " +
			"tx.bitcoin.fee <= 10000 && size(tx.bitcoin.inputs) == 1 && tx.bitcoin.inputs.all(i, i.txId == coin && i.vout == 0 && i.own)"),
		constants: object{"payee": script.Address(theirs), "coin": coin.Hash.String()},
		allow:     map[string]request{"with change": spend(bitcoinOutput{190_000, theirs}, bitcoinOutput{300_000, own})},
		deny: map[string]refusal{
			"a satoshi of fee more": {spend(bitcoinOutput{190_000, theirs}, bitcoinOutput{299_999, own}), "tx.bitcoin.fee <= 10000 is false (tx.bitcoin.fee = 10001)"},
			"too large an output":   {spend(bitcoinOutput{200_000, theirs}, bitcoinOutput{290_000, own}), "tx.bitcoin.outputs.all"},
			"a foreign output":      {spend(bitcoinOutput{190_000, others}, bitcoinOutput{300_000, own}), "tx.bitcoin.outputs.all"},
			"data":                  {spend(bitcoinOutput{0, []byte{0x6a, 1, 7}}, bitcoinOutput{490_000, own}), "tx.bitcoin.outputs.all"},
		},
	}}
}
