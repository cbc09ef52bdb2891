package typedjson_test

import (
	"encoding/hex"
	"testing"

	"github.com/redoubt-kms/redoubt/chain/evm/typedjson"
)

// TestViem pins digests of viem for what go-ethereum does not take: a struct name with a colon, as Hyperliquid has,
// and a struct that contains itself, fixed arrays and arrays of arrays in a domain without EIP712Domain.
func TestViem(t *testing.T) {
	const (
		agent = `{"domain":{"name":"HyperliquidSignTransaction","version":"1","chainId":42161,` +
			`"verifyingContract":"0x0000000000000000000000000000000000000000"},"types":{"EIP712Domain":[` +
			`{"name":"name","type":"string"},{"name":"version","type":"string"},{"name":"chainId","type":"uint256"},` +
			`{"name":"verifyingContract","type":"address"}],"HyperliquidTransaction:ApproveAgent":[` +
			`{"name":"hyperliquidChain","type":"string"},{"name":"agentAddress","type":"address"},` +
			`{"name":"agentName","type":"string"},{"name":"nonce","type":"uint64"}]},` +
			`"primaryType":"HyperliquidTransaction:ApproveAgent","message":{"hyperliquidChain":"Mainnet",` +
			`"agentAddress":"0x000000000000000000000000000000000000dEaD","agentName":"bot","nonce":1700000000000}}`
		tree = `{"domain":{"name":"Tree"},"types":{"Node":[{"name":"label","type":"string"},` +
			`{"name":"pair","type":"int16[2]"},{"name":"grid","type":"bytes4[][2]"},{"name":"children","type":"Node[]"}]},` +
			`"primaryType":"Node","message":{"label":"root","pair":[-1,2],"grid":[["0x01020304"],[]],"children":[` +
			`{"label":"leaf","pair":["0","-32768"],"grid":[[],["0xffffffff","0x00000000"]],"children":[]}]}}`
	)
	for in, want := range map[string]string{
		agent: "f23bf9e7f36fd8435d004f2caecbb23d9f747bf4eb97c7120312013648fc91df",
		tree:  "630b0d74c8c3e524d9fb639a3a51deff10319fcc3812d00187b8e5798e44e498",
	} {
		d, err := typedjson.Parse([]byte(in))
		if err != nil {
			t.Fatal(err)
		}
		if got := hex.EncodeToString(d.SigningBytes()); got != want {
			t.Errorf("%s: digest %s, want %s", d.PrimaryType(), got, want)
		}
	}
}
