package bech32_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/redoubt-kms/redoubt/chain/bech32"
	"github.com/redoubt-kms/redoubt/internal/vectors"
)

// TestValid are the valid addresses of BIP-173 (version 0) and BIP-350, without the one of another case for testnets.
func TestValid(t *testing.T) {
	for _, tc := range []struct{ hrp, address, script string }{
		{"bc", "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4", "0014751e76e8199196d454941c45d1b3a323f1433bd6"},
		{
			"tb", "tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sl5k7",
			"00201863143c14c5166804bd19203356da136c985678cd4d27a1b8c6329604903262",
		},
		{
			"bc", "bc1pw508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7kt5nd6y",
			"5128751e76e8199196d454941c45d1b3a323f1433bd6751e76e8199196d454941c45d1b3a323f1433bd6",
		},
		{"bc", "BC1SW50QGDZ25J", "6002751e"},
		{"bc", "bc1zw508d6qejxtdg4y5r3zarvaryvaxxpcs", "5210751e76e8199196d454941c45d1b3a323"},
		{
			"tb", "tb1qqqqqp399et2xygdj5xreqhjjvcmzhxw4aywxecjdzew6hylgvsesrxh6hy",
			"0020000000c4a5cad46221b2a187905e5266362b99d5e91c6ce24d165dab93e86433",
		},
		{
			"tb", "tb1pqqqqp399et2xygdj5xreqhjjvcmzhxw4aywxecjdzew6hylgvsesf3hn0c",
			"5120000000c4a5cad46221b2a187905e5266362b99d5e91c6ce24d165dab93e86433",
		},
		{
			"bc", "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
			"512079be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
		},
	} {
		version, program, err := bech32.Decode(tc.hrp, tc.address)
		if err != nil {
			t.Errorf("%s: %v", tc.address, err)
			continue
		}
		script := append([]byte{version, byte(len(program))}, program...)
		if version > 0 {
			script[0] += 0x50
		}
		if got := hex.EncodeToString(script); got != tc.script {
			t.Errorf("%s: script %s, want %s", tc.address, got, tc.script)
		}
		if got, err := bech32.Encode(tc.hrp, version, program); err != nil || got != strings.ToLower(tc.address) {
			t.Errorf("Encode = %s, %v, want %s", got, err, strings.ToLower(tc.address))
		}
	}
}

// TestInvalid are the invalid addresses of BIP-350.
func TestInvalid(t *testing.T) {
	for _, s := range []string{
		"tc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq5zuyut",
		"bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd",
		"tb1z0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqglt7rf",
		"BC1S0XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ54WELL",
		"bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kemeawh",
		"tb1q0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq24jc47",
		"bc1p38j9r5y49hruaue7wxjce0updqjuyyx0kh56v8s25huc6995vvpql3jow4",
		"BC130XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ7ZWS8R",
		"bc1pw5dgrnzv",
		"bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7v8n0nx0muaewav253zgeav",
		"BC1QR508D6QEJXTDG4Y5R3ZARVARYV98GJ9P",
		"tb1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq47Zagq",
		"bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7v07qwwzcrf",
		"tb1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vpggkg4j",
		"bc1gmk9yu",
	} {
		hrp, _, _ := strings.Cut(strings.ToLower(s), "1")
		if hrp == "tc" {
			hrp = "bc"
		}
		if version, program, err := bech32.Decode(hrp, s); err == nil {
			t.Errorf("%s: version %d, program %x", s, version, program)
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	for _, tc := range []struct {
		version byte
		size    int
	}{{0, 19}, {0, 33}, {17, 20}, {1, 1}, {1, 41}} {
		if s, err := bech32.Encode("bc", tc.version, make([]byte, tc.size)); err == nil {
			t.Errorf("version %d with %d bytes: %s", tc.version, tc.size, s)
		}
	}
}

// TestBIP341 writes the 7 output scripts of BIP-341's wallet vectors as addresses.
func TestBIP341(t *testing.T) {
	b, err := os.ReadFile(vectors.Dir(t, "bips", "bip-0341.json"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		ScriptPubKey []struct {
			Expected struct {
				ScriptPubKey  string `json:"scriptPubKey"`
				Bip350Address string `json:"bip350Address"`
			} `json:"expected"`
		} `json:"scriptPubKey"`
	}
	if err := json.Unmarshal(b, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.ScriptPubKey) != 7 {
		t.Fatalf("%d cases, want 7", len(file.ScriptPubKey))
	}
	for _, tc := range file.ScriptPubKey {
		script, err := hex.DecodeString(tc.Expected.ScriptPubKey)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := bech32.Encode("bc", 1, script[2:]); err != nil || got != tc.Expected.Bip350Address {
			t.Errorf("%s, %v, want %s", got, err, tc.Expected.Bip350Address)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add("bc1qnecw57zdcrt2seylkzmhr5vngacsfrnrlzgegt")
	f.Add("bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0")
	f.Fuzz(func(t *testing.T, s string) {
		version, program, err := bech32.Decode("bc", s)
		if err != nil {
			return
		}
		again, err := bech32.Encode("bc", version, program)
		if err != nil || again != strings.ToLower(s) {
			t.Fatalf("%q is written back as %q, %v", s, again, err)
		}
		if _, p, err := bech32.Decode("bc", again); err != nil || !bytes.Equal(p, program) {
			t.Fatalf("%q: %x, %v", again, p, err)
		}
	})
}
