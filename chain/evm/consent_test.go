package evm_test

import (
	"bytes"
	"math/big"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/redoubt-kms/redoubt/chain"
	"github.com/redoubt-kms/redoubt/chain/evm"
)

// A consent reads as what an authorization's authority signs, and says whose account goes where.
func TestConsent(t *testing.T) {
	a := evm.Authorization{ChainID: big.NewInt(8453), Address: [20]byte{19: 0xad}, Nonce: 7}
	c, err := evm.ParseConsent(a.Preimage())
	if err != nil {
		t.Fatal(err)
	}
	// the public key of the secret key 1
	key := []byte("\x02\x79\xbe\x66\x7e\xf9\xdc\xbb\xac\x55\xa0\x62\x95\xce\x87\x0b\x07\x02\x9b\xfc\xdb\x2d\xce\x28\xd9\x59\xf2\x81\x5b\x16\xf8\x17\x98")
	want := chain.Effects{
		AuthorityChanges: []chain.AuthorityChange{{
			Subject: "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf", Kind: "eip7702 eip155:8453 nonce 7", To: "0x00000000000000000000000000000000000000Ad",
		}},
		Programs: []string{"0x00000000000000000000000000000000000000Ad"},
	}
	if diff := cmp.Diff(want, c.Effects(key)); diff != "" || c.EveryNetwork() {
		t.Error(diff)
	}
	a.ChainID, a.Address = new(big.Int), [20]byte{}
	if c, err = evm.ParseConsent(a.Preimage()); err != nil || !c.EveryNetwork() || c.Effects(key).AuthorityChanges[0].To != "" {
		t.Errorf("%v", err)
	}
	whole := a.Preimage()
	for why, b := range map[string][]byte{
		"nothing": nil, "cut": whole[:len(whole)-1], "more": append(bytes.Clone(whole), 0), "another type": append([]byte{4}, whole[1:]...),
		"a long form": append([]byte{5, 0xf8}, whole[1:]...), "two items": {5, 0xc2, 0x80, 0x80},
	} {
		if _, err := evm.ParseConsent(b); err == nil {
			t.Errorf("%s is accepted", why)
		}
	}
}

func FuzzConsent(f *testing.F) {
	f.Add(evm.Authorization{ChainID: big.NewInt(1), Address: [20]byte{1}, Nonce: 1}.Preimage())
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := evm.ParseConsent(b)
		if err != nil {
			return
		}
		if !evm.IsPreimage(b) {
			t.Error("the screen does not see it")
		}
		if e := c.Effects(nil); !e.Unknown {
			t.Error("effects for no key")
		}
	})
}
