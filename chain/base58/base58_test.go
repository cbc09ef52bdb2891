package base58_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/redoubt-kms/redoubt/chain/base58"
	"github.com/redoubt-kms/redoubt/internal/vectors"
)

// TestBitcoinCore runs the 14 pairs of Bitcoin Core.
func TestBitcoinCore(t *testing.T) {
	b, err := os.ReadFile(vectors.Dir(t, "bitcoin-core", "base58_encode_decode.json"))
	if err != nil {
		t.Fatal(err)
	}
	var pairs [][2]string
	if err := json.Unmarshal(b, &pairs); err != nil {
		t.Fatal(err)
	}
	if len(pairs) != 14 {
		t.Fatalf("%d pairs, want 14", len(pairs))
	}
	for _, p := range pairs {
		want, err := hex.DecodeString(p[0])
		if err != nil {
			t.Fatal(err)
		}
		if got := base58.Encode(want); got != p[1] {
			t.Errorf("Encode(%s) = %s, want %s", p[0], got, p[1])
		}
		if len(p[1]) > base58.MaxText {
			continue
		}
		if got, err := base58.Decode(p[1]); err != nil || !bytes.Equal(got, want) {
			t.Errorf("Decode(%s) = %x, %v, want %s", p[1], got, err, p[0])
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, s := range []string{"0", "O", "I", "l", " 1", "1 ", "a+b", "é", "1\n"} {
		if b, err := base58.Decode(s); err == nil {
			t.Errorf("Decode(%q) = %x", s, b)
		}
	}
	if _, err := base58.Decode(strings.Repeat("2", base58.MaxText+1)); !errors.Is(err, base58.ErrTooLong) {
		t.Errorf("error = %v, want ErrTooLong", err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add("3Cy3YNTFywCmxoxt8n7UH6hg6dLo5uACowX3CFceaSnx")
	f.Add("11111111111111111111111111111111")
	f.Fuzz(func(t *testing.T, s string) {
		b, err := base58.Decode(s)
		if err == nil && base58.Encode(b) != s {
			t.Fatalf("%q is written back as %q", s, base58.Encode(b))
		}
	})
}

func FuzzEncode(f *testing.F) {
	f.Add([]byte{0, 0, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		s := base58.Encode(b)
		if len(s) > base58.MaxText {
			return
		}
		if got, err := base58.Decode(s); err != nil || !bytes.Equal(got, b) {
			t.Fatalf("%x comes back as %x, %v", b, got, err)
		}
	})
}
