package envelope_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/redoubt-kms/redoubt/proof"
	"github.com/redoubt-kms/redoubt/proof/envelope"
)

func key(t testing.TB, fill byte, size int) envelope.Key {
	t.Helper()
	k, err := envelope.NewKey(bytes.Repeat([]byte{fill}, envelope.SeedSize), size)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(k.PublicKey()); n != size {
		t.Fatalf("public key of %d bytes, want %d", n, size)
	}
	return k
}

func purpose() envelope.Purpose {
	return envelope.Purpose{Method: "exportWallet", Organization: proof.ID{1}, Subject: proof.ID{2}, Context: sha256.Sum256([]byte("body"))}
}

func entropy() *envelope.Secret {
	return &envelope.Secret{Kind: envelope.Entropy, Bytes: bytes.Repeat([]byte{7}, 16)}
}

func sizes() []int { return []int{envelope.SizeX25519, envelope.SizeHybrid} }

func TestRoundTrip(t *testing.T) {
	words := strings.Repeat("abandon ", 23) + "art"
	for _, size := range sizes() {
		k := key(t, 1, size)
		for _, s := range []*envelope.Secret{
			entropy(),
			{Kind: envelope.Mnemonic, Bytes: []byte(words)},
			{Kind: envelope.Ed25519, Bytes: make([]byte, 64)},
			{Kind: envelope.Ed25519, Bytes: make([]byte, 32)},
			{Kind: envelope.Secp256k1, Bytes: make([]byte, 32)},
		} {
			sealed, err := envelope.Seal(k.PublicKey(), purpose(), s)
			if err != nil {
				t.Fatal(err)
			}
			if want := map[int]int{envelope.SizeX25519: 32, envelope.SizeHybrid: 1120}[size] + 256 + 16; len(sealed) != want || len(sealed) > envelope.MaxSize {
				t.Errorf("%d bytes, want %d whatever is inside", len(sealed), want)
			}
			got, err := k.Open(purpose(), sealed)
			if err != nil || got.Kind != s.Kind || !bytes.Equal(got.Bytes, s.Bytes) {
				t.Fatalf("%v", err)
			}
		}
	}
}

// Everything that an envelope is bound to, changed one by one, and its bytes.
func TestOpensNowhereElse(t *testing.T) {
	for _, size := range sizes() {
		k := key(t, 1, size)
		sealed, err := envelope.Seal(k.PublicKey(), purpose(), entropy())
		if err != nil {
			t.Fatal(err)
		}
		for name, edit := range map[string]func(*envelope.Purpose){
			"method": func(p *envelope.Purpose) { p.Method = "completeImportWallet" }, "organization": func(p *envelope.Purpose) { p.Organization[15]++ },
			"subject": func(p *envelope.Purpose) { p.Subject[15]++ }, "context": func(p *envelope.Purpose) { p.Context[31]++ },
		} {
			p := purpose()
			edit(&p)
			if _, err := k.Open(p, sealed); !errors.Is(err, envelope.ErrOpen) {
				t.Errorf("another %s: %v", name, err)
			}
		}
		if _, err := key(t, 2, size).Open(purpose(), sealed); !errors.Is(err, envelope.ErrOpen) {
			t.Errorf("another key: %v", err)
		}
		for i := 0; i < len(sealed); i += 13 {
			changed := bytes.Clone(sealed)
			changed[i] ^= 0x10
			if _, err := k.Open(purpose(), changed); !errors.Is(err, envelope.ErrOpen) {
				t.Errorf("changed at %d: %v", i, err)
			}
			if _, err := k.Open(purpose(), sealed[:i]); !errors.Is(err, envelope.ErrOpen) {
				t.Errorf("cut to %d: %v", i, err)
			}
		}
		if _, err := k.Open(purpose(), append(sealed, 0)); !errors.Is(err, envelope.ErrOpen) {
			t.Errorf("with a byte more: %v", err)
		}
	}
}

// Public keys with which the exchange is zero for everybody (RFC 7748, section 6.1), also as half of a hybrid key, and
// those of no suite.
func TestPublicKeysRefused(t *testing.T) {
	low := []string{
		"0000000000000000000000000000000000000000000000000000000000000000", "0100000000000000000000000000000000000000000000000000000000000000",
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800", "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	}
	for _, text := range low {
		b, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := envelope.Seal(b, purpose(), entropy()); !errors.Is(err, envelope.ErrPublicKey) {
			t.Errorf("%s: %v", text, err)
		}
		hybrid := key(t, 1, envelope.SizeHybrid).PublicKey()
		copy(hybrid[envelope.SizeHybrid-32:], b)
		if _, err := envelope.Seal(hybrid, purpose(), entropy()); !errors.Is(err, envelope.ErrPublicKey) {
			t.Errorf("hybrid with %s: %v", text, err)
		}
	}
	for _, n := range []int{0, 31, 33, 65, 1184, 1215, 1217} {
		if err := envelope.CheckPublicKey(make([]byte, n)); !errors.Is(err, envelope.ErrPublicKey) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	if err := envelope.CheckPublicKey(bytes.Repeat([]byte{0xff}, envelope.SizeHybrid)); !errors.Is(err, envelope.ErrPublicKey) {
		t.Errorf("a key whose coefficients are out of range: %v", err)
	}
}

func TestSecretsOfNoForm(t *testing.T) {
	k := key(t, 1, envelope.SizeX25519)
	for _, s := range []envelope.Secret{
		{},
		{Kind: 9, Bytes: make([]byte, 32)},
		{Kind: envelope.Mnemonic},
		{Kind: envelope.Mnemonic, Bytes: make([]byte, 254)},
		{Kind: envelope.Entropy, Bytes: make([]byte, 17)},
		{Kind: envelope.Entropy, Bytes: make([]byte, 36)},
		{Kind: envelope.Ed25519, Bytes: make([]byte, 33)},
		{Kind: envelope.Secp256k1, Bytes: make([]byte, 33)},
	} {
		if _, err := envelope.Seal(k.PublicKey(), purpose(), &s); !errors.Is(err, envelope.ErrSecret) {
			t.Errorf("kind %d of %d bytes: %v", s.Kind, len(s.Bytes), err)
		}
	}
	if text := fmt.Sprintf("%v %+v %#v %s %x", entropy(), entropy(), entropy(), k, entropy()); strings.Contains(text, "7") {
		t.Errorf("it prints: %s", text)
	}
}
