package attest_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"slices"
	"testing"

	"github.com/redoubt-kms/redoubt/internal/attest"
	"github.com/redoubt-kms/redoubt/proof"
)

func testKey(fill byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{fill}, ed25519.SeedSize))
}

func testManifest() proof.Manifest {
	return proof.Manifest{
		Tier: proof.TierProcess, Launcher: testKey(1).Public().(ed25519.PublicKey),
		Measurements: []proof.Measurement{{Role: proof.RolePolicy, Hash: proof.Hash{1}}, {Role: proof.RoleSigner, Hash: proof.Hash{2}}},
	}
}

func testNonce() []byte { return bytes.Repeat([]byte{9}, 32) }

func evidence(t testing.TB, by ed25519.PrivateKey, edit func(*attest.Evidence)) []byte {
	t.Helper()
	e := attest.Evidence{
		Version: 1, Tier: proof.TierProcess, Role: proof.RolePolicy, Binary: proof.Hash{1}, Channel: proof.Hash{3},
		SigningKey: make([]byte, 32), Nonce: testNonce(), Measures: []string{"a", "b"},
	}
	if edit != nil {
		edit(&e)
	}
	b, err := attest.Sign(by, e)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Evidence counts when everything in it fits: tier, launcher, nonce, role and binary together.
func TestVerify(t *testing.T) {
	m := testManifest()
	got, err := attest.Verify(m, testNonce(), evidence(t, testKey(1), nil))
	if err != nil || got.Role != proof.RolePolicy || got.Channel != (proof.Hash{3}) || !slices.Equal(got.Measures, []string{"a", "b"}) {
		t.Fatalf("%+v, %v", got, err)
	}
	for why, b := range map[string][]byte{
		"another launcher": evidence(t, testKey(2), nil),
		"version":          evidence(t, testKey(1), func(e *attest.Evidence) { e.Version = 0 }),
		"tier":             evidence(t, testKey(1), func(e *attest.Evidence) { e.Tier = "nitro" }),
		"role":             evidence(t, testKey(1), func(e *attest.Evidence) { e.Role = proof.RoleSigner }),
		"certifier":        evidence(t, testKey(1), func(e *attest.Evidence) { e.Role = proof.RoleCertifier }),
		"binary":           evidence(t, testKey(1), func(e *attest.Evidence) { e.Binary = proof.Hash{2} }),
		"nonce":            evidence(t, testKey(1), func(e *attest.Evidence) { e.Nonce[0]++ }),
		"shorter nonce":    evidence(t, testKey(1), func(e *attest.Evidence) { e.Nonce = e.Nonce[:16] }),
		"no signing key":   evidence(t, testKey(1), func(e *attest.Evidence) { e.SigningKey = nil }),
		"nothing":          nil,
	} {
		if got, err := attest.Verify(m, testNonce(), b); !errors.Is(err, attest.ErrEvidence) || got.Role != "" {
			t.Errorf("another %s: %+v, %v", why, got, err)
		}
	}
	// A short or missing nonce proves no freshness, even when both sides agree on it.
	for _, nonce := range [][]byte{nil, {}, {1}, make([]byte, 15)} {
		b := evidence(t, testKey(1), func(e *attest.Evidence) { e.Nonce = nonce })
		if _, err := attest.Verify(m, nonce, b); !errors.Is(err, attest.ErrEvidence) {
			t.Errorf("a nonce of %d bytes: %v", len(nonce), err)
		}
	}
	m.Launcher = nil
	if _, err := attest.Verify(m, testNonce(), evidence(t, testKey(1), nil)); !errors.Is(err, attest.ErrEvidence) {
		t.Errorf("a manifest without launcher: %v", err)
	}
}

// No changed byte is accepted, and nothing that is accepted can be written in two ways.
func FuzzVerify(f *testing.F) {
	good := evidence(f, testKey(1), nil)
	f.Add(good)
	f.Add(good[:40])
	f.Add(evidence(f, testKey(2), nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := attest.Verify(testManifest(), testNonce(), b); err == nil && !bytes.Equal(b, good) {
			t.Errorf("%x is accepted", b)
		}
	})
}
