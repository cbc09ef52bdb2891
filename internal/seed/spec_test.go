package seed

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/derivation"
	"github.com/redoubt-kms/redoubt/internal/vectors"
)

// TestBIP39 runs the vectors of the reference implementation for English. Their passphrase is TREZOR.
func TestBIP39(t *testing.T) {
	var file map[string][][4]string
	vectors.ReadJSON(t, &file, "bip39-trezor", "vectors.json")
	if n := len(file["english"]); n != 24 {
		t.Fatalf("%d cases, want 24", n)
	}
	for i, c := range file["english"] {
		entropy, words := unhex(t, c[0]), []byte(c[1])
		got, err := mnemonic(entropy)
		if err != nil || !bytes.Equal(got, words) {
			t.Errorf("%d: mnemonic %s, error %v", i, got, err)
		}
		back, err := entropyOf(words)
		if err != nil || !bytes.Equal(back, entropy) {
			t.Errorf("%d: entropy %x, error %v", i, back, err)
		}
		if got := stretch(words, []byte("TREZOR")); hex.EncodeToString(got) != c[2] {
			t.Errorf("%d: stretched to %x", i, got)
		}
	}
}

func TestMnemonicRefuses(t *testing.T) {
	const good = "legal winner thank year wave sausage worth useful legal winner thank yellow"
	if _, err := entropyOf([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for name, words := range map[string]string{
		"empty":          "",
		"checksum":       strings.Replace(good, "yellow", "year", 1),
		"swapped":        "winner legal" + good[len("legal winner"):],
		"not in list":    strings.Replace(good, "yellow", "yellowish", 1),
		"prefix":         strings.Replace(good, "yellow", "yell", 1),
		"upper case":     strings.ToUpper(good),
		"two spaces":     strings.Replace(good, " ", "  ", 1),
		"leading space":  " " + good,
		"line break":     good + "\n",
		"eleven words":   good[:len(good)-len(" yellow")],
		"nine words":     strings.Join(strings.Fields(good)[:9], " "),
		"27 words":       strings.TrimSpace(strings.Repeat("abandon ", 27)),
		"other language": "あいこくしん " + good[len("legal "):],
	} {
		if _, err := entropyOf([]byte(words)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestBIP32 has the private keys of the official test vectors 1 to 4.
func TestBIP32(t *testing.T) {
	long := "fffcf9f6f3f0edeae7e4e1dedbd8d5d2cfccc9c6c3c0bdbab7b4b1aeaba8a5a29f9c999693908d8a8784817e7b7875726f6c696663605d5a5754514e4b484542"
	third := "4b381541583be4423346c643850da4b320e46a87ae3d2a4e6da11eba819cd4acba45d239319ac14f863b8d5ab5a0d0c64d2e8a1e7d1457df2e5a3c51c73235be"
	fourth := "3ddd5602285899a946114506157c7997e5444528f3003f6134712147db19b678"
	keys(t, api.CurveSecp256k1, [][3]string{
		{"000102030405060708090a0b0c0d0e0f", "m", "e8f32e723decf4051aefac8e2c93c9c5b214313817cdb01a1494b917c8436b35"},
		{"000102030405060708090a0b0c0d0e0f", "m/0'", "edb2e14f9ee77d26dd93b4ecede8d16ed408ce149b6cd80b0715a2d911a0afea"},
		{"000102030405060708090a0b0c0d0e0f", "m/0'/1", "3c6cb8d0f6a264c91ea8b5030fadaa8e538b020f0a387421a12de9319dc93368"},
		{"000102030405060708090a0b0c0d0e0f", "m/0'/1/2'", "cbce0d719ecf7431d88e6a89fa1483e02e35092af60c042b1df2ff59fa424dca"},
		{"000102030405060708090a0b0c0d0e0f", "m/0'/1/2'/2", "0f479245fb19a38a1954c5c7c0ebab2f9bdfd96a17563ef28a6a4b1a2a764ef4"},
		{"000102030405060708090a0b0c0d0e0f", "m/0'/1/2'/2/1000000000", "471b76e389e528d6de6d816857e012c5455051cad6660850e58372a6c3e6e7c8"},
		{long, "m", "4b03d6fc340455b363f51020ad3ecca4f0850280cf436c70c727923f6db46c3e"},
		{long, "m/0", "abe74a98f6c7eabee0428f53798f0ab8aa1bd37873999041703c742f15ac7e1e"},
		{long, "m/0/2147483647'", "877c779ad9687164e9c2f4f0f4ff0340814392330693ce95a58fe18fd52e6e93"},
		{long, "m/0/2147483647'/1", "704addf544a06e5ee4bea37098463c23613da32020d604506da8c0518e1da4b7"},
		{long, "m/0/2147483647'/1/2147483646'", "f1c7c871a54a804afe328b4c83a1c33b8e5ff48f5087273f04efa83b247d6a2d"},
		{long, "m/0/2147483647'/1/2147483646'/2", "bb7d39bdb83ecf58f2fd82b6d918341cbef428661ef01ab97c28a4842125ac23"},
		{third, "m", "00ddb80b067e0d4993197fe10f2657a844a384589847602d56f0c629c81aae32"},
		{third, "m/0'", "491f7a2eebc7b57028e0d3faa0acda02e75c33b03c48fb288c41e2ea44e1daef"},
		{fourth, "m", "12c0d59c7aa3a10973dbd3f478b65f2516627e3fe61e00c345be9a477ad2e215"},
		{fourth, "m/0'", "00d948e9261e41362a688b916f297121ba6bfb2274a3575ac0e456551dfd7f7e"},
		{fourth, "m/0'/1'", "3a2086edd7d9df86c3487a5905a1712a9aa664bce8cc268141e07549eaa8661d"},
	})
}

// TestSLIP10 has the private keys of the two Ed25519 test vectors.
func TestSLIP10(t *testing.T) {
	short := "000102030405060708090a0b0c0d0e0f"
	long := "fffcf9f6f3f0edeae7e4e1dedbd8d5d2cfccc9c6c3c0bdbab7b4b1aeaba8a5a29f9c999693908d8a8784817e7b7875726f6c696663605d5a5754514e4b484542"
	keys(t, api.CurveEd25519, [][3]string{
		{short, "m", "2b4be7f19ee27bbf30c667b642d5f4aa69fd169872f8fc3059c08ebae2eb19e7"},
		{short, "m/0'", "68e0fe46dfb67e368c75379acec591dad19df3cde26e63b93a8e704f1dade7a3"},
		{short, "m/0'/1'", "b1d0bad404bf35da785a64ca1ac54b2617211d2777696fbffaf208f746ae84f2"},
		{short, "m/0'/1'/2'", "92a5b23c0b8a99e37d07df3fb9966917f5d06e02ddbd909c7e184371463e9fc9"},
		{short, "m/0'/1'/2'/2'", "30d1dc7e5fc04c31219ab25a27ae00b50f6fd66622f6e9c913253d6511d1e662"},
		{short, "m/0'/1'/2'/2'/1000000000'", "8f94d394a8e8fd6b1bc2f3f49f5c47e385281d5c17e65324b0f62483e37e8793"},
		{long, "m", "171cb88b1b3c1db25add599712e36245d75bc65a1a5c9e18d76f9f2b1eab4012"},
		{long, "m/0'", "1559eb2bbec5790b0c65d8693e4d0875b1747f4970ae8b650486ed7470845635"},
		{long, "m/0'/2147483647'", "ea4f5bfe8694d8bb74b7b59404632fd5968b774ed545e810de9c32a4fb4192f4"},
		{long, "m/0'/2147483647'/1'", "3757c7577170179c7868353ada796c839135b3d30554bbb74a4b1e4a5a58505c"},
		{long, "m/0'/2147483647'/1'/2147483646'", "5837736c89570de861ebc173b1086da4f505d4adb387c6a1b1342d5e4ac9ec72"},
		{long, "m/0'/2147483647'/1'/2147483646'/2'", "551d333177df541ad876a60ea71f00447931c0a9da16f227c11ea080d7391b8d"},
	})
}

// keys checks derived private keys: seed, path, key.
func keys(t *testing.T, c api.Curve, cases [][3]string) {
	t.Helper()
	for _, v := range cases {
		var path derivation.Path
		if v[1] != "m" {
			var err error
			if path, err = derivation.ParsePath(v[1]); err != nil {
				t.Fatal(err)
			}
		}
		n, err := walk(unhex(t, v[0]), path, c)
		if err != nil {
			t.Fatal(err)
		}
		if got := hex.EncodeToString(n.key()); got != v[2] {
			t.Errorf("%.8s… %s: %s, want %s", v[0], v[1], got, v[2])
		}
	}
}

// TestChainCodes: the vectors above fix each chain code but the last, which has no child.
func TestChainCodes(t *testing.T) {
	for path, want := range map[string]string{
		"m/0'/1'/2'/2'/1000000000'": "68789923a0cac2cd5a29172a475fe9e0fb14cd6adb5ad98a3fa70333e7afa230",
		"m/0'":                      "8b59aa11380b624e81507a27fedda59fea6d0b779a778918a2fd3590e16e9c69",
	} {
		p, err := derivation.ParsePath(path)
		if err != nil {
			t.Fatal(err)
		}
		n, err := walk(unhex(t, "000102030405060708090a0b0c0d0e0f"), p, api.CurveEd25519)
		if err != nil {
			t.Fatal(err)
		}
		if got := hex.EncodeToString(n.chain()); got != want {
			t.Errorf("%s: chain code %s, want %s", path, got, want)
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
