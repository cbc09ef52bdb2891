package seed

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain/address"
	"github.com/redoubt-kms/redoubt/internal/derivation"
	"github.com/redoubt-kms/redoubt/internal/vectors"
)

// The HD nodes of ethers' suite: their keys from the seed, and where the mnemonic is ours to read, English and without
// password, everything from the words on.
func TestEthersHDNodes(t *testing.T) {
	var all []struct {
		Name, Locale, Entropy, Mnemonic, Password, Seed string
		HDNodes                                         []struct{ Path, Address, PrivateKey string }
	}
	vectors.NPM(t, &all, "@ethersproject/testcases", "testcases/hdnode.json.gz")
	unhex := func(text string) []byte {
		b, err := hex.DecodeString(strings.TrimPrefix(text, "0x"))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	words, nodes := 0, 0
	for _, c := range all {
		s, err := Restore(unhex(c.Entropy), unhex(c.Seed))
		if err != nil {
			t.Fatalf("%s: %v", c.Name, err)
		}
		if c.Locale == "en" && c.Password == "" {
			words++
			s, err = FromMnemonic([]byte(c.Mnemonic))
			if err != nil || !bytes.Equal(s.Entropy(), unhex(c.Entropy)) || !bytes.Equal(s.Stretched(), unhex(c.Seed)) {
				t.Errorf("%s: %v", c.Name, err)
				continue
			}
			if again, err := s.Mnemonic(); err != nil || string(again) != c.Mnemonic {
				t.Errorf("%s: %s, %v", c.Name, again, err)
			}
		}
		for _, n := range c.HDNodes {
			nodes++
			path, err := derivation.ParsePath(n.Path)
			if n.Path == "m" {
				path, err = nil, nil
			}
			if err != nil {
				t.Errorf("%s %s: %v", c.Name, n.Path, err)
				continue
			}
			key, err := walk(s.Stretched(), path, api.CurveSecp256k1)
			if err != nil || !bytes.Equal(key.key(), unhex(n.PrivateKey)) {
				t.Errorf("%s %s: another key, %v", c.Name, n.Path, err)
				continue
			}
			if got, err := address.Encode(api.AddressEthereum, publicKey(key.key())); err != nil || !strings.EqualFold(got, n.Address) {
				t.Errorf("%s %s: %s, %v, want %s", c.Name, n.Path, got, err, n.Address)
			}
		}
	}
	if len(all) != 1409 || words != 1025 || nodes != 6289 {
		t.Errorf("%d cases, %d from words, %d nodes", len(all), words, nodes)
	}
}
