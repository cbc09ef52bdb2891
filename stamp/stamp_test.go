package stamp_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"math/big"
	rand2 "math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/stamp"
)

// The first two stamps were made by unmodified clients, one in Node and one in Chromium.
const (
	bodyV1  = `{"method":"getOrganizationWallets","params":{"organizationId":"e5e42136-74b1-49ea-88b8-741c268a6f1a","limit":20,"offset":0},"timestampMs":1795333820985}`
	stampV1 = "eyJwdWJsaWNLZXkiOiI2a3BzWS1LY1VncS05VkI3RXk3Ri1aVkhkcTYtdm51U1FoN3FhUlJHMGl3Iiwic2lnbmF0dXJlIjoiUFlGY3lHWFQ4MWxaMDVVOXpVaDNjdXN3YjU3WFJLRzY0aVg0WllUWHZKdWNyWFBlcEpvR2ctMU5GRFYtYXZBaVBXVEpNbzNremtpMjl5VDRZbnFfQVEiLCJraW5kIjoiUEtJIiwiYWxnb3JpdGhtIjoiRWQyNTUxOSJ9"
	bodyV2  = `{"method":"getOrganizationWallets","params":{"organizationId":"org-1","limit":20,"offset":0},"timestampMs":1795333961505}`
	stampV2 = "eyJwdWJsaWNLZXkiOiJCQWVJVjJJeGtTVTlic3NpREctZllyeUdFZjk3Y3VmYmNXaU5yVFZtemFEMUEyQVU3dGdHNEF1YXlpa09LaDFSaVpkMmRYRndZNG5PdjE1UnV3c3NiQVkiLCJzaWduYXR1cmUiOiJ6eUZJS2ZMNHNWS0JQcThFbXcwZFA1VGdlY0plbVoyMUM5QVVNRHBHT1QyT1VFZHJKU1NMSXRFSkZQdHlSMENpXzhkMG9oVzBsNW5wdXpIOGcwZ29IUSIsImtpbmQiOiJQS0kiLCJhbGdvcml0aG0iOiJTZWNwMjU2cjEifQ"
	bodyV3  = `{"method":"getOrCreatePhantomOrganization","params":{"publicKey":"BOVpDfuOn0Y8OmMopTuaHcyD-8WgcEjFqT1SO0eWGYNc0VscSg9ngtBAnXXl9mOEe2FkG6tkENZaB5qKG09kmIQ"},"timestampMs":1795333896908}`
	keyV3   = "BOVpDfuOn0Y8OmMopTuaHcyD-8WgcEjFqT1SO0eWGYNc0VscSg9ngtBAnXXl9mOEe2FkG6tkENZaB5qKG09kmIQ"
	sigV3   = "tg-GgM09I2AASUFYqFDsjIfm4qfK0rwoqV7jCB6iZ_SDIrFAR_zK2RIwFjxURyBtXIH7ZWdtSzBGQ9-PtUx2Mg"
	nonceV3 = "1ruR0dZOvD3P7o-IdS8jRV61RlLI0vCsluWddtG7qTo"
)

func TestStampOfNodeClient(t *testing.T) {
	sum := sha256.Sum256([]byte(bodyV1))
	if got, want := hex.EncodeToString(sum[:]), "f27910ac208ee7516445a5cdf04c2c8b84b6071303436fca5ef4bf52fa31d54f"; got != want {
		t.Fatalf("SHA-256 of the body is %s, want %s", got, want)
	}
	s := mustParse(t, stampV1)
	if err := s.Verify([]byte(bodyV1)); err != nil {
		t.Error(err)
	}
	if s.Encode() != stampV1 {
		t.Error("does not encode to the bytes of the client")
	}
	priv := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))
	if stamp.SignEd25519(priv, []byte(bodyV1)) != stampV1 {
		t.Error("our own stamp differs from that of the client")
	}
}

