package webauthn

import (
	"bytes"
	"math/big"
	"testing"

	"github.com/redoubt-kms/redoubt/internal/vectors"
)

// RS256 through our reading of keys. What is "acceptable" leaves out a NULL of the digest's name, and is refused.
func TestWycheproofRS256(t *testing.T) {
	type group struct {
		PublicKey struct {
			Modulus  vectors.Hex `json:"modulus"`
			Exponent vectors.Hex `json:"publicExponent"`
		} `json:"publicKey"`
		Tests []vectors.SignatureCase `json:"tests"`
	}
	for name, cases := range map[string]int{
		"rsa_signature_2048_sha256": 259, "rsa_signature_3072_sha256": 259, "rsa_signature_4096_sha256": 258, "rsa_signature_8192_sha256": 258,
	} {
		ran, accepted, otherwise := 0, 0, 0
		for _, g := range vectors.Wycheproof[group](t, name, cases) {
			trim := func(b []byte) []byte { return bytes.TrimLeft(b, "\x00") }
			cose, err := encode(map[int64]any{1: 3, 3: -257, -1: trim(g.PublicKey.Modulus), -2: trim(g.PublicKey.Exponent)})
			if err != nil {
				t.Fatal(err)
			}
			k, err := parseKey(cose)
			for _, c := range g.Tests {
				ran++
				ok := err == nil && k.verify(c.Msg, c.Sig)
				switch {
				case ok && c.Result != "valid":
					t.Errorf("%s case %d (%s): accepted", name, c.ID, c.Comment)
				case ok:
					accepted++
				case c.Result == "valid":
					if otherwise++; new(big.Int).SetBytes(g.PublicKey.Exponent).Cmp(big.NewInt(65537)) >= 0 {
						t.Errorf("%s case %d (%s): refused", name, c.ID, c.Comment)
					}
				}
			}
		}
		t.Logf("%s: accepted %d, refused %d valid ones under small exponents", name, accepted, otherwise)
		if ran != cases || accepted == 0 {
			t.Errorf("%s: ran %d, accepted %d", name, ran, accepted)
		}
	}
}
