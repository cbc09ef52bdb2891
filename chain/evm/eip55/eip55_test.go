package eip55_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"

	"github.com/redoubt-kms/redoubt/chain/evm/eip55"
)

// TestExamples are the addresses of EIP-55.
func TestExamples(t *testing.T) {
	for _, s := range []string{
		"0x52908400098527886E0F7030069857D2E4169EE7", "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
		"0xde709f2102306220921060314715629080e2fb77", "0x27b1fdb04752bbc536007a920d24acb045561c26",
		"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
		"0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB", "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
	} {
		a, err := eip55.Parse(s)
		if err != nil {
			t.Errorf("%s: %v", s, err)
		}
		if got := eip55.Encode(a); got != s {
			t.Errorf("Encode = %s, want %s", got, s)
		}
		for _, plain := range []string{strings.ToLower(s), "0x" + strings.ToUpper(s[2:])} {
			if b, err := eip55.Parse(plain); err != nil || a != b {
				t.Errorf("%s: %x, %v", plain, b, err)
			}
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for s, want := range map[string]error{
		"0x5AAeb6053F3E94C9b9A09f33669435E7Ef1BeAed":   eip55.ErrChecksum,
		"5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed":     eip55.ErrText,
		"0X5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed":   eip55.ErrText,
		"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAe":    eip55.ErrText,
		"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed00": eip55.ErrText,
		"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeg":   eip55.ErrText,
		"": eip55.ErrText,
	} {
		if a, err := eip55.Parse(s); !errors.Is(err, want) || a != [20]byte{} {
			t.Errorf("%q: %x, %v, want %v", s, a, err, want)
		}
	}
}

func TestFromPublicKey(t *testing.T) {
	key := secp256k1.PrivKeyFromBytes(bytes.Repeat([]byte{0x46}, 32)).PubKey()
	a, err := eip55.FromPublicKey(key.SerializeCompressed())
	if err != nil || eip55.Encode(a) != "0x9d8A62f656a8d1615C1294fd71e9CFb3E4855A4F" { // the sender of EIP-155's example
		t.Errorf("%s, %v", eip55.Encode(a), err)
	}
	offCurve := append([]byte{2}, bytes.Repeat([]byte{0xff}, 32)...)
	for _, b := range [][]byte{nil, key.SerializeUncompressed(), offCurve, make([]byte, 33)} {
		if _, err := eip55.FromPublicKey(b); !errors.Is(err, eip55.ErrPublicKey) {
			t.Errorf("%x: error = %v", b, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed")
	f.Fuzz(func(t *testing.T, s string) {
		if a, err := eip55.Parse(s); err == nil && !strings.EqualFold(eip55.Encode(a), s) {
			t.Fatalf("%q is written back as %q", s, eip55.Encode(a))
		}
	})
}
