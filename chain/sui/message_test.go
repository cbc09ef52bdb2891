package sui_test

import (
	"bytes"
	"encoding/hex"
	"testing"

	"golang.org/x/crypto/blake2b"

	"github.com/redoubt-kms/redoubt/chain/sui"
)

func TestPersonalMessage(t *testing.T) {
	for _, n := range []int{0, 5, 127, 128, 70_000} {
		text := bytes.Repeat([]byte("x"), n)
		length := map[int]string{0: "00", 5: "05", 127: "7f", 128: "8001", 70_000: "f0a204"}[n]
		prefix, err := hex.DecodeString("030000" + length)
		if err != nil {
			t.Fatal(err)
		}
		want := blake2b.Sum256(append(prefix, text...))
		m := sui.PersonalMessage(text)
		if !bytes.Equal(m.SigningBytes(), want[:]) {
			t.Errorf("%d bytes: %x", n, m.SigningBytes())
		}
		if e := m.Effects(publicKey()); len(e.Transfers) != 0 || e.Unknown || e.FeeMax != nil {
			t.Errorf("effects %+v", e)
		}
	}
}

func TestIsIntentMessage(t *testing.T) {
	for text, want := range map[string]bool{
		"":                      false,
		"hello":                 false,
		"\x00\x00\x00":          false,
		"\x03\x00\x00\x05hello": true,
		"\x00\x00\x00\x00\x00":  true,
		"\x00\x00\x01\x00\x00":  false,
		"\x04\x00\x00\x05hello": false,
		"\x00\x00\x00\x00\x01":  false,
	} {
		if got := sui.IsIntentMessage([]byte(text)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}
