package seed_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain/address"
	"github.com/redoubt-kms/redoubt/internal/curve"
	"github.com/redoubt-kms/redoubt/internal/derivation"
	"github.com/redoubt-kms/redoubt/internal/seed"
)

const testWords = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon " +
	"abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon art"

func testSeed(t testing.TB) *seed.Seed {
	t.Helper()
	s, err := seed.FromMnemonic([]byte(testWords))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestAddresses has the accounts that clients derive by default, each confirmed by two other implementations.
func TestAddresses(t *testing.T) {
	s := testSeed(t)
	for path, want := range map[string]string{
		"m/44'/501'/0'/0'":    "3Cy3YNTFywCmxoxt8n7UH6hg6dLo5uACowX3CFceaSnx",
		"m/44'/60'/0'/0/0":    "0xF278cF59F82eDcf871d630F28EcC8056f25C1cdb",
		"m/84'/0'/0'/0":       "bc1qnecw57zdcrt2seylkzmhr5vngacsfrnrlzgegt",
		"m/44'/784'/0'/0'/0'": "0xf967e21c16a4757daafec13ee79c0dc5c5329199be5d70c86fd07b8e75db892c",
		"m/44'/501'/1'/0'":    "5frqxtii9LeGq2bz3dSNokvZcEooF483MzeU24JrhcTA",
		"m/44'/60'/0'/0/1":    "0xf785bD075874b8423D3583728a981399f31e95aA",
		"m/84'/0'/1'/0":       "bc1qhg5kfv8agtkn2texm0jd9zugdknsx7kd7e337y",
		"m/44'/784'/1'/0'/0'": "0xf7f534201ecf22ce18f0776c860d0d43968f7c7993a3af1788671c73487c43fb",
	} {
		k, format := account(t, s, path)
		got, err := address.Encode(format, k.Public())
		if err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}

func account(t testing.TB, s *seed.Seed, text string) (curve.PrivateKey, api.AddressFormat) {
	t.Helper()
	path, err := derivation.ParsePath(text)
	if err != nil {
		t.Fatal(err)
	}
	c, format, err := derivation.InferAccount(path)
	if err != nil {
		t.Fatal(err)
	}
	k, err := s.Derive(path, c)
	if err != nil {
		t.Fatal(err)
	}
	return k, format
}

// TestSignatures has signatures that published clients verified: a Solana message and an Ethereum one.
func TestSignatures(t *testing.T) {
	s := testSeed(t)
	k, _ := account(t, s, "m/44'/501'/0'/0'")
	sig, err := k.Sign([]byte("héllo"))
	if err != nil {
		t.Fatal(err)
	}
	const solana = "95634112d8e9afd014b9ba9be58569a41704177e5eeebb843e5d2f862c3a1296acf7efcb5c0a48d3881cf89f3d2fff687429096a82cb5676b3d01eef74664d02"
	if got := hex.EncodeToString(sig); got != solana {
		t.Errorf("Solana message: %s, want %s", got, solana)
	}
	k, _ = account(t, s, "m/44'/60'/0'/0/0")
	sig, err = k.Sign(curve.Keccak256([]byte("\x19Ethereum Signed Message:\n5hello")))
	if err != nil {
		t.Fatal(err)
	}
	sig[64] += 27
	const ethereum = "f3c725b7d1bc48c8679df92937f7d3625f54369ab55dbbc4769c562b2aa95a73549ea9b779b550bd8043f0d99bdf623439991ef826cbd97ff58c1cb01cd5e6b21c"
	if got := hex.EncodeToString(sig); got != ethereum {
		t.Errorf("Ethereum message: %s, want %s", got, ethereum)
	}
}

func TestRestore(t *testing.T) {
	for _, size := range []int{16, 20, 24, 28, 32} {
		entropy := bytes.Repeat([]byte{9}, size)
		s, err := seed.New(entropy)
		if err != nil {
			t.Fatal(err)
		}
		clear(entropy)
		again, err := seed.Restore(s.Entropy(), s.Stretched())
		if err != nil {
			t.Fatal(err)
		}
		a, _ := account(t, s, "m/44'/60'/0'/0/0")
		b, _ := account(t, again, "m/44'/60'/0'/0/0")
		if !bytes.Equal(a.Public(), b.Public()) {
			t.Errorf("%d bytes: another key after sealing", size)
		}
		words, err := again.Mnemonic()
		if err != nil || len(bytes.Fields(words)) != size*3/4 {
			t.Errorf("%d bytes: %d words, error %v", size, len(bytes.Fields(words)), err)
		}
	}
	for _, size := range []int{0, 15, 17, 18, 31, 33, 36, 64} {
		if _, err := seed.New(make([]byte, size)); err == nil {
			t.Errorf("accepted %d bytes of entropy", size)
		}
		if _, err := seed.Restore(make([]byte, size), make([]byte, 64)); err == nil {
			t.Errorf("restored %d bytes of entropy", size)
		}
	}
	if _, err := seed.Restore(make([]byte, 16), make([]byte, 63)); err == nil {
		t.Error("restored a short seed")
	}
}

func TestZero(t *testing.T) {
	s := testSeed(t)
	s.Zero()
	if _, err := s.Derive(derivation.Path{derivation.Hardened}, api.CurveEd25519); err == nil {
		t.Error("derived from a wiped seed")
	}
	if _, err := s.Mnemonic(); err == nil {
		t.Error("exported a wiped seed")
	}
	if len(s.Entropy()) != 0 || !bytes.Equal(s.Stretched(), make([]byte, 64)) {
		t.Error("something is left")
	}
}

func TestDeriveRefuses(t *testing.T) {
	s := testSeed(t)
	for _, tt := range []struct {
		name string
		path derivation.Path
		c    api.Curve
	}{
		{"root", nil, api.CurveSecp256k1},
		{"too deep", make(derivation.Path, 11), api.CurveSecp256k1},
		{"Ed25519 not hardened", derivation.Path{44 + derivation.Hardened, 501 + derivation.Hardened, 0}, api.CurveEd25519},
		{"keypair curve", derivation.Path{0}, api.CurveK256},
		{"unknown curve", derivation.Path{0}, "P-256"},
	} {
		if k, err := s.Derive(tt.path, tt.c); err == nil {
			t.Errorf("%s: derived %x", tt.name, k.Public())
		}
	}
}

func TestRedacted(t *testing.T) {
	s, err := seed.New(bytes.Repeat([]byte{0xa7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	words, err := s.Mnemonic()
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%t"} {
		fmt.Fprintf(&out, verb+" "+verb+" "+verb+" "+verb+"\n", s, *s, struct{ S any }{s}, struct{ s *seed.Seed }{s})
	}
	j, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(j)
	slog.New(slog.NewTextHandler(&out, nil)).Info("text", "seed", s, "value", *s)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("json", "seed", s, "value", *s)
	stretched := hex.EncodeToString(s.Stretched()[:6])
	for _, leak := range []string{
		"a7a7a7a7", "A7A7A7A7", "167 167", "247 247", "p6enp6en", "\xa7\xa7", `\xa7`, stretched,
		fmt.Sprint(string(s.Stretched()[:6]))[1:], strings.Fields(string(words))[0],
	} {
		if strings.Contains(out.String(), leak) {
			t.Errorf("the output has %q:\n%s", leak, &out)
		}
	}
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		if _, err := seed.New(make([]byte, 32)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDerive(b *testing.B) {
	s := testSeed(b)
	for b.Loop() {
		account(b, s, "m/44'/60'/0'/0/0")
	}
}
