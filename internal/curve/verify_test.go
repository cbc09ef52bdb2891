package curve_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"math/big"
	"slices"
	"testing"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/curve"
	"github.com/redoubt-kms/redoubt/internal/vectors"
)

// The Wycheproof suite, through the wrappers that the system uses. The files for the algorithms that this
// package does not hold are run where those live:
//
//	aes_gcm, hmac_sha256, hmac_sha512, x25519,       internal/vectors (the library calls themselves)
//	  hkdf_sha256, chacha20_poly1305
//	ecdsa_secp256r1_sha256                           stamp: passkeys sign in DER
//	json_web_signature, json_web_key, json_web_crypto  internal/jose
//	rsa_signature_*_sha256                           internal/webauthn
func TestWycheproofRaw(t *testing.T) {
	for _, f := range []struct {
		name  string
		alg   api.Algorithm
		cases int
		highS int // valid signatures that we refuse because s is high
	}{
		{"ed25519", api.Ed25519, 151, 0},
		{"ecdsa_secp256r1_sha256_p1363", api.Secp256r1, 262, 0},
		{"ecdsa_secp256k1_sha256_p1363", api.Secp256k1, 252, 72},
	} {
		ran, refused := 0, 0
		for _, g := range vectors.Wycheproof[vectors.SignatureGroup](t, f.name, f.cases) {
			for _, c := range g.Tests {
				ran++
				want := c.Result == "valid"
				if want && f.alg == api.Secp256k1 && highS(c.Sig[32:]) {
					want = false
					refused++
				}
				if got := curve.Verify(f.alg, key(g, f.alg), c.Msg, c.Sig); got != want {
					t.Errorf("%s case %d (%s): %v", f.name, c.ID, c.Comment, got)
				}
			}
		}
		if ran != f.cases || refused != f.highS {
			t.Errorf("%s: ran %d and refused %d, want %d and %d", f.name, ran, refused, f.cases, f.highS)
		}
	}
}

// TestWycheproofDER takes the signatures out of their DER clothes first. In the Bitcoin file a high s is
// invalid already; in the other one it is valid.
func TestWycheproofDER(t *testing.T) {
	for _, f := range []struct {
		name  string
		cases int
		highS int
	}{
		{"ecdsa_secp256k1_sha256_bitcoin", 463, 0},
		{"ecdsa_secp256k1_sha256", 476, 72},
	} {
		ran, refused := 0, 0
		for _, g := range vectors.Wycheproof[vectors.SignatureGroup](t, f.name, f.cases) {
			for _, c := range g.Tests {
				ran++
				want := c.Result == "valid"
				got := false
				if sig, err := ecdsa.ParseDERSignature(c.Sig); err == nil {
					r, s := sig.R(), sig.S()
					rb, sb := r.Bytes(), s.Bytes()
					got = curve.Verify(api.Secp256k1, key(g, api.Secp256k1), c.Msg, append(rb[:], sb[:]...))
					if want && highS(sb[:]) {
						want = false
						refused++
					}
				}
				if got != want {
					t.Errorf("%s case %d (%s): %v", f.name, c.ID, c.Comment, got)
				}
			}
		}
		if ran != f.cases || refused != f.highS {
			t.Errorf("%s: ran %d and refused %d, want %d and %d", f.name, ran, refused, f.cases, f.highS)
		}
	}
}

// key is the group's public key as the algorithm wants it.
func key(g vectors.SignatureGroup, alg api.Algorithm) []byte {
	switch alg {
	case api.Ed25519:
		return g.PublicKey.PK
	case api.Secp256r1:
		return g.PublicKey.Uncompressed
	case api.Secp256k1, api.Secp256k1Keccak256, api.Secp256k1Schnorr:
	}
	u := g.PublicKey.Uncompressed
	return append([]byte{2 + u[64]&1}, u[1:33]...)
}

func highS(s []byte) bool {
	half := new(big.Int).Rsh(secp256k1.Params().N, 1)
	return new(big.Int).SetBytes(s).Cmp(half) > 0
}

