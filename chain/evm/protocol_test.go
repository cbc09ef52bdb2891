package evm_test

import (
	"encoding/base64"
	"encoding/hex"
	"testing"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"

	"github.com/redoubt-kms/redoubt/chain"
	"github.com/redoubt-kms/redoubt/chain/evm"
	"github.com/redoubt-kms/redoubt/chain/evm/typedjson"
)

// abandonKey is m/44'/60'/0'/0/0 of the public test mnemonic "abandon" x 23 + "art".
const abandonKey = "1053fae1b3ac64f178bcc21026fd06a3f4544ec2f35338b001f02d1d8efa3d5f"

// TestProtocolVectors are signatures that clients of the wire protocol got from other implementations.
func TestProtocolVectors(t *testing.T) {
	key := secp256k1.PrivKeyFromBytes(unhex(t, abandonKey))
	typed, err := typedjson.Parse([]byte(`{"types":{"EIP712Domain":[{"name":"name","type":"string"},` +
		`{"name":"chainId","type":"uint256"}],"Mail":[{"name":"to","type":"address"},{"name":"n","type":"uint256"}]},` +
		`"primaryType":"Mail","domain":{"name":"D","chainId":1},` +
		`"message":{"to":"0x000000000000000000000000000000000000dEaD","n":5}}`))
	if err != nil {
		t.Fatal(err)
	}
	for want, p := range map[string]chain.Payload{
		"88clt9G8SMhnnfkpN_fTYl9UNpq1XbvEdpxWKyqpWnNUnqm3ebVQvYBD8Nmb32I0OZke-CbL2X_1jBywHNXmshw": evm.PersonalMessage([]byte("hello")),
		"1aBCjbUDGX8-ZF9tYosH5uCWSiqN44sHaScsXP_bjD1UVzjs8r1XFLnFgRgDtjlFYwNhUro3Q48er07_KxSpWBs": typed,
	} {
		signature := sign(key, p.SigningBytes())
		signature[64] += 27
		if got := base64.RawURLEncoding.EncodeToString(signature); got != want {
			t.Errorf("signature %s, want %s", got, want)
		}
	}
	tx, err := evm.ParseUnsigned(unhex(t, "02e683aa36a78001843b9aca0082520894000000000000000000000000000000000000dead0180c0"))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := tx.Attach(key.PubKey().SerializeCompressed(), sign(key, tx.SigningBytes()))
	if err != nil {
		t.Fatal(err)
	}
	const want = "02f86983aa36a78001843b9aca0082520894000000000000000000000000000000000000dead0180c001a0d760396cbc1ef4bb1178a0dcaf" +
		"ae931eda348f73f38bf70a73bd9f4effe1e2fda05fb03c73dca5d775905fe73bfc06bd4c9035d13c406fe45b4f5fcda7590b574e"
	if got := hex.EncodeToString(raw); got != want {
		t.Errorf("raw %s", got)
	}
	if hash := tx.Hash(raw); hex.EncodeToString(hash[:]) != "c768640a57280576e794b680fc69dcdc3febcdf6a0b9e4996f11e53b9fd5c574" {
		t.Errorf("hash %x", hash)
	}
}