func TestStampOfBrowser(t *testing.T) {
	s := mustParse(t, stampV2)
	if err := s.Verify([]byte(bodyV2)); err != nil {
		t.Error(err)
	}
	if s.Encode() != stampV2 {
		t.Error("does not encode to the bytes of the client")
	}
}

func TestStampOfSession(t *testing.T) {
	s := stamp.Stamp{
		Kind: stamp.OIDC, Algorithm: api.Secp256r1, IDToken: "e30.e30.AAAA",
		PublicKey: unbase64(t, keyV3), Signature: unbase64(t, sigV3),
	}
	if got := s.Nonce(); got != nonceV3 {
		t.Errorf("nonce %s, want %s", got, nonceV3)
	}
	got := mustParse(t, s.Encode())
	if diff := cmp.Diff(s, got); diff != "" {
		t.Error(diff)
	}
	if err := got.Verify([]byte(bodyV3)); err != nil {
		t.Error(err)
	}
	s.Salt = "x"
	if s.Nonce() == nonceV3 {
		t.Error("the nonce does not depend on the salt")
	}
}

// members are those of the first stamp, in its order.
func members() [][2]string {
	return [][2]string{
		{"publicKey", "6kpsY-KcUgq-9VB7Ey7F-ZVHdq6-vnuSQh7qaRRG0iw"},
		{"signature", "PYFcyGXT81lZ05U9zUh3cuswb57XRKG64iX4ZYTXvJucrXPepJoGg-1NFDV-avAiPWTJMo3kzki29yT4Ynq_AQ"},
		{"kind", "PKI"},
		{"algorithm", "Ed25519"},
	}
}

func object(m [][2]string) string {
	var b strings.Builder
	for i, kv := range m {
		b.WriteString(map[bool]string{true: "{", false: ","}[i == 0])
		b.WriteString(`"` + kv[0] + `":"` + kv[1] + `"`)
	}
	return b.String() + "}"
}

