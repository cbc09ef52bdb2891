package language_test

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain"
	"github.com/redoubt-kms/redoubt/chain/address"
	"github.com/redoubt-kms/redoubt/chain/evm"
	"github.com/redoubt-kms/redoubt/chain/evm/typedjson"
	"github.com/redoubt-kms/redoubt/internal/payload"
	"github.com/redoubt-kms/redoubt/internal/permit"
	"github.com/redoubt-kms/redoubt/internal/rule/amount"
)

const typedText = `{"types":{"EIP712Domain":[{"name":"name","type":"string"},{"name":"chainId","type":"uint256"}],
	"Vote":[{"name":"yes","type":"bool"},{"name":"no","type":"bool"},{"name":"weight","type":"int64"},{"name":"shares","type":"uint256"}]},
	"primaryType":"Vote","domain":{"name":"Club","chainId":10},"message":{"yes":true,"no":false,"weight":-7,"shares":"1000000000000000000000"}}`

// What rules see of what is no plain transaction: typed data with its kinds of values and the members that its domain has, a consent,
// raw bytes as what they are, and coins of the chain in which fees are paid.
func TestWhatRulesSee(t *testing.T) {
	typed, err := typedjson.Parse([]byte(typedText))
	if err != nil {
		t.Fatal(err)
	}
	raw := func(algorithm api.Algorithm, b []byte) chain.Payload {
		t.Helper()
		p, err := payload.Read(permit.PayloadRaw, "", algorithm, b)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	legacy := []byte{0xc9, 0x80, 0x80, 0x80, 0x80, 0x05, 0x80, 0x01, 0x80, 0x80} // value 5, chain 1
	consent := []byte{0x05, 0xd7, 0x01, 0x94, 19: 0xdd, 24: 0x80}                // EIP-7702 of chain 1
	authorization, err := evm.ParseConsent(consent)
	if err != nil {
		t.Fatal(err)
	}
	key := bytes.Repeat([]byte{1}, 32)
	for _, c := range []struct {
		name       string
		payload    chain.Payload
		expression string
	}{
		{"typed data", typed, "typedData.message.yes == true && typedData.message.no == false"},
		{"typed data", typed, "typedData.message.weight == -7 && typedData.message.shares == ether('1000')"},
		{"typed data", typed, "typedData.domain.name == 'Club' && typedData.domain.chainId == 10"},
		{"typed data", typed, "!has(typedData.domain.version) && !has(typedData.domain.salt) && !has(typedData.domain.verifyingContract)"},
		{"a consent", authorization, "tx.chain == 'evm' && !has(tx.evm)"},
		{"raw bytes of a transaction", raw(api.Secp256k1Keccak256, legacy), "tx.chain == 'evm' && tx.evm.value == 5 && tx.evm.chainId == 1"},
		{"raw bytes of a consent", raw(api.Secp256k1Keccak256, consent), "tx.chain == 'evm'"},
		{"raw bytes of nothing", raw(api.Ed25519, []byte("hello")), "tx.chain == '' && effects.unknown"},
	} {
		if v := compile(t, allow(c.expression)).Evaluate(facts(c.payload, key)); !v.Allowed() {
			t.Errorf("%s: %s: %+v", c.name, c.expression, v)
		}
	}
	// A PSBT of which nothing is ours has no parts: what it would spend is not known.
	if v := compile(t, allow("tx.chain == 'bitcoin' && !has(tx.bitcoin)")).Evaluate(facts(bitcoinPayload(t), append([]byte{2}, key...))); !v.Allowed() {
		t.Errorf("somebody else's PSBT: %+v", v)
	}
	text, err := address.Encode(api.AddressSui, key)
	if err != nil {
		t.Fatal(err)
	}
	sponsor, err := hex.DecodeString(text[2:])
	if err != nil {
		t.Fatal(err)
	}
	sui := facts(suiPaidBy(t, sponsor), key)
	spent, err := sui.Spent("SUI", "")
	if most := sui.Effects().FeeMax; err != nil || most.Sign() == 0 || spent.Cmp(amount.New(most.Uint64())) < 0 {
		t.Errorf("a sponsor on Sui spends %v of at most %v: %v", spent, most, err)
	}
}
