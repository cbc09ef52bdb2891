package client_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain/base58"
	"github.com/redoubt-kms/redoubt/client"
	"github.com/redoubt-kms/redoubt/stamp"
)

// The example of RFC 8410, section 10.3: an Ed25519 key in PKCS#8 and its public key.
const (
	rfc8410Key    = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n"
	rfc8410Public = "Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE"
)

func TestParseKeyOfRFC8410(t *testing.T) {
	key, err := client.ParseKey([]byte(rfc8410Key))
	if err != nil || key.Public() != rfc8410Public || key.Algorithm() != api.Ed25519 {
		t.Errorf("%s %s %v", key.Algorithm(), key.Public(), err)
	}
	if again, err := key.MarshalPEM(); err != nil || string(again) != rfc8410Key {
		t.Errorf("%s %v", again, err)
	}
}

// Keys go through both forms and stay the same, their stamps verify, and openssl reads what is written.
func TestKeysGoRound(t *testing.T) {
	for _, algorithm := range []api.Algorithm{api.Ed25519, api.Secp256r1} {
		key, err := client.GenerateKey(algorithm)
		if err != nil {
			t.Fatal(err)
		}
		pem, err := key.MarshalPEM()
		if err != nil {
			t.Fatal(err)
		}
		again, err := client.ParseKey(pem)
		if err != nil || again.Public() != key.Public() || again.Algorithm() != algorithm {
			t.Errorf("%s: %v", algorithm, err)
		}
		header, err := again.Stamp([]byte("body"))
		if err != nil {
			t.Fatal(err)
		}
		s, err := stamp.Parse(header)
		if err != nil || s.Verify([]byte("body")) != nil || s.Algorithm != algorithm {
			t.Errorf("%s: the stamp does not verify: %v", algorithm, err)
		}
		if text := fmt.Sprintf("%v %+v %#v %s %q", key, key, key, key, key); strings.ReplaceAll(text, "REDACTED", "") != "    \"\"" {
			t.Errorf("the key prints %s", text)
		}
		readByOpenSSL(t, pem, key)
	}
	key, err := client.GenerateKey(api.Ed25519)
	if err != nil {
		t.Fatal(err)
	}
	text, err := key.MarshalBase58()
	if err != nil {
		t.Fatal(err)
	}
	if again, err := client.ParseKey(append(text, '\n')); err != nil || again.Public() != key.Public() {
		t.Errorf("base58: %v", err)
	}
}

func readByOpenSSL(t *testing.T, pem []byte, key client.Key) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, pem, 0o600); err != nil {
		t.Fatal(err)
	}
	der, err := exec.Command("openssl", "pkey", "-in", path, "-pubout", "-outform", "DER").Output()
	if err != nil {
		t.Skipf("openssl: %v", err)
	}
	public, err := base64.RawURLEncoding.DecodeString(key.Public())
	if err != nil || !bytes.HasSuffix(der, public) {
		t.Errorf("openssl reads another public key: %x, want %x", der, public)
	}
}

// What is no key is refused without a word of what it holds.
func TestParseKeyRefuses(t *testing.T) {
	key, err := client.GenerateKey(api.Ed25519)
	if err != nil {
		t.Fatal(err)
	}
	text, err := key.MarshalBase58()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := base58.Decode(string(text))
	if err != nil {
		t.Fatal(err)
	}
	raw[40] ^= 1 // the public half is another's
	for why, content := range map[string]string{
		"nothing":             "",
		"words":               "correct horse battery staple",
		"half a key":          base58.Encode(raw[:32]),
		"halves of two":       base58.Encode(raw),
		"two keys":            rfc8410Key + rfc8410Key,
		"a key and words":     rfc8410Key + "secret",
		"another block":       strings.ReplaceAll(rfc8410Key, "PRIVATE", "PUBLIC"),
		"a broken block":      strings.Replace(rfc8410Key, "MC4C", "MC5C", 1),
		"a key of X25519":     strings.Replace(rfc8410Key, "K2Vw", "K2Vu", 1),
		"a key on P-384":      openssl(t, "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"),
		"a key for RSA":       openssl(t, "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"),
		"an encrypted secret": strings.ReplaceAll(rfc8410Key, "PRIVATE", "ENCRYPTED PRIVATE"),
	} {
		_, err := client.ParseKey([]byte(content))
		if err == nil {
			t.Errorf("%s is taken for a key", why)
			continue
		}
		for word := range strings.FieldsSeq(content) {
			if len(word) > 12 && strings.Contains(err.Error(), word) {
				t.Errorf("%s: the error quotes it: %v", why, err)
			}
		}
	}
	if _, err := client.GenerateKey(api.Secp256k1); err == nil {
		t.Error("a key that no stamp is made with")
	}
	if _, err := (client.Key{}).Stamp(nil); err == nil {
		t.Error("no key stamps")
	}
}

func openssl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("openssl", args...).Output()
	if err != nil {
		return "" // it is not here: nothing is refused too
	}
	return string(out)
}

// FuzzParseKey: whatever is taken for a key is written again as a key that is the same.
func FuzzParseKey(f *testing.F) {
	f.Add([]byte(rfc8410Key))
	f.Add([]byte("4wBqpZM9xaSheZzJSMawUKKwhdpChKbZ5eu5ky4Vigw"))
	for _, algorithm := range []api.Algorithm{api.Ed25519, api.Secp256r1} {
		key, err := client.GenerateKey(algorithm)
		if err != nil {
			f.Fatal(err)
		}
		pem, _ := key.MarshalPEM()
		f.Add(pem)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		key, err := client.ParseKey(text)
		if err != nil {
			return
		}
		pem, err := key.MarshalPEM()
		if err != nil {
			t.Fatal(err)
		}
		again, err := client.ParseKey(pem)
		if err != nil || again.Public() != key.Public() {
			t.Errorf("%q is read as %s and then as %s: %v", text, key.Public(), again.Public(), err)
		}
	})
}

// FuzzReadKept: whatever is taken for a kept receipt is written again as the same one.
func FuzzReadKept(f *testing.F) {
	f.Add([]byte(`{"version":1,"request":"{}","result":"null","receipt":"AA"}`))
	f.Add([]byte(`{"version":2,"request":"{}","result":"null","receipt":"AA"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		kept, err := client.ReadKept(b)
		if err != nil {
			return
		}
		text, err := json.Marshal(kept)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := client.ReadKept(text); err != nil || again != kept {
			t.Errorf("%q: %+v, then %+v: %v", b, kept, again, err)
		}
	})
}
