package evm_test

import (
	"math/big"
	"strings"
	"testing"

	"github.com/redoubt-kms/redoubt/chain/evm"
)

func TestIsPreimage(t *testing.T) {
	seen := samples(t)
	seen["blob without fields"] = list(t, "0180808080808080c080c0", 3)
	seen["blob with its blobs"] = list(t, "c20180"+"c0c0c0", 3)
	seen["unknown type"] = list(t, "018080", 0x7e)
	seen["authorization"] = list(t, "8094000000000000000000000000000000000000dead80", 5)
	seen["authorization of every network"] = evm.Authorization{ChainID: new(big.Int)}.Preimage()
	seen["authorization of a long id"] = evm.Authorization{ChainID: big.NewInt(1 << 60), Nonce: 1 << 63}.Preimage()
	seen["typed data"] = append([]byte{0x19, 0x01}, make([]byte, 64)...)
	seen["message of a validator"] = append([]byte{0x19, 0x00}, make([]byte, 52)...) // EIP-191, version 0
	seen["personal message"] = []byte("\x19Ethereum Signed Message:\n5hello")
	for name, b := range seen {
		if !evm.IsPreimage(b) {
			t.Errorf("%s passes the screen", name)
		}
	}
	for _, s := range []string{"", "h", "hello", "hé!", "éé", "\x19hello", strings.Repeat("text ", 100), "Übung macht den Meister"} {
		if evm.IsPreimage([]byte(s)) {
			t.Errorf("text %.20q is held back", s)
		}
	}
}
