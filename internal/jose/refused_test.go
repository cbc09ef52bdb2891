package jose_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redoubt-kms/redoubt/internal/jose"
)

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// issuer holds one key of each kind that we take, and the set of them.
type issuer struct {
	ec   *ecdsa.PrivateKey
	rsa  *rsa.PrivateKey
	ed   ed25519.PrivateKey
	set  string
	keys jose.KeySet
}

func newIssuer(t testing.TB) *issuer {
	t.Helper()
	i := &issuer{ec: newKey(t)}
	var err error
	if i.rsa, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		t.Fatal(err)
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	i.ed = private
	point, err := i.ec.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	i.set = fmt.Sprintf(`{"keys":[{"kty":"EC","crv":"P-256","kid":"ec","x":%q,"y":%q},{"kty":"RSA","kid":"rsa","n":%q,"e":"AQAB"},{"kty":"OKP","crv":"Ed25519","kid":"ed","x":%q}]}`,
		b64(point[1:33]), b64(point[33:]), b64(i.rsa.N.Bytes()), b64(public))
	if i.keys, err = jose.ParseKeySet([]byte(i.set)); err != nil {
		t.Fatal(err)
	}
	return i
}

// sign signs any header and payload, whatever they say, by the way that an algorithm's name stands for.
func (i *issuer) sign(t testing.TB, algorithm, header, payload string) string {
	t.Helper()
	text := b64([]byte(header)) + "." + b64([]byte(payload))
	digest := sha256.Sum256([]byte(text))
	var signature []byte
	switch algorithm {
	case "ES256":
		r, s, err := ecdsa.Sign(rand.Reader, i.ec, digest[:])
		if err != nil {
			t.Fatal(err)
		}
		signature = append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	case "DER":
		signature, _ = ecdsa.SignASN1(rand.Reader, i.ec, digest[:])
	case "RS256":
		signature, _ = rsa.SignPKCS1v15(nil, i.rsa, crypto.SHA256, digest[:])
	case "PS256":
		signature, _ = rsa.SignPSS(rand.Reader, i.rsa, crypto.SHA256, digest[:], nil)
	case "EdDSA":
		signature = ed25519.Sign(i.ed, []byte(text))
	default: // HS256 with what is public as the secret
		mac := hmac.New(sha256.New, []byte(algorithm))
		mac.Write([]byte(text))
		signature = mac.Sum(nil)
	}
	return text + "." + b64(signature)
}