func TestVerifySecp256k1(t *testing.T) {
	k, err := curve.New(api.CurveSecp256k1, bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	msg := []byte("a message")
	sig, err := k.Sign(curve.Keccak256(msg))
	if err != nil {
		t.Fatal(err)
	}
	pub, raw := k.Public(), sig[:64]
	if !curve.Verify(api.Secp256k1Keccak256, pub, msg, raw) {
		t.Fatal("a good signature is refused")
	}
	flipped := slices.Clone(raw)
	s := new(big.Int).SetBytes(raw[32:])
	s.Sub(secp256k1.Params().N, s).FillBytes(flipped[32:])
	uncompressed, err := secp256k1.ParsePubKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	for name, ok := range map[string]bool{
		"other hash":    curve.Verify(api.Secp256k1, pub, msg, raw),
		"high s":        curve.Verify(api.Secp256k1Keccak256, pub, msg, flipped),
		"recovery id":   curve.Verify(api.Secp256k1Keccak256, pub, msg, sig),
		"short":         curve.Verify(api.Secp256k1Keccak256, pub, msg, raw[:63]),
		"other message": curve.Verify(api.Secp256k1Keccak256, pub, msg[1:], raw),
		"uncompressed":  curve.Verify(api.Secp256k1Keccak256, uncompressed.SerializeUncompressed(), msg, raw),
		"x-only":        curve.Verify(api.Secp256k1Keccak256, pub[1:], msg, raw),
		"Schnorr":       curve.Verify(api.Secp256k1Schnorr, pub, msg, raw),
		"no algorithm":  curve.Verify("", pub, msg, raw),
		"zeros":         curve.Verify(api.Secp256k1Keccak256, pub, msg, make([]byte, 64)),
		"overflow":      curve.Verify(api.Secp256k1Keccak256, pub, msg, bytes.Repeat([]byte{0xff}, 64)),
	} {
		if ok {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestCanonicalKey(t *testing.T) {
	ed, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	k1, err := secp256k1.GeneratePrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	compressed := k1.PubKey().SerializeCompressed()
	hybrid := k1.PubKey().SerializeUncompressed()
	hybrid[0] = 6 + hybrid[64]&1
	// x = 5 belongs to no point of secp256k1.
	off := append([]byte{2}, make([]byte, 32)...)
	off[32] = 5
	tests := []struct {
		name string
		alg  api.Algorithm
		key  []byte
		ok   bool
	}{
		{"Ed25519", api.Ed25519, ed, true},
		{"Ed25519 of low order", api.Ed25519, make([]byte, 32), false},
		{"Ed25519 long", api.Ed25519, append(ed[:32:32], 0), false},
		{"P-256", api.Secp256r1, unhex(t, "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"), true},
		{"P-256 off the curve", api.Secp256r1, unhex(t, "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f6"), false},
		{"P-256 as Ed25519", api.Secp256r1, ed, false},
		{"secp256k1", api.Secp256k1, compressed, true},
		{"secp256k1 for Ethereum", api.Secp256k1Keccak256, compressed, true},
		{"secp256k1 uncompressed", api.Secp256k1, k1.PubKey().SerializeUncompressed(), false},
		{"secp256k1 hybrid", api.Secp256k1, hybrid, false},
		{"secp256k1 x-only", api.Secp256k1, compressed[1:], false},
		{"secp256k1 off the curve", api.Secp256k1, off, false},
		{"secp256k1 x too large", api.Secp256k1, append([]byte{2}, bytes.Repeat([]byte{0xff}, 32)...), false},
		{"Schnorr", api.Secp256k1Schnorr, compressed[1:], false},
		{"unknown", "RSA", compressed, false},
	}
	for _, tt := range tests {
		got, err := curve.CanonicalKey(tt.alg, tt.key)
		if (err == nil) != tt.ok {
			t.Errorf("%s: error %v", tt.name, err)
		}
		if tt.ok && !bytes.Equal(got, tt.key) {
			t.Errorf("%s: got %x", tt.name, got)
		}
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
