package signer

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"testing"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain/evm/typedjson"
	"github.com/redoubt-kms/redoubt/internal/permit"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

// Addresses of the public test mnemonic, which other implementations agree on. A change here would hand people
// addresses whose keys nobody finds again.
func TestAccountsOfTheTestMnemonic(t *testing.T) {
	r := newRig(t)
	vectors := []struct{ path, curve, format, address string }{
		{"m/44'/501'/0'/0'", "Ed25519", "Solana", "3Cy3YNTFywCmxoxt8n7UH6hg6dLo5uACowX3CFceaSnx"},
		{"m/44'/501'/1'/0'", "Ed25519", "Solana", "5frqxtii9LeGq2bz3dSNokvZcEooF483MzeU24JrhcTA"},
		{"m/44'/60'/0'/0/0", "Secp256k1", "Ethereum", "0xF278cF59F82eDcf871d630F28EcC8056f25C1cdb"},
		{"m/44'/60'/0'/0/1", "Secp256k1", "Ethereum", "0xf785bD075874b8423D3583728a981399f31e95aA"},
		{"m/84'/0'/0'/0", "Secp256k1", "BitcoinSegwit", "bc1qnecw57zdcrt2seylkzmhr5vngacsfrnrlzgegt"},
		{"m/84'/0'/1'/0", "Secp256k1", "BitcoinSegwit", "bc1qhg5kfv8agtkn2texm0jd9zugdknsx7kd7e337y"},
		{"m/44'/784'/0'/0'/0'", "Ed25519", "Sui", "0xf967e21c16a4757daafec13ee79c0dc5c5329199be5d70c86fd07b8e75db892c"},
		{"m/44'/784'/1'/0'/0'", "Ed25519", "Sui", "0xf7f534201ecf22ce18f0776c860d0d43968f7c7993a3af1788671c73487c43fb"},
	}
	request := wire.AccountsRequest{Wallet: ownWallet, Sealed: r.sealed(t, ownWallet)}
	for _, v := range vectors {
		request.Accounts = append(request.Accounts, wire.AccountRequest{Path: path(t, v.path), Curve: v.curve, Format: v.format})
	}
	for range 2 { // derived, then from the cache
		answer, err := r.accounts(request)
		if err != nil || len(answer.Accounts) != len(vectors) {
			t.Fatalf("%d accounts, %v", len(answer.Accounts), err)
		}
		for i, v := range vectors {
			if answer.Accounts[i].Address != v.address {
				t.Errorf("%s: %s, want %s", v.path, answer.Accounts[i].Address, v.address)
			}
		}
		request.Sealed = nil
	}
}

// Signatures over the payloads of the published protocol, as other implementations make them.
func TestSignaturesOfTheTestMnemonic(t *testing.T) {
	typed, err := typedjson.Parse([]byte(`{"types":{"EIP712Domain":[{"name":"name","type":"string"},` +
		`{"name":"chainId","type":"uint256"}],"Mail":[{"name":"to","type":"address"},{"name":"n","type":"uint256"}]},` +
		`"primaryType":"Mail","domain":{"name":"D","chainId":1},` +
		`"message":{"to":"0x000000000000000000000000000000000000dEaD","n":5}}`))
	if err != nil {
		t.Fatal(err)
	}
	unsigned, err := hex.DecodeString("02e683aa36a78001843b9aca0082520894000000000000000000000000000000000000dead0180c0")
	if err != nil {
		t.Fatal(err)
	}
	const signedTx = "02f86983aa36a78001843b9aca0082520894000000000000000000000000000000000000dead0180c001a0d760396cbc1ef4bb1178a0dcaf" +
		"ae931eda348f73f38bf70a73bd9f4effe1e2fda05fb03c73dca5d775905fe73bfc06bd4c9035d13c406fe45b4f5fcda7590b574e"
	for name, v := range map[string]struct {
		solana      bool
		kind        permit.PayloadKind
		payload     []byte
		signature   string // base64url
		transaction string // hex
	}{
		"EIP-191":     {false, permit.PayloadPersonal, []byte("hello"), "88clt9G8SMhnnfkpN_fTYl9UNpq1XbvEdpxWKyqpWnNUnqm3ebVQvYBD8Nmb32I0OZke-CbL2X_1jBywHNXmshw", ""},
		"EIP-712":     {false, permit.PayloadTypedData, typed.Encode(), "1aBCjbUDGX8-ZF9tYosH5uCWSiqN44sHaScsXP_bjD1UVzjs8r1XFLnFgRgDtjlFYwNhUro3Q48er07_KxSpWBs", ""},
		"Solana text": {true, permit.PayloadUTF8, []byte("héllo"), "lWNBEtjpr9AUubqb5YVppBcEF35e7ruEPl0vhiw6Epas9-_LXApI04gc-J89L_9odCkJaoLLVnaz0B7vdGZNAg", ""},
		"EIP-1559":    {false, permit.PayloadEVM, unsigned, "", signedTx},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			p, _ := r.solanaPermit(t, ownWallet, "")
			p.Kind, p.Payload = v.kind, sha256.Sum256(v.payload)
			address := "3Cy3YNTFywCmxoxt8n7UH6hg6dLo5uACowX3CFceaSnx"
			if !v.solana {
				p.Path, p.Curve, p.Format, p.Algorithm = path(t, "m/44'/60'/0'/0/0"), api.CurveSecp256k1, api.AddressEthereum, api.Secp256k1Keccak256
				address = "0xF278cF59F82eDcf871d630F28EcC8056f25C1cdb"
			}
			logged := r.log(t, p, v.payload, nil)
			receipt := r.receipt(t, nil)
			result, err := r.signOne(receipt.Receipt, r.order(t, logged, r.sealed(t, ownWallet)))
			if err != nil || result.Address != address {
				t.Fatalf("address %s, %v", result.Address, err)
			}
			if got := base64.RawURLEncoding.EncodeToString(result.Signature); v.signature != "" && got != v.signature {
				t.Errorf("signature %s, want %s", got, v.signature)
			}
			if got := hex.EncodeToString(result.Transaction); got != v.transaction {
				t.Errorf("transaction %s, want %s", got, v.transaction)
			}
		})
	}
}