// refused are tokens of which none may be taken.
func (i *issuer) refused(t testing.TB, try func(name, token string)) {
	now := time.Now().Unix()
	claims := fmt.Sprintf(`{"iss":"https://a","sub":"b","aud":"c","exp":%d,"iat":%d}`, now+600, now)
	for _, algorithm := range []string{"ES256", "RS256", "EdDSA"} {
		kid := map[string]string{"ES256": "ec", "RS256": "rsa", "EdDSA": "ed"}[algorithm]
		good := i.sign(t, algorithm, fmt.Sprintf(`{"alg":%q,"kid":%q}`, algorithm, kid), claims)
		if token, err := jose.Parse(good); err != nil || token.Verify(i.keys) != nil {
			t.Fatalf("%s: %v", algorithm, err)
		}
		parts := strings.Split(good, ".")
		// Headers that say something else than how it was signed, or bring a key along, or want to be understood.
		for name, header := range map[string]string{
			"none": `{"alg":"none"}`, "None": `{"alg":"None"}`, "no alg": `{"kid":"` + kid + `"}`, "null alg": `{"alg":null}`, "empty alg": `{"alg":""}`, "list": `{"alg":["` + algorithm + `"]}`,
			"HS256": `{"alg":"HS256"}`, "PS256": `{"alg":"PS256"}`, "RS384": `{"alg":"RS384"}`, "ES384": `{"alg":"ES384"}`, "ES256K": `{"alg":"ES256K"}`, "lower case": `{"alg":"` + strings.ToLower(algorithm) + `"}`,
			"spaced": `{"alg":"` + algorithm + ` "}`, "alg twice": `{"alg":"none","alg":"` + algorithm + `"}`, "ALG": `{"ALG":"` + algorithm + `"}`, "crit": `{"alg":"` + algorithm + `","crit":["exp"]}`, "empty crit": `{"alg":"` + algorithm + `","crit":[]}`,
			"jwk": `{"alg":"` + algorithm + `","jwk":{}}`, "jku": `{"alg":"` + algorithm + `","jku":"https://evil"}`, "x5u": `{"alg":"` + algorithm + `","x5u":"https://evil"}`, "x5c": `{"alg":"` + algorithm + `","x5c":[]}`,
			"zip": `{"alg":"` + algorithm + `","zip":"DEF"}`, "enc": `{"alg":"` + algorithm + `","enc":"A128GCM"}`, "b64": `{"alg":"` + algorithm + `","b64":false}`, "null jwk": `{"alg":"` + algorithm + `","jwk":null}`,
			"kid as number": `{"alg":"` + algorithm + `","kid":1}`, "kid twice": `{"alg":"` + algorithm + `","kid":"` + kid + `","kid":"x"}`, "another kid": `{"alg":"` + algorithm + `","kid":"../` + kid + `"}`, "typ as list": `{"alg":"` + algorithm + `","typ":[]}`,
			"text": `"x"`, "null": `null`, "array": `[]`, "empty": ``, "trailing": `{"alg":"` + algorithm + `"} {}`, "broken UTF-8": "{\"alg\":\"" + algorithm + "\",\"x\":\"\xff\"}", "comment": `{"alg":"` + algorithm + `"/**/}`,
		} {
			try(algorithm+" header "+name, i.sign(t, algorithm, header, claims))
		}
		for name, payload := range map[string]string{
			"null": "null", "list": "[]", "text": `"x"`, "empty": "", "sub twice": `{"sub":"a","sub":"b"}`, "nested twice": `{"sub":"a","x":{"y":1,"y":2}}`, "sub as number": `{"sub":1}`, "aud as number": `{"aud":1}`, "aud of numbers": `{"aud":[1]}`,
			"aud as object": `{"aud":{}}`, "exp as text": `{"exp":"1"}`, "exp negative": `{"exp":-1}`, "exp huge": `{"exp":99999999999999999}`, "exp with exponent": `{"exp":1e9}`, "exp with a point and an exponent": `{"exp":1.5e9}`, "nbf whose point moves": `{"nbf":1.7E99}`, "exp null": `{"exp":null}`, "trailing": `{} {}`, "broken UTF-8": "{\"sub\":\"\xff\"}", "lone surrogate": `{"sub":"\ud800"}`,
		} {
			try(algorithm+" claims "+name, i.sign(t, algorithm, fmt.Sprintf(`{"alg":%q}`, algorithm), payload))
		}
		for name, token := range map[string]string{
			"no signature": parts[0] + "." + parts[1] + ".", "two parts": parts[0] + "." + parts[1], "four parts": good + ".x", "padded": good + "=", "line break": good + "\n", "space": " " + good, "break inside": parts[0] + ".\n" + parts[1] + "." + parts[2],
			"standard alphabet": parts[0] + "." + parts[1] + "." + strings.NewReplacer("-", "+", "_", "/").Replace(parts[2]) + "+", "swapped": parts[1] + "." + parts[0] + "." + parts[2], "cut": good[:len(good)-4], "longer": good + "AAAA", "other claims": parts[0] + "." + b64([]byte(`{"sub":"evil"}`)) + "." + parts[2],
			"too long": parts[0] + "." + strings.Repeat("A", jose.MaxToken) + "." + parts[2], "JSON form": `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`, "zeros": parts[0] + "." + parts[1] + "." + b64(make([]byte, 64)),
		} {
			try(algorithm+" "+name, token)
		}
		for _, as := range []string{"ES256", "RS256", "EdDSA", "PS256", "DER", i.set, string(i.rsa.N.Bytes())} {
			if as != algorithm {
				try(algorithm+" signed otherwise", i.sign(t, as, fmt.Sprintf(`{"alg":%q}`, algorithm), claims))
				try(algorithm+" as HS256", i.sign(t, as, `{"alg":"HS256"}`, claims))
			}
		}
	}
}

// No token that was made to be refused is accepted.
func TestTokensRefused(t *testing.T) {
	i := newIssuer(t)
	tried := 0
	i.refused(t, func(name, text string) {
		tried++
		if token, err := jose.Parse(text); err == nil && token.Verify(i.keys) == nil {
			t.Errorf("%s: accepted", name)
		}
	})
	if tried != 249 {
		t.Errorf("%d tokens, want 249", tried)
	}
}

// A token is tried with few keys, so that a bad one costs little; the one that it names is found wherever it stands.
func TestFewKeysAreTried(t *testing.T) {
	var keys []string
	var last *issuer
	for n := range 6 {
		i := &issuer{ec: newKey(t)}
		point, err := i.ec.PublicKey.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		key := fmt.Sprintf(`{"kty":"EC","crv":"P-256","x":%q,"y":%q`, b64(point[1:33]), b64(point[33:]))
		keys, last = append(keys, key), i
		for _, c := range []struct {
			why, kid, named string // kid of the last key, and of the token
			good            bool
		}{{"no names", "", "", n < 4}, {"its name", `,"kid":"x"`, "x", true}, {"its name, unsaid", `,"kid":"x"`, "", n < 4}} {
			set, err := jose.ParseKeySet([]byte(`{"keys":[` + strings.Join(append(other(keys[:n], `,"kid":"o"}`, c.kid), key+c.kid+"}"), ",") + `]}`))
			if err != nil {
				t.Fatal(err)
			}
			header := `{"alg":"ES256"}`
			if c.named != "" {
				header = fmt.Sprintf(`{"alg":"ES256","kid":%q}`, c.named)
			}
			token, err := jose.Parse(last.sign(t, "ES256", header, `{"sub":"a"}`))
			if err == nil {
				err = token.Verify(set)
			}
			if (err == nil) != c.good {
				t.Errorf("key %d, %s: %v", n+1, c.why, err)
			}
		}
	}
}

