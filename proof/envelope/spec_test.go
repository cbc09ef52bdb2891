package envelope_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/redoubt-kms/redoubt/proof"
	"github.com/redoubt-kms/redoubt/proof/envelope"
)

// The vectors of docs/spec/envelope.md are those of this package: what they say opens here.
func TestSpecification(t *testing.T) {
	b, err := os.ReadFile("../../docs/spec/envelope.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```\n(seed .*?)```").FindAllStringSubmatch(string(b), -1)
	if len(blocks) != 2 {
		t.Fatalf("%d vectors, want 2", len(blocks))
	}
	for _, block := range blocks {
		fields := map[string]string{}
		name := ""
		for line := range strings.Lines(block[1]) {
			if !strings.HasPrefix(line, " ") {
				name, line, _ = strings.Cut(line, " ")
			}
			fields[name] += strings.TrimSpace(line)
		}
		value := func(name string) []byte {
			v, err := hex.DecodeString(fields[name])
			if err != nil || len(v) == 0 {
				t.Fatalf("%s: %v", name, err)
			}
			return v
		}
		size := map[bool]int{true: envelope.SizeHybrid, false: envelope.SizeX25519}[len(fields["envelope"]) > 1000]
		k, err := envelope.NewKey(value("seed"), size)
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(k.PublicKey()); !bytes.Equal(sum[:], value("key")) {
			t.Errorf("SHA-256 of the public key is %x", sum)
		}
		p := envelope.Purpose{
			Method: "exportWallet", Organization: proof.ID(value("organization")), Subject: proof.ID(value("wallet")), Context: proof.Hash(value("context")),
		}
		secret, err := k.Open(p, value("envelope"))
		if err != nil {
			t.Fatal(err)
		}
		if secret.Kind != envelope.Entropy || !bytes.Equal(secret.Bytes, value("entropy")) {
			t.Errorf("kind %d, %x", secret.Kind, secret.Bytes)
		}
	}
}
