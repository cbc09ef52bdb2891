package payload_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain"
	"github.com/redoubt-kms/redoubt/chain/evm/eip55"
	"github.com/redoubt-kms/redoubt/chain/evm/typedjson"
	"github.com/redoubt-kms/redoubt/internal/curve"
	"github.com/redoubt-kms/redoubt/internal/payload"
	"github.com/redoubt-kms/redoubt/internal/permit"
	"github.com/redoubt-kms/redoubt/internal/vectors"
)

const ethersCases = "@ethersproject/testcases"

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.TrimPrefix(text, "0x"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func signer(t *testing.T, secret string) curve.PrivateKey {
	t.Helper()
	key, err := curve.New(api.CurveSecp256k1, unhex(t, secret))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// signs reads an unsigned transaction, signs it, and holds the result against what ethers made of it.
func signs(t *testing.T, name, unsigned, signed string, key curve.PrivateKey) bool {
	t.Helper()
	p, err := payload.Read(permit.PayloadEVM, api.AddressEthereum, api.Secp256k1Keccak256, unhex(t, unsigned))
	if err != nil {
		if !strings.Contains(err.Error(), "integer of more than 64 bits") {
			t.Errorf("%s is refused: %v", name, err)
		}
		return false
	}
	signature, err := key.Sign(p.SigningBytes())
	if err != nil {
		t.Fatal(err)
	}
	got, err := p.(chain.Transaction).Attach(key.Public(), signature)
	if err != nil || !bytes.Equal(got, unhex(t, signed)) {
		t.Errorf("%s: %x, %v, want %s", name, got, err, signed)
	}
	return true
}

// Every transaction of ethers' own suite is signed to the last bit as ethers signs it, but for 166 of random numbers, whose
// nonce or gas no network takes (EIP-2681, 64 bits of gas).
func TestEthersTransactions(t *testing.T) {
	var legacy []struct{ Name, AccountAddress, PrivateKey, UnsignedTransaction, UnsignedTransactionChainID5, SignedTransaction, SignedTransactionChainID5 string }
	vectors.NPM(t, &legacy, ethersCases, "testcases/transactions.json.gz")
	count, refused := 0, 0
	for _, c := range legacy {
		key := signer(t, c.PrivateKey)
		address, err := eip55.FromPublicKey(key.Public())
		if err != nil || !bytes.Equal(address[:], unhex(t, c.AccountAddress)) {
			t.Fatalf("%s: address %x, %v", c.Name, address, err)
		}
		for _, form := range [][2]string{{c.UnsignedTransaction, c.SignedTransaction}, {c.UnsignedTransactionChainID5, c.SignedTransactionChainID5}} {
			if count++; !signs(t, c.Name, form[0], form[1], key) {
				refused++
			}
		}
	}
	if count != 2134 || refused != 166 {
		t.Errorf("%d legacy transactions, %d refused", count, refused)
	}
	var typed []struct{ Name, Key, Signed, Unsigned string }
	vectors.NPM(t, &typed, ethersCases, "testcases/typed-transactions.json.gz")
	refused = 0
	for _, c := range typed {
		if !signs(t, c.Name, c.Unsigned, c.Signed, signer(t, c.Key)) {
			refused++
		}
	}
	if len(typed) != 1792 || refused != 0 {
		t.Errorf("%d typed transactions, %d refused", len(typed), refused)
	}
}

// Every typed data of ethers' suite has the digest that ethers gives it.
func TestEthersTypedData(t *testing.T) {
	var all []struct {
		Name, PrimaryType, Digest, PrivateKey, Signature string
		Domain, Types, Data                              json.RawMessage
	}
	vectors.NPM(t, &all, ethersCases, "testcases/eip712.json.gz")
	signed := 0
	for _, c := range all {
		body, err := json.Marshal(map[string]any{"domain": c.Domain, "types": c.Types, "primaryType": c.PrimaryType, "message": c.Data})
		if err != nil {
			t.Fatal(err)
		}
		typed, err := typedjson.Parse(body)
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		if digest, err := typed.Digest(); err != nil || !bytes.Equal(digest[:], unhex(t, c.Digest)) {
			t.Errorf("%s: digest %x, %v, want %s", c.Name, digest, err, c.Digest)
		}
		if c.PrivateKey == "" {
			continue
		}
		signed++
		signature, err := signer(t, c.PrivateKey).Sign(typed.SigningBytes())
		if err != nil {
			t.Fatal(err)
		}
		if signature[64] += 27; !bytes.Equal(signature, unhex(t, c.Signature)) {
			t.Errorf("%s: signature %x", c.Name, signature)
		}
	}
	if len(all) != 1025 || signed != 1 {
		t.Errorf("%d cases, %d signed", len(all), signed)
	}
}
