package envelope

import (
	"bytes"
	"crypto/hpke"
	"crypto/sha3"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// vector is one of RFC 9180 or of the drafts for post-quantum keys, as the Go distribution carries them.
type vector struct {
	Mode                        uint16
	KEM                         uint16 `json:"kem_id"`
	KDF                         uint16 `json:"kdf_id"`
	AEAD                        uint16 `json:"aead_id"`
	Info, IkmR, SkRm, PkRm, Enc string
	Encryptions                 []struct{ Aad, Ct, Pt string }
	Exports                     []struct {
		Context string `json:"exporter_context"`
		L       int
		Value   string `json:"exported_value"`
	}
	Accumulated string `json:"exports_accumulated"`
}

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestVectors runs every vector that the Go distribution has: recipients' keys, what is exported, and ciphertexts where
// they are given; the sums of ciphertexts in the RFC's file need a sender without randomness, which only the library's own
// test can make. Four vectors are for functions that the library leaves out, and are counted as such.
func TestVectors(t *testing.T) {
	for _, file := range []struct {
		name                  string
		all, run, encryptions int
	}{{"rfc9180.json", 24, 24, 0}, {"hpke-pq.json", 13, 9, 90}} {
		b, err := os.ReadFile(filepath.Join(runtime.GOROOT(), "src/crypto/hpke/testdata", file.name)) //nolint:staticcheck // the tests run where Go is
		if err != nil {
			t.Fatal(err)
		}
		var all []vector
		if err := json.Unmarshal(b, &all); err != nil {
			t.Fatal(err)
		}
		run, encryptions := 0, 0
		for _, v := range all {
			name := fmt.Sprintf("%s %x/%x/%x", file.name, v.KEM, v.KDF, v.AEAD)
			scheme, kemErr := hpke.NewKEM(v.KEM)
			kdf, kdfErr := hpke.NewKDF(v.KDF)
			aead, aeadErr := hpke.NewAEAD(v.AEAD)
			if kemErr != nil || kdfErr != nil || aeadErr != nil {
				continue
			}
			run++
			private, err := scheme.NewPrivateKey(unhex(t, v.SkRm))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			derived, err := scheme.DeriveKeyPair(unhex(t, v.IkmR))
			if err != nil || !bytes.Equal(derived.PublicKey().Bytes(), unhex(t, v.PkRm)) || !bytes.Equal(private.PublicKey().Bytes(), unhex(t, v.PkRm)) {
				t.Errorf("%s: public key; %v", name, err)
			}
			r, err := hpke.NewRecipient(unhex(t, v.Enc), private, kdf, aead, unhex(t, v.Info))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			for _, e := range v.Encryptions {
				got, err := r.Open(unhex(t, e.Aad), unhex(t, e.Ct))
				if err != nil || !bytes.Equal(got, unhex(t, e.Pt)) {
					t.Errorf("%s: %v", name, err)
				}
				encryptions++
			}
			v.exports(t, name, r)
		}
		if len(all) != file.all || run != file.run || encryptions != file.encryptions {
			t.Errorf("%s: %d vectors, %d run, %d ciphertexts; want %d, %d, %d", file.name, len(all), run, encryptions, file.all, file.run, file.encryptions)
		}
	}
}

func (v vector) exports(t *testing.T, name string, r *hpke.Recipient) {
	t.Helper()
	for _, e := range v.Exports {
		if got, err := r.Export(string(unhex(t, e.Context)), e.L); err != nil || !bytes.Equal(got, unhex(t, e.Value)) {
			t.Errorf("%s: export; %v", name, err)
		}
	}
	if v.Accumulated == "" {
		return
	}
	source, sink := sha3.NewSHAKE128(), sha3.NewSHAKE128()
	for l := range 1000 {
		size := make([]byte, 1)
		_, _ = source.Read(size)
		context := make([]byte, size[0])
		_, _ = source.Read(context)
		value, err := r.Export(string(context), l)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = sink.Write(value)
	}
	sum := make([]byte, 16)
	_, _ = sink.Read(sum)
	if !bytes.Equal(sum, unhex(t, v.Accumulated)) {
		t.Errorf("%s: exports", name)
	}
}
