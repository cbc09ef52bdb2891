package curve

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/redoubt-kms/redoubt/api"
)

// rounds is how often a random test is repeated.
func rounds(short, full int) int {
	if os.Getenv("REDOUBT_ACCEPTANCE") == "full" {
		return full
	}
	return short
}

// TestFaultsAreWithheld flips single bits of the signature on its way out and of the secret key in memory.
func TestFaultsAreWithheld(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	digest := bytes.Repeat([]byte{5}, 32)
	flip := func(b []byte) { b[rng.IntN(len(b))] ^= 1 << rng.IntN(8) }
	for range rounds(500, 2_500) {
		ed := newEd25519(bytes.Repeat([]byte{7}, 32))
		ed.testOnlyFault = flip
		withheld(t, ed, digest)

		ed = newEd25519(bytes.Repeat([]byte{7}, 32))
		flip(ed.secret[32:])
		withheld(t, ed, digest)

		k1 := mustSecp256k1(t)
		k1.testOnlyFault = flip
		withheld(t, k1, digest)

		k1 = mustSecp256k1(t)
		scalar := k1.secret.Key.Bytes()
		flip(scalar[:])
		k1.secret.Key.SetBytes(&scalar)
		withheld(t, k1, digest)

		r1 := mustP256(t)
		r1.testOnlyFault = flip
		withheld(t, r1, digest)

		r1 = mustP256(t)
		other, err := newP256(flipped(bytes.Repeat([]byte{7}, 32), rng.IntN(248)))
		if err != nil {
			t.Fatal(err)
		}
		r1.secret = other.secret // as when the scalar was struck before the library took it
		withheld(t, r1, digest)
	}
}

// flipped is a copy with another bit, counted from the end.
func flipped(b []byte, bit int) []byte {
	b = bytes.Clone(b)
	b[len(b)-1-bit/8] ^= 1 << (bit % 8)
	return b
}

// TestFaultyEd25519Seed: a flipped bit of the seed changes the scalar and the nonce but not the public key. The
// three bits that Ed25519 clamps are in the hash of the seed, so no bit of the seed itself is without effect.
func TestFaultyEd25519Seed(t *testing.T) {
	for bit := range 256 {
		k := newEd25519(bytes.Repeat([]byte{7}, 32))
		k.secret[bit/8] ^= 1 << (bit % 8)
		withheld(t, k, []byte("message"))
	}
}

func withheld(t *testing.T, k PrivateKey, msg []byte) {
	t.Helper()
	if sig, err := k.Sign(msg); !errors.Is(err, errFault) || sig != nil {
		t.Fatalf("a faulty signature was released: %x, error %v", sig, err)
	}
}

// allKeys are keys of every kind, of one secret.
func allKeys(t *testing.T) map[string]PrivateKey {
	t.Helper()
	secret := bytes.Repeat([]byte{7}, 32)
	return map[string]PrivateKey{
		"Ed25519": newEd25519(secret), "secp256k1": mustSecp256k1(t), "P-256": mustP256(t),
		"Schnorr": schnorrOf(t, secret, false), "Taproot": schnorrOf(t, secret, true),
	}
}

// TestDeterministic: equal inputs give equal signatures; different ones never share the nonce.
func TestDeterministic(t *testing.T) {
	for kind, k := range allKeys(t) {
		first, err := k.Sign(make([]byte, 32))
		if err != nil {
			t.Fatal(err)
		}
		seen := map[[32]byte]bool{[32]byte(first): true}
		for i := range rounds(300, 100_000) {
			again, err := k.Sign(make([]byte, 32))
			if err != nil || !bytes.Equal(first, again) {
				t.Fatalf("%s: another signature of the same input, error %v", kind, err)
			}
			msg := binary.BigEndian.AppendUint64(make([]byte, 24), uint64(i)+1)
			sig, err := k.Sign(msg)
			if err != nil {
				t.Fatal(err)
			}
			if r := [32]byte(sig); seen[r] {
				t.Fatalf("%s: a nonce was used twice", kind)
			} else {
				seen[r] = true
			}
		}
	}
}

func TestRecoveryID(t *testing.T) {
	k := mustSecp256k1(t)
	both := make(map[byte]int)
	for i := range 64 {
		digest := bytes.Repeat([]byte{byte(i)}, 32)
		sig, err := k.Sign(digest)
		if err != nil || len(sig) != 65 {
			t.Fatalf("%d bytes, error %v", len(sig), err)
		}
		both[sig[64]]++
		compact := append([]byte{sig[64] + compactBase}, sig[:64]...)
		if !k.releasable(digest, compact) {
			t.Error("the recovery id does not lead back to the key")
		}
	}
	if both[0] == 0 || both[1] == 0 || both[0]+both[1] != 64 {
		t.Errorf("recovery ids %v", both)
	}
	if k.Curve() != api.CurveSecp256k1 {
		t.Error(k.Curve())
	}
}

func mustSecp256k1(t *testing.T) *secp256k1Key {
	t.Helper()
	k, err := newSecp256k1(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func mustP256(t *testing.T) *p256Key {
	t.Helper()
	k, err := newP256(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return k
}
