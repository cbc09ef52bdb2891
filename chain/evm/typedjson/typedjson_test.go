package typedjson_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"

	"github.com/redoubt-kms/redoubt/chain"
	"github.com/redoubt-kms/redoubt/chain/evm"
	"github.com/redoubt-kms/redoubt/chain/evm/typedjson"
)

// mail is the example of EIP-712; its digest is in the EIP.
const mail = `{"types":{"EIP712Domain":[{"name":"name","type":"string"},{"name":"version","type":"string"},
{"name":"chainId","type":"uint256"},{"name":"verifyingContract","type":"address"}],
"Person":[{"name":"name","type":"string"},{"name":"wallet","type":"address"}],
"Mail":[{"name":"from","type":"Person"},{"name":"to","type":"Person"},{"name":"contents","type":"string"}]},
"primaryType":"Mail","domain":{"name":"Ether Mail","version":"1","chainId":1,
"verifyingContract":"0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC"},
"message":{"from":{"name":"Cow","wallet":"0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826"},
"to":{"name":"Bob","wallet":"0xbBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB"},"contents":"Hello, Bob!"}}`

func TestMail(t *testing.T) {
	d, err := typedjson.Parse([]byte(mail))
	if err != nil {
		t.Fatal(err)
	}
	digest, err := d.Digest()
	if err != nil {
		t.Fatal(err)
	}
	const want = "be609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2"
	if got := hex.EncodeToString(digest[:]); got != want {
		t.Errorf("digest = %s, want %s", got, want)
	}
	again, err := evm.DecodeTypedData(d.Encode())
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := again.Digest(); got != digest {
		t.Error("digest changes through the binary form")
	}
}

// FuzzParse takes what it accepts through the binary form.
func FuzzParse(f *testing.F) {
	f.Add([]byte(mail))
	f.Add([]byte(`{"types":{"M":[{"name":"x","type":"int8[2][]"}]},"primaryType":"M","domain":{},"message":{"x":[[1,"-0x1"]]}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := typedjson.Parse(b)
		if err != nil {
			if !errors.Is(err, chain.ErrMalformed) {
				t.Fatal(err)
			}
			return
		}
		again, err := evm.DecodeTypedData(d.Encode())
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(again.SigningBytes(), d.SigningBytes()) {
			t.Fatal("digest changes through the binary form")
		}
	})
}