func header(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

func TestParseAccepts(t *testing.T) {
	m := members()
	want := mustParse(t, stampV1)
	for name, text := range map[string]string{
		"as sent":     object(m),
		"other order": object([][2]string{m[3], m[2], m[1], m[0]}),
		"white space": " {\n\t\"publicKey\" : \"" + m[0][1] + "\" ," + object(m[1:])[1:] + "\r\n",
		"escapes":     strings.Replace(object(m), `"PKI"`, `"\u0050\u004bI"`, 1),
	} {
		for _, h := range []string{header(text), base64.URLEncoding.EncodeToString([]byte(text))} {
			got, err := stamp.Parse(h)
			if err != nil {
				t.Errorf("%s: %v", name, err)
			} else if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
		}
	}
}

func TestParseRefuses(t *testing.T) {
	m := members()
	good := object(m)
	with := func(i int, value string) string {
		m := members()
		m[i][1] = value
		return object(m)
	}
	for name, text := range map[string]string{
		"empty":                 "",
		"empty object":          "{}",
		"array":                 "[" + good + "]",
		"trailing comma":        good[:len(good)-1] + ",}",
		"leading comma":         "{," + good[1:],
		"missing comma":         strings.Replace(good, `","kind`, `""kind`, 1),
		"cut":                   good[:len(good)-1],
		"something behind":      good + "x",
		"two objects":           good + good,
		"byte order mark":       "\ufeff" + good,
		"duplicate":             object(append(m, [2]string{"kind", "PKI"})),
		"duplicate by escape":   good[:len(good)-1] + `,"\u006bind":"PKI"}`,
		"case of a name":        strings.Replace(good, `"kind"`, `"Kind"`, 1),
		"kelvin sign":           strings.Replace(good, `"kind"`, "\"\u212aind\"", 1),
		"unknown member":        object(append(m, [2]string{"x", "y"})),
		"token in a PKI stamp":  object(append(m, [2]string{"idToken", "e30.e30.AA"})),
		"salt in a PKI stamp":   object(append(m, [2]string{"salt", ""})),
		"number":                strings.Replace(good, `"PKI"`, `1`, 1),
		"null":                  strings.Replace(good, `"PKI"`, `null`, 1),
		"nested":                strings.Replace(good, `"PKI"`, `{}`, 1),
		"control character":     strings.Replace(good, `"PKI"`, "\"PKI\x01\"", 1),
		"lone surrogate":        strings.Replace(good, `"PKI"`, `"\ud800"`, 1),
		"second surrogate":      strings.Replace(good, `"PKI"`, `"\udc00\ud800"`, 1),
		"bad escape":            strings.Replace(good, `"PKI"`, `"\PKI"`, 1),
		"signed escape":         strings.Replace(good, `"PKI"`, `"\u+050KI"`, 1),
		"invalid UTF-8":         strings.Replace(good, `"PKI"`, "\"PKI\xff\"", 1),
		"no kind":               object(append(m[:2:2], m[3])),
		"no signature":          object(append(m[:1:1], m[2:]...)),
		"no key":                object(m[1:]),
		"no algorithm":          object(m[:3]),
		"unknown kind":          with(2, "passkey"),
		"case of the kind":      with(2, "pki"),
		"OIDC without a token":  with(2, "OIDC"),
		"unknown algorithm":     with(3, "RS256"),
		"wallet algorithm":      with(3, "Secp256k1"),
		"key of the other kind": with(3, "Secp256r1"),
		"padded key":            with(0, m[0][1]+"="),
		"line break in a key":   with(0, m[0][1]+`\n`),
		"key not canonical":     with(0, m[0][1][:42]+"x"),
		"short key":             with(0, m[0][1][:40]),
		"standard alphabet":     with(0, strings.ReplaceAll(m[0][1], "-", "+")),
		"short signature":       with(1, m[1][1][:80]),
		"DER signature":         with(1, header(strings.Repeat("x", 70))),
	} {
		if _, err := stamp.Parse(header(text)); !errors.Is(err, stamp.ErrMalformed) {
			t.Errorf("%s: error %v, want %v", name, err, stamp.ErrMalformed)
		}
	}
	for name, h := range map[string]string{
		"not base64":        "§" + stampV1,
		"standard alphabet": strings.ReplaceAll(header("{\"\u00ff\u00fe\":\"\"}"), "_", "/"),
		"half padded":       base64.URLEncoding.EncodeToString([]byte(object(m) + " "))[:len(stampV1)+1] + "=",
		"line break":        stampV1[:20] + "\n" + stampV1[20:],
		"padding twice":     stampV1 + "==",
		"too long":          header(object(m) + strings.Repeat(" ", api.MaxStamp)),
	} {
		if _, err := stamp.Parse(h); !errors.Is(err, stamp.ErrMalformed) {
			t.Errorf("%s: error %v, want %v", name, err, stamp.ErrMalformed)
		}
	}
}

func TestVerifyRefuses(t *testing.T) {
	for _, h := range []string{stampV1, stampV2} {
		body := []byte(bodyV1)
		if h == stampV2 {
			body = []byte(bodyV2)
		}
		for i := range body {
			body[i] ^= 1
			refuse(t, mustParse(t, h), body, "flipped byte of the body")
			body[i] ^= 1
		}
		refuse(t, mustParse(t, h), body[1:], "shorter body")
		refuse(t, mustParse(t, h), append(body[:len(body):len(body)], '\n'), "longer body")
		for i := range 8 * 64 {
			s := mustParse(t, h)
			s.Signature[i/8] ^= 1 << (i % 8)
			refuse(t, s, body, "flipped bit of the signature")
		}
		s := mustParse(t, h)
		s.PublicKey[5] ^= 1
		refuse(t, s, body, "other key")
	}
	reordered := `{"params":{"organizationId":"org-1","limit":20,"offset":0},"method":"getOrganizationWallets","timestampMs":1795333961505}`
	refuse(t, mustParse(t, stampV2), []byte(reordered), "re-ordered body")
	s := mustParse(t, stampV1)
	s.Algorithm = api.Secp256k1
	refuse(t, s, []byte(bodyV1), "wallet algorithm")
	refuse(t, stamp.Stamp{}, nil, "zero stamp")
}

func TestSignP256(t *testing.T) {
	priv, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	half := new(big.Int).Rsh(elliptic.P256().Params().N, 1)
	low, high := 0, 0
	for low == 0 || high == 0 {
		h, err := stamp.SignP256(priv, []byte(bodyV2))
		if err != nil {
			t.Fatal(err)
		}
		s := mustParse(t, h)
		if err := s.Verify([]byte(bodyV2)); err != nil {
			t.Fatal(err)
		}
		if new(big.Int).SetBytes(s.Signature[32:]).Cmp(half) > 0 {
			high++
		} else {
			low++
		}
	}
	h, err := stamp.SignOIDC(priv, "e30.e30.AA", "salt \"\\\x01", []byte(bodyV2))
	if err != nil {
		t.Fatal(err)
	}
	if s := mustParse(t, h); s.Kind != stamp.OIDC || s.Salt != "salt \"\\\x01" || s.Verify([]byte(bodyV2)) != nil {
		t.Error("an OIDC stamp of our own is not accepted")
	}
	other, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stamp.SignP256(other, nil); err == nil {
		t.Error("stamped with a key of another curve")
	}
}

// FuzzStamp: what is accepted encodes to an equal stamp, which verifies alike.
func FuzzStamp(f *testing.F) {
	f.Add(stampV1, []byte(bodyV1))
	f.Add(stampV2, []byte(bodyV2))
	f.Add(header(object(members())+" "), []byte(bodyV1))
	f.Add(header(`{"kind":"OIDC","idToken":"\ud83d\ude00","salt":"\u0000"}`), []byte{})
	f.Fuzz(func(t *testing.T, h string, body []byte) {
		s, err := stamp.Parse(h)
		if err != nil {
			return
		}
		again, err := stamp.Parse(s.Encode())
		if err != nil {
			t.Fatalf("the encoding of an accepted stamp is refused: %v", err)
		}
		if diff := cmp.Diff(s, again); diff != "" {
			t.Fatal(diff)
		}
		if (s.Verify(body) == nil) != (again.Verify(body) == nil) {
			t.Fatal("two equal stamps verify differently")
		}
	})
}

func refuse(t *testing.T, s stamp.Stamp, body []byte, what string) {
	t.Helper()
	if err := s.Verify(body); !errors.Is(err, stamp.ErrSignature) {
		t.Errorf("%s: error %v, want %v", what, err, stamp.ErrSignature)
	}
}

func mustParse(t *testing.T, h string) stamp.Stamp {
	t.Helper()
	s, err := stamp.Parse(h)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func unbase64(t *testing.T, text string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestMutants spoils good requests at random: none of them may pass.
func TestMutants(t *testing.T) {
	rng := rand2.New(rand2.NewPCG(1, 2))
	good := [][2]string{{stampV1, bodyV1}, {stampV2, bodyV2}}
	for range rounds(20_000, 1_000_000) {
		pair := good[rng.IntN(2)]
		parts := [2][]byte{[]byte(pair[0]), []byte(pair[1])}
		part := &parts[rng.IntN(2)]
		i := rng.IntN(len(*part))
		switch rng.IntN(3) {
		case 0:
			(*part)[i] ^= 1 << rng.IntN(8)
		case 1:
			*part = (*part)[:i]
		case 2:
			*part = slices.Insert(*part, i, byte(rng.IntN(256)))
		}
		if s, err := stamp.Parse(string(parts[0])); err == nil && s.Verify(parts[1]) == nil {
			t.Fatalf("accepted stamp %q of body %q", parts[0], parts[1])
		}
	}
}

// rounds is how often a random test is repeated.
func rounds(short, full int) int {
	if os.Getenv("REDOUBT_ACCEPTANCE") == "full" {
		return full
	}
	return short
}