// A keypair wallet has one key, on its own curve, and no path.
func TestKeypairWallet(t *testing.T) {
	r := newRig(t)
	for _, c := range []struct{ curve, format string }{{"Ed25519", "Solana"}, {"Secp256k1", "Ethereum"}} {
		wallet := proof.ID{60, c.curve[0]}
		made, err := r.create(wire.CreateSecret{Wallet: wallet, Curve: c.curve, Accounts: []wire.AccountRequest{{Curve: c.curve, Format: c.format}}})
		if err != nil || len(made.Accounts) != 1 {
			t.Fatalf("%s: %+v, %v", c.curve, made, err)
		}
		fresh := newSigner(t, r.manifest)
		again, err := fresh.accounts(wire.AccountsRequest{Wallet: wallet, Sealed: made.Sealed, Accounts: []wire.AccountRequest{{Curve: c.curve, Format: c.format}}})
		if err != nil || again.Accounts[0].Address != made.Accounts[0].Address || !bytes.Equal(again.Accounts[0].PublicKey, made.Accounts[0].PublicKey) {
			t.Errorf("%s: the sealed secret is another key: %v", c.curve, err)
		}
		other := map[string]string{"Ed25519": "Secp256k1", "Secp256k1": "Ed25519"}[c.curve]
		for why, a := range map[string]wire.AccountRequest{
			"a path":        {Path: path(t, "m/44'/501'/0'/0'"), Curve: c.curve, Format: c.format},
			"another curve": {Curve: other, Format: c.format}, "no curve": {Format: c.format},
		} {
			if _, err := fresh.accounts(wire.AccountsRequest{Wallet: wallet, Accounts: []wire.AccountRequest{a}}); err == nil {
				t.Errorf("%s: %s was derived", c.curve, why)
			}
		}
	}
}

// New secrets are of the size that was asked for, differ, and are sealed for their own wallet alone.
func TestCreate(t *testing.T) {
	r := newRig(t)
	seen := map[string]bool{}
	for _, bits := range []uint16{128, 160, 192, 224, 256} {
		made, err := r.create(wire.CreateSecret{Wallet: ownWallet, Bits: bits, Accounts: []wire.AccountRequest{{
			Path: path(t, "m/44'/501'/0'/0'"), Curve: "Ed25519", Format: "Solana",
		}}})
		if err != nil {
			t.Fatal(err)
		}
		plain, err := r.secretKey.Open(secretContext(ownWallet), made.Sealed)
		if err != nil {
			t.Fatal(err)
		}
		var opened secret
		if err := proof.Decode(plain, &opened); err != nil || len(opened.Entropy) != int(bits)/8 || len(opened.Seed) != 64 {
			t.Errorf("%d bits: entropy of %d bytes, seed of %d, %v", bits, len(opened.Entropy), len(opened.Seed), err)
		}
		if seen[string(opened.Entropy)] || bytes.Equal(opened.Entropy, make([]byte, len(opened.Entropy))) {
			t.Error("the entropy is not random")
		}
		seen[string(opened.Entropy)] = true
		if _, err := newSigner(t, r.manifest).hold(otherWallet, made.Sealed); err == nil {
			t.Error("the secret opens as another wallet's")
		}
	}
	for _, bad := range []wire.CreateSecret{{Bits: 8}, {Bits: 96}, {Bits: 129}, {Bits: 288}, {Bits: 65504}, {}, {Curve: "Secp256r1"}, {Curve: "x"}} {
		if made, err := r.create(bad); err == nil {
			t.Errorf("a secret of %d bits, curve %q was made: %d bytes", bad.Bits, bad.Curve, len(made.Sealed))
		}
	}
}
