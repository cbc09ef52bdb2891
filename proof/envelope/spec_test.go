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

// vector is one of docs/spec/envelope.md.
type vector struct {
	key      envelope.Key
	keyHash  []byte
	purpose  envelope.Purpose
	entropy  []byte
	envelope []byte
}

func vectors(t testing.TB) []vector {
	t.Helper()
	b, err := os.ReadFile("../../docs/spec/envelope.md")
	if err != nil {
		t.Fatal(err)
	}
	var all []vector
	for _, block := range regexp.MustCompile("(?s)```\n(seed .*?)```").FindAllStringSubmatch(string(b), -1) {
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
		all = append(all, vector{key: k, keyHash: value("key"), entropy: value("entropy"), envelope: value("envelope"), purpose: envelope.Purpose{
			Method: "exportWallet", Organization: proof.ID(value("organization")), Subject: proof.ID(value("wallet")), Context: proof.Hash(value("context")),
		}})
	}
	if len(all) != 2 {
		t.Fatalf("%d vectors, want 2", len(all))
	}
	return all
}

// The vectors of docs/spec/envelope.md are those of this package: what they say opens here.
func TestSpecification(t *testing.T) {
	for _, v := range vectors(t) {
		if sum := sha256.Sum256(v.key.PublicKey()); !bytes.Equal(sum[:], v.keyHash) {
			t.Errorf("SHA-256 of the public key is %x", sum)
		}
		secret, err := v.key.Open(v.purpose, v.envelope)
		if err != nil {
			t.Fatal(err)
		}
		if secret.Kind != envelope.Entropy || !bytes.Equal(secret.Bytes, v.entropy) {
			t.Errorf("kind %d, %x", secret.Kind, secret.Bytes)
		}
	}
}

// Whatever comes is refused, but for the one envelope that was sealed to the key.
func FuzzOpen(f *testing.F) {
	all := vectors(f)
	for _, v := range all {
		f.Add(v.envelope)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, v := range all {
			if _, err := v.key.Open(v.purpose, b); err == nil && !bytes.Equal(b, v.envelope) {
				t.Fatal("an envelope opens that nobody sealed")
			}
		}
	})
}
