package vectors

import (
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"testing"

	"github.com/c2sp/wycheproof"
)

// Hex is a byte string that the vector files write in hexadecimal.
type Hex []byte

// UnmarshalText decodes the digits.
func (h *Hex) UnmarshalText(text []byte) error {
	b, err := hex.DecodeString(string(text))
	*h = b
	return err
}

// Wycheproof reads the test groups of one file of the Wycheproof suite, such as "ed25519", and insists on its
// pinned number of cases. G has the fields of a group that the test wants.
func Wycheproof[G any](t testing.TB, name string, cases int) []G {
	t.Helper()
	data, err := fs.ReadFile(wycheproof.TestVectors, name+"_test.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		NumberOfTests int `json:"numberOfTests"`
		TestGroups    []G `json:"testGroups"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if file.NumberOfTests != cases {
		t.Fatalf("%s: %d cases, want %d", name, file.NumberOfTests, cases)
	}
	return file.TestGroups
}

// SignatureGroup is a Wycheproof group of signatures under one key.
type SignatureGroup struct {
	PublicKey struct {
		Uncompressed Hex `json:"uncompressed"` // ECDSA
		PK           Hex `json:"pk"`           // Ed25519
	} `json:"publicKey"`
	Tests []SignatureCase `json:"tests"`
}

// SignatureCase is one signature, good or bad.
type SignatureCase struct {
	ID      int    `json:"tcId"`
	Comment string `json:"comment"`
	Msg     Hex    `json:"msg"`
	Sig     Hex    `json:"sig"`
	Result  string `json:"result"`
}
