package curve

import (
	"bytes"
	"encoding/csv"
	"encoding/hex"
	"os"
	"testing"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/vectors"
)

func unhexed(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// schnorrOf makes the key that signs by BIP-340 with a secret.
func schnorrOf(t *testing.T, secret []byte, tweak bool) *schnorrKey {
	t.Helper()
	k, err := newSecp256k1(secret)
	if err != nil {
		t.Fatal(err)
	}
	make := Schnorr
	if tweak {
		make = Taproot
	}
	s, err := make(k)
	if err != nil {
		t.Fatal(err)
	}
	return s.(*schnorrKey)
}

// TestBIP340 is the table of the BIP: 19 cases, of which 8 sign.
func TestBIP340(t *testing.T) {
	f, err := os.Open(vectors.Dir(t, "bips", "bip-0340.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	signed, verified := 0, 0
	for _, row := range rows[1:] {
		public, aux, message, signature := unhexed(t, row[2]), unhexed(t, row[3]), unhexed(t, row[4]), unhexed(t, row[5])
		if got := VerifySchnorr(public, message, signature); got != (row[6] == "TRUE") {
			t.Errorf("case %s: verified %v: %s", row[0], got, row[7])
		}
		verified++
		if row[1] == "" {
			continue
		}
		k := schnorrOf(t, unhexed(t, row[1]), false)
		got, err := k.sign(message, [32]byte(aux))
		if err != nil || !bytes.Equal(got, signature) || !bytes.Equal(k.Public(), public) {
			t.Errorf("case %s: %x under %x, %v", row[0], got, k.Public(), err)
		}
		signed++
	}
	if verified != 19 || signed != 8 {
		t.Errorf("%d cases, %d of them sign; want 19 and 8", verified, signed)
	}
}

// TestSchnorrFaults flips bits of the signature on its way out and of the secret in memory, with and without tweak.
func TestSchnorrFaults(t *testing.T) {
	digest := bytes.Repeat([]byte{5}, 32)
	secret := bytes.Repeat([]byte{7}, 32)
	n := rounds(64, 512)
	for bit := range n {
		for _, tweak := range []bool{false, true} {
			k := schnorrOf(t, secret, tweak)
			k.testOnlyFault = func(signature []byte) { signature[bit/8%64] ^= 1 << (bit % 8) }
			withheld(t, k, digest)

			k = schnorrOf(t, secret, tweak)
			scalar := k.secret.Key.Bytes()
			scalar[bit/8%32] ^= 1 << (bit % 8)
			k.secret.Key.SetBytes(&scalar)
			withheld(t, k, digest)

			// The fault may strike before the key is made.
			from, err := newSecp256k1(secret)
			if err != nil {
				t.Fatal(err)
			}
			scalar = from.secret.Key.Bytes()
			scalar[bit/8%32] ^= 1 << (bit % 8)
			from.secret.Key.SetBytes(&scalar)
			late, err := Schnorr(from)
			if tweak {
				late, err = Taproot(from)
			}
			if err != nil {
				t.Fatal(err)
			}
			withheld(t, late, digest)
		}
	}
}

func TestSchnorrKeys(t *testing.T) {
	k := schnorrOf(t, bytes.Repeat([]byte{7}, 32), true)
	if k.Curve() != api.CurveSecp256k1 || len(k.Public()) != 32 {
		t.Error(k.Curve(), len(k.Public()))
	}
	if _, err := k.Sign(make([]byte, 31)); err == nil {
		t.Error("31 bytes are signed")
	}
	k.Zero()
	if _, err := k.Sign(make([]byte, 32)); err == nil {
		t.Error("a wiped key signs")
	}
	if _, err := Taproot(newEd25519(make([]byte, 32))); err == nil {
		t.Error("an Ed25519 key signs by BIP-340")
	}
	wiped := mustSecp256k1(t)
	wiped.Zero()
	if _, err := Schnorr(wiped); err == nil {
		t.Error("a wiped key makes another")
	}
	if sig := bytes.Repeat([]byte{0xff}, 64); VerifySchnorr(k.Public(), make([]byte, 32), sig) || VerifySchnorr(nil, nil, nil) {
		t.Error("nonsense verifies")
	}
}

// TestVerifySchnorrHashes: Verify takes the message, VerifySchnorr what it hashes to.
func TestVerifySchnorrHashes(t *testing.T) {
	k := schnorrOf(t, bytes.Repeat([]byte{7}, 32), false)
	// SHA-256 of "abc", FIPS 180-2.
	digest := unhexed(t, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
	signature, err := k.Sign(digest)
	if err != nil || !Verify(api.Secp256k1Schnorr, k.Public(), []byte("abc"), signature) {
		t.Errorf("%x, %v", signature, err)
	}
	if Verify(api.Secp256k1Schnorr, k.Public(), []byte("abd"), signature) {
		t.Error("another message verifies")
	}
}
