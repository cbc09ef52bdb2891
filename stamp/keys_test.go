package stamp_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"math/big"
	"slices"
	"testing"

	"github.com/redoubt-kms/redoubt/internal/vectors"
	"github.com/redoubt-kms/redoubt/stamp"
)

// strictCCTV is what remains of the 208 without the keys that must not be registered.
const strictCCTV = 86

// lowOrderKeys are all spellings of the eight points whose order divides 8.
func lowOrderKeys(t testing.TB) [][]byte {
	t.Helper()
	keys := make([][]byte, 0, 14)
	for _, s := range []string{
		"0100000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000080",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0000000000000000000000000000000000000000000000000000000000000080",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fdd7792ac07a",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fdd7792ac0fa",
	} {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, b)
	}
	return keys
}

func TestLowOrderKeys(t *testing.T) {
	keys := lowOrderKeys(t)
	messages := rounds(20_000, 1_000_000)
	// R = identity, S = 0: valid under the identity key for every message, by the standard library.
	sig := make([]byte, 64)
	sig[0] = 1
	if !ed25519.Verify(keys[0], []byte("anything"), sig) {
		t.Fatal("the attack that this test is about does not exist")
	}
	for _, key := range keys {
		if stamp.CheckEd25519(key) == nil {
			t.Errorf("%x may be registered", key)
		}
	}
	msg := make([]byte, 32)
	if _, err := rand.Read(msg); err != nil {
		t.Fatal(err)
	}
	for i := range messages {
		binary.BigEndian.PutUint64(msg, uint64(i))
		for _, key := range keys {
			if stamp.VerifyEd25519(key, msg, sig) {
				t.Fatalf("%x verifies message %d", key, i)
			}
		}
	}
}

// TestCCTV runs the vectors on which Ed25519 implementations disagree. Of 914 the standard library accepts 208.
func TestCCTV(t *testing.T) {
	var cases []struct {
		Key, Sig vectors.Hex
		Msg      string
		Flags    []string
	}
	vectors.ReadJSON(t, &cases, "cctv-ed25519", "ed25519vectors.json")
	if len(cases) != 914 {
		t.Fatalf("%d cases, want 914", len(cases))
	}
	std, ours := 0, 0
	for i, c := range cases {
		bad := slices.Contains(c.Flags, "low_order_A") || slices.Contains(c.Flags, "non_canonical_A")
		library := ed25519.Verify(ed25519.PublicKey(c.Key), []byte(c.Msg), c.Sig)
		got := stamp.VerifyEd25519(c.Key, []byte(c.Msg), c.Sig)
		if got != (library && !bad) {
			t.Errorf("case %d %v: %v, the library says %v", i, c.Flags, got, library)
		}
		if bad && stamp.CheckEd25519(c.Key) == nil {
			t.Errorf("case %d: key %x may be registered", i, c.Key)
		}
		if library {
			std++
		}
		if got {
			ours++
		}
	}
	if std != 208 || ours != strictCCTV {
		t.Errorf("accepted: library %d, want 208; ours %d, want %d", std, ours, strictCCTV)
	}
}

func TestWycheproofEd25519(t *testing.T) {
	ran := 0
	for _, g := range vectors.Wycheproof[vectors.SignatureGroup](t, "ed25519", 151) {
		for _, c := range g.Tests {
			if got := stamp.VerifyEd25519(g.PublicKey.PK, c.Msg, c.Sig); got != (c.Result == "valid") {
				t.Errorf("case %d (%s): %v", c.ID, c.Comment, got)
			}
			ran++
		}
	}
	if ran != 151 {
		t.Errorf("ran %d cases", ran)
	}
}

func TestWycheproofP256(t *testing.T) {
	ran := 0
	for _, g := range vectors.Wycheproof[vectors.SignatureGroup](t, "ecdsa_secp256r1_sha256_p1363", 262) {
		for _, c := range g.Tests {
			if got := stamp.VerifyP256(g.PublicKey.Uncompressed, c.Msg, c.Sig); got != (c.Result == "valid") {
				t.Errorf("case %d (%s): %v", c.ID, c.Comment, got)
			}
			ran++
		}
	}
	if ran != 262 {
		t.Errorf("ran %d cases", ran)
	}
}

// The DER form of passkeys.
func TestWycheproofP256DER(t *testing.T) {
	ran := 0
	for _, g := range vectors.Wycheproof[vectors.SignatureGroup](t, "ecdsa_secp256r1_sha256", 484) {
		for _, c := range g.Tests {
			if got := stamp.VerifyP256DER(g.PublicKey.Uncompressed, c.Msg, c.Sig); got != (c.Result == "valid") {
				t.Errorf("case %d (%s): %v", c.ID, c.Comment, got)
			}
			ran++
		}
	}
	if ran != 484 {
		t.Errorf("ran %d cases", ran)
	}
}

func TestCheckEd25519(t *testing.T) {
	for range 200 {
		pub, _, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if err := stamp.CheckEd25519(pub); err != nil {
			t.Errorf("%x: %v", pub, err)
		}
		// A y that belongs to no point: half of all.
		random := make([]byte, 32)
		if _, err := rand.Read(random); err != nil {
			t.Fatal(err)
		}
		random[31] &= 0x3f
		_, parses := edwardsPoint(random)
		if (stamp.CheckEd25519(random) == nil) != parses {
			t.Errorf("%x: on the curve %v", random, parses)
		}
	}
	for _, n := range []int{0, 31, 33, 64} {
		if stamp.CheckEd25519(bytes.Repeat([]byte{9}, n)) == nil {
			t.Errorf("a key of %d bytes may be registered", n)
		}
	}
}

func TestCheckP256(t *testing.T) {
	good := unbase64(t, keyV3)
	if err := stamp.CheckP256(good); err != nil {
		t.Fatal(err)
	}
	compressed := append([]byte{2 + good[64]&1}, good[1:33]...)
	hybrid := slices.Clone(good)
	hybrid[0] = 6 + good[64]&1
	off := slices.Clone(good)
	off[64] ^= 1
	for name, key := range map[string][]byte{
		"empty": nil, "identity": {0}, "compressed": compressed, "hybrid": hybrid, "off the curve": off,
		"zeros": append([]byte{4}, make([]byte, 64)...), "long": append(good[:65:65], 0),
		"large coordinate": append([]byte{4}, bytes.Repeat([]byte{0xff}, 64)...),
	} {
		if stamp.CheckP256(key) == nil {
			t.Errorf("%s: may be registered", name)
		}
	}
}

func BenchmarkVerifyEd25519(b *testing.B) {
	pub, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	sig := ed25519.Sign(priv, []byte(bodyV1))
	for b.Loop() {
		if !stamp.VerifyEd25519(pub, []byte(bodyV1), sig) {
			b.Fatal("refused")
		}
	}
}

// edwardsPoint computes x from y the long way, with a division and a square root.
func edwardsPoint(key []byte) (*big.Int, bool) {
	be := slices.Clone(key)
	slices.Reverse(be)
	y := new(big.Int).SetBytes(be)
	p := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	d := new(big.Int).ModInverse(big.NewInt(121666), p)
	d.Mul(d, big.NewInt(-121665))
	yy := new(big.Int).Mul(y, y)
	v := d.Mul(d, yy).Add(d, big.NewInt(1))
	x := yy.Sub(yy, big.NewInt(1)).Mul(yy, v.ModInverse(v, p))
	x = x.ModSqrt(x.Mod(x, p), p)
	return x, x != nil
}
