package envelope

import (
	"bytes"
	"testing"
)

// What decodes, encodes to the same bytes: a secret has one form.
func FuzzSecret(f *testing.F) {
	good, err := (&Secret{Kind: Entropy, Bytes: make([]byte, 20)}).encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := decodeSecret(b)
		if err != nil {
			return
		}
		if again, err := s.encode(); err != nil || !bytes.Equal(again, b) {
			t.Fatalf("written back differently: %v", err)
		}
	})
}
