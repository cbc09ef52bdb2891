package policy

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/stamp"
)

// The passkey's vector of docs/spec/stamp.md: its stamp fits its body under its key, and no other body.
func TestPasskeyVector(t *testing.T) {
	text, err := os.ReadFile("../../docs/spec/stamp.md")
	if err != nil {
		t.Fatal(err)
	}
	_, vector, found := strings.Cut(string(text), "**V4**")
	blocks := strings.Split(vector, "```")
	if !found || len(blocks) < 7 {
		t.Fatal("no vector")
	}
	block := func(i int) string { return strings.TrimSpace(blocks[2*i+1]) }
	key, err := hex.DecodeString(block(0))
	if err != nil {
		t.Fatal(err)
	}
	s, err := stamp.Parse(block(2))
	if err != nil || s.Kind != stamp.Passkey || !bytes.Equal(s.Passkey.CredentialID, bytes.Repeat([]byte{9}, 16)) {
		t.Fatalf("%+v, %v", s, err)
	}
	if s.Encode() != block(2) {
		t.Error("encodes differently")
	}
	c := &caller{body: []byte(block(1)), stamp: &s}
	p := org.Passkey{Version: 1, Credential: s.Passkey.CredentialID, Key: key, RPIDHash: sha256.Sum256([]byte("wallet.example.org")), Origin: "https://wallet.example.org"}
	if said, err := c.verifyPasskey(p); err != nil || !said.UserVerified || said.Count != 0 {
		t.Errorf("%+v, %v", said, err)
	}
	c.body = append(c.body, ' ')
	if _, err := c.verifyPasskey(p); err == nil {
		t.Error("fits another body")
	}
}
