package curve_test

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/big"
	"strings"
	"testing"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/curve"
	"github.com/redoubt-kms/redoubt/internal/vectors"
)

// TestRFC8032 has the first three examples of section 7.1 and the one with a hashed message.
func TestRFC8032(t *testing.T) {
	for i, v := range []struct{ secret, public, msg, sig string }{
		{
			"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
			"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
			"e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
		},
		{
			"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
			"3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
			"92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
		},
		{
			"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
			"fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
			"6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
		},
		{
			"833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
			"ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
			"ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
			"dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
		},
	} {
		k, err := curve.New(api.CurveEd25519, unhex(t, v.secret))
		if err != nil {
			t.Fatal(err)
		}
		if got := hex.EncodeToString(k.Public()); got != v.public {
			t.Errorf("%d: public key %s, want %s", i, got, v.public)
		}
		sig, err := k.Sign(unhex(t, v.msg))
		if err != nil {
			t.Fatal(err)
		}
		if got := hex.EncodeToString(sig); got != v.sig {
			t.Errorf("%d: signature %s, want %s", i, got, v.sig)
		}
	}
}

func TestRFC6979(t *testing.T) {
	var file struct {
		Valid struct {
			ECDSA []struct {
				D, Message string
				Signature  struct{ R, S string }
			}
			RFC6979 []struct{ D, Message, K0 string }
		}
	}
	vectors.ReadJSON(t, &file, "bitcoinjs", "fixtures", "ecdsa.json")
	if n, m := len(file.Valid.ECDSA), len(file.Valid.RFC6979); n != 7 || m != 10 {
		t.Fatalf("%d signatures and %d nonces, want 7 and 10", n, m)
	}
	for i, c := range file.Valid.ECDSA {
		k := scalarKey(t, c.D)
		digest := sha256.Sum256([]byte(c.Message))
		sig, err := k.Sign(digest[:])
		if err != nil {
			t.Fatal(err)
		}
		if got := hex.EncodeToString(sig[:64]); got != c.Signature.R+c.Signature.S {
			t.Errorf("%d: signature %s, want %s%s", i, got, c.Signature.R, c.Signature.S)
		}
		if !curve.Verify(api.Secp256k1, k.Public(), []byte(c.Message), sig[:64]) {
			t.Errorf("%d: does not verify", i)
		}
	}
	// The nonces: as a private key, each has the point whose x is the r of the signature.
	for i, c := range file.Valid.RFC6979 {
		digest := sha256.Sum256([]byte(c.Message))
		sig, err := scalarKey(t, c.D).Sign(digest[:])
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(sig[:32], scalarKey(t, c.K0).Public()[1:]) {
			t.Errorf("%d: another nonce", i)
		}
	}
}

// scalarKey is the secp256k1 key of a scalar in hexadecimal, with or without leading zeros.
func scalarKey(t *testing.T, scalar string) curve.PrivateKey {
	t.Helper()
	d, ok := new(big.Int).SetString(scalar, 16)
	if !ok {
		t.Fatal("bad vector")
	}
	k, err := curve.New(api.CurveSecp256k1, d.FillBytes(make([]byte, 32)))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestNewRefuses(t *testing.T) {
	n := unhex(t, "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141")
	for name, err := range map[string]error{
		"zero scalar":   newError(api.CurveSecp256k1, make([]byte, 32)),
		"scalar n":      newError(api.CurveSecp256k1, n),
		"short":         newError(api.CurveK256, n[1:]),
		"long seed":     newError(api.CurveEd25519, make([]byte, 64)),
		"unknown curve": newError("P-256", bytes.Repeat([]byte{1}, 32)),
	} {
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	n[31]--
	for _, c := range []api.Curve{api.CurveEd25519, api.CurveSecp256k1, api.CurveK256} {
		if err := newError(c, n); err != nil {
			t.Errorf("%s: %v", c, err)
		}
	}
}

func newError(c api.Curve, secret []byte) error {
	_, err := curve.New(c, secret)
	return err
}

func TestSignDigestOnly(t *testing.T) {
	k := newKey(t, api.CurveSecp256k1)
	for _, n := range []int{0, 20, 31, 33, 64} {
		if _, err := k.Sign(make([]byte, n)); err == nil {
			t.Errorf("signed %d bytes", n)
		}
	}
}

func TestZero(t *testing.T) {
	for _, c := range []api.Curve{api.CurveEd25519, api.CurveSecp256k1} {
		k := newKey(t, c)
		k.Zero()
		if sig, err := k.Sign(make([]byte, 32)); err == nil {
			t.Errorf("%s: signed %x after being wiped", c, sig)
		}
	}
}

func TestPublicIsACopy(t *testing.T) {
	for _, c := range []api.Curve{api.CurveEd25519, api.CurveSecp256k1} {
		k := newKey(t, c)
		k.Public()[3] ^= 1
		if _, err := k.Sign(make([]byte, 32)); err != nil {
			t.Errorf("%s: a caller spoilt the key: %v", c, err)
		}
	}
}

func TestRedacted(t *testing.T) {
	secret := bytes.Repeat([]byte{0xa7}, 32)
	for _, c := range []api.Curve{api.CurveEd25519, api.CurveSecp256k1} {
		k, err := curve.New(c, secret)
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%t"} {
			fmt.Fprintf(&out, verb+" "+verb+" "+verb+"\n", k, struct{ K any }{k}, struct{ k curve.PrivateKey }{k})
		}
		j, err := json.Marshal(map[string]any{"key": k})
		if err != nil {
			t.Fatal(err)
		}
		out.Write(j)
		slog.New(slog.NewTextHandler(&out, nil)).Info("text", "key", k, "in", struct{ K any }{k})
		slog.New(slog.NewJSONHandler(&out, nil)).Info("json", "key", k, "in", struct{ K any }{k})
		if !strings.Contains(out.String(), `{"key":"REDACTED"}`) {
			t.Errorf("%s: nothing was redacted: %s", c, &out)
		}
		for _, leak := range []string{"a7a7a7a7", "A7A7A7A7", "167 167", "247 247", "p6enp6en", "\xa7\xa7", `\xa7`} {
			if strings.Contains(out.String(), leak) {
				t.Errorf("%s: the output has %q:\n%s", c, leak, &out)
			}
		}
	}
}

func newKey(t testing.TB, c api.Curve) curve.PrivateKey {
	t.Helper()
	secret := make([]byte, 32)
	if _, err := rand.Read(secret); err != nil {
		t.Fatal(err)
	}
	k, err := curve.New(c, secret)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func BenchmarkSign(b *testing.B) {
	for _, c := range []api.Curve{api.CurveEd25519, api.CurveSecp256k1} {
		b.Run(string(c), func(b *testing.B) {
			k, digest := newKey(b, c), make([]byte, 32)
			for b.Loop() {
				if _, err := k.Sign(digest); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
