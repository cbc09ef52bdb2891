package seed

import (
	"bytes"
	"encoding/hex"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/redoubt-kms/redoubt/internal/derivation"
)

// SLIP-10's own vectors for nist256p1: the first one, and the two that were found for hashes that are no scalars.
func TestP256Vectors(t *testing.T) {
	for _, c := range []struct{ seed, path, key, chain string }{
		{"000102030405060708090a0b0c0d0e0f", "m", "612091aaa12e22dd2abef664f8a01a82cae99ad7441b7ef8110424915c268bc2", "beeb672fe4621673f722f38529c07392fecaa61015c80c34f29ce8b41b3cb6ea"},
		{"000102030405060708090a0b0c0d0e0f", "m/0'", "6939694369114c67917a182c59ddb8cafc3004e63ca5d3b84403ba8613debc0c", "3460cea53e6a6bb5fb391eeef3237ffd8724bf0a40e94943c98b83825342ee11"},
		{"000102030405060708090a0b0c0d0e0f", "m/0'/1", "284e9d38d07d21e4e281b645089a94f4cf5a5a81369acf151a1c3a57f18b2129", "4187afff1aafa8445010097fb99d23aee9f599450c7bd140b6826ac22ba21d0c"},
		{"000102030405060708090a0b0c0d0e0f", "m/0'/1/2'/2/1000000000", "21c4f269ef0a5fd1badf47eeacebeeaa3de22eb8e5b0adcd0f27dd99d34d0119", "b9b7b82d326bb9cb5b5b121066feea4eb93d5241103c9e7a18aad40f1dde8059"},
		{"000102030405060708090a0b0c0d0e0f", "m/28578'", "06f0db126f023755d0b8d86d4591718a5210dd8d024e3e14b6159d63f53aa669", "e94c8ebe30c2250a14713212f6449b20f3329105ea15b652ca5bdfc68f6c65c2"},
		{"000102030405060708090a0b0c0d0e0f", "m/28578'/33941", "092154eed4af83e078ff9b84322015aefe5769e31270f62c3f66c33888335f3a", "9e87fe95031f14736774cd82f25fd885065cb7c358c1edf813c72af535e83071"},
		{"a7305bc8df8d0951f0cb224c0e95d7707cbdf2c6ce7e8d481fec69c7ff5e9446", "m", "3b8c18469a4634517d6d0b65448f8e6c62091b45540a1743c5846be55d47d88f", "7762f9729fed06121fd13f326884c82f59aa95c57ac492ce8c9654e60efd130c"},
	} {
		path, err := derivation.ParsePath(c.path)
		if c.path == "m" {
			path, err = nil, nil
		}
		if err != nil {
			t.Fatal(err)
		}
		seed, err := hex.DecodeString(c.seed)
		if err != nil {
			t.Fatal(err)
		}
		n, err := walkP256(seed, path)
		if err != nil || hex.EncodeToString(n.key()) != c.key || hex.EncodeToString(n.chain()) != c.chain {
			t.Errorf("%s %s: %x %x, %v", c.seed, c.path, n.key(), n.chain(), err)
		}
	}
}

// The addition is that of integers modulo the order.
func TestAddP256(t *testing.T) {
	order, _ := new(big.Int).SetString("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", 16)
	g := rand.New(rand.NewPCG(1, 2))
	number := func(i int) *big.Int {
		switch i % 4 {
		case 0:
			return new(big.Int).Sub(order, big.NewInt(int64(1+g.IntN(3))))
		case 1:
			return big.NewInt(int64(g.IntN(3)))
		}
		b := make([]byte, 32)
		for j := range b {
			b[j] = byte(g.Uint32())
		}
		return new(big.Int).Mod(new(big.Int).SetBytes(b), order)
	}
	for i := range 10_000 {
		a, b := number(i), number(i/4)
		key := a.FillBytes(make([]byte, 32))
		addP256(key, b.FillBytes(make([]byte, 32)))
		want := new(big.Int).Mod(new(big.Int).Add(a, b), order)
		if !bytes.Equal(key, want.FillBytes(make([]byte, 32))) {
			t.Fatalf("%x + %x = %x, want %x", a, b, key, want)
		}
	}
}