// other closes keys, with another name than that of the key that is asked for, if it has one.
func other(keys []string, named, kid string) []string {
	var all []string
	for _, k := range keys {
		if kid == "" {
			named = "}"
		}
		all = append(all, k+named)
	}
	return all
}

// Sets that hold what we could not bear are refused, and quickly.
func TestKeySetsRefused(t *testing.T) {
	i := newIssuer(t)
	one := strings.TrimSuffix(strings.TrimPrefix(i.set, `{"keys":[`), `]}`)
	set := func(keys string) string { return `{"keys":[` + keys + `]}` }
	rsaKey := func(n []byte, e string) string { return set(fmt.Sprintf(`{"kty":"RSA","n":%q,"e":%q}`, b64(n), e)) }
	n := i.rsa.N.Bytes()
	for name, text := range map[string]string{
		"empty": "", "null": "null", "no keys": "{}", "none": set(""), "twice": strings.Replace(i.set, `"kty":"EC"`, `"kty":"EC","kty":"EC"`, 1), "sets twice": `{"keys":[],"keys":[` + one + `]}`,
		"secret": set(one + `,{"kty":"oct","k":"AAAA"}`), "private": set(`{"kty":"OKP","crv":"Ed25519","x":"` + b64(i.ed[32:]) + `","d":"` + b64(i.ed[:32]) + `"}`),
		"encryption alone": set(strings.ReplaceAll(one, `"kid"`, `"use":"enc","kid"`)), "PS256 alone": rsaKey(n, `AQAB","alg":"PS256`),
		"small": rsaKey(n[:255], "AQAB"), "exponent 3": rsaKey(n, "Aw"), "even exponent": rsaKey(n, "AQAA"), "even": rsaKey(append(n[:255:255], 2), "AQAB"),
		"8193 bits": rsaKey(append([]byte{1}, make([]byte, 1024)...), "AQAB"), "65536 bits": rsaKey(append(n[:8:8], make([]byte, 8184)...), "AQAB"), "368640 bits": rsaKey(make([]byte, 46080), "AQAB"),
		"10^4 keys": set(strings.TrimSuffix(strings.Repeat("{},", 10_000), ",")), "21 keys": set(strings.TrimSuffix(strings.Repeat(one+",", 7), ",")), "10^4 real keys": set(strings.TrimSuffix(strings.Repeat(one+",", 3334), ",")),
		"off the curve": strings.Replace(i.set, `"x":"`, `"x":"A`, 1), "low order": set(`{"kty":"OKP","crv":"Ed25519","x":"` + b64(make([]byte, 32)) + `"}`), "P-384 alone": set(`{"kty":"EC","crv":"P-384","x":"AA","y":"AA"}`), "deep": strings.Repeat("[", 60_000), "trailing": i.set + "{}",
	} {
		start := time.Now()
		if _, err := jose.ParseKeySet([]byte(text)); err == nil {
			t.Errorf("%s: accepted", name)
		}
		if took := time.Since(start); took > 250*time.Millisecond {
			t.Errorf("%s: refused after %v", name, took)
		}
	}
}

// What is signed by nobody's key is accepted from nobody, and what parses once parses alike again.
func FuzzToken(f *testing.F) {
	i := newIssuer(f)
	n := 0
	i.refused(f, func(_, text string) {
		if n++; n%5 == 0 {
			f.Add(text)
		}
	})
	stranger := newIssuer(f)
	f.Fuzz(func(t *testing.T, text string) {
		token, err := jose.Parse(text)
		if err != nil {
			return
		}
		if token.Verify(stranger.keys) == nil || token.Verify(jose.KeySet{}) == nil {
			t.Fatal("accepted by a stranger's keys")
		}
	})
}

// A set that is accepted is published as it was read, and reads the same.
func FuzzKeySet(f *testing.F) {
	f.Add([]byte(newIssuer(f).set))
	f.Add([]byte(`{"keys":[{"kty":"oct","k":"AAAA"}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		set, err := jose.ParseKeySet(b)
		if err != nil {
			return
		}
		var any map[string]any
		if _, err := jose.ParseKeySet(set.JSON()); err != nil || string(set.JSON()) != string(b) || json.Unmarshal(b, &any) != nil {
			t.Fatalf("%v", err)
		}
	})
}
