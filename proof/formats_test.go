package proof_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"github.com/redoubt-kms/redoubt/proof"
)

func testKey(fill byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{fill}, ed25519.SeedSize))
}

func public(key ed25519.PrivateKey) ed25519.PublicKey { return key.Public().(ed25519.PublicKey) }

// filled is a hash of one repeated byte.
func filled(fill byte) proof.Hash { return proof.Hash(bytes.Repeat([]byte{fill}, 32)) }

func testHead() proof.Head {
	return proof.Head{
		Version: 1, Shard: proof.ID{0x51, 0x52}, Epoch: 3, Index: 1000, Previous: filled(0xa1), Size: 70_000, Root: filled(0xa2),
		State: filled(0xa3), StateAlg: proof.StateAlgorithm, TreeAlg: proof.TreeAlgorithm, Commit: filled(0xa4),
	}
}

func testReceipt() proof.Receipt {
	return proof.Receipt{Version: 1, Head: testHead(), Time: 1_795_333_820_985, Manifest: filled(0xa5)}
}

func testCertificate(m proof.Manifest) proof.Certificate {
	hash, err := m.Hash()
	if err != nil {
		panic(err) // a manifest of our own always encodes
	}
	return proof.Certificate{
		Version: 1, Role: proof.RolePolicy, Channel: filled(0xa6), SigningKey: public(testKey(4)), Manifest: hash,
		Epoch: m.Epoch, NotBefore: 1_795_333_000_000, NotAfter: 1_795_419_400_000,
	}
}

func testManifest() proof.Manifest {
	return proof.Manifest{
		Version: 1, Mode: proof.ModeDevelopment, Tier: proof.TierProcess, Epoch: 2, Shard: proof.ID{0x51, 0x52}, Created: 1_795_333_000_000,
		Measurements: []proof.Measurement{{Role: proof.RolePolicy, Hash: filled(1)}, {Role: proof.RoleSigner, Hash: filled(2)}},
		Roots:        []proof.Measurement{{Role: proof.RoleCertifier, Hash: filled(3)}},
		Launcher:     public(testKey(1)), Certifier: public(testKey(2)), Anchors: []string{"file"}, Operators: [][]byte{public(testKey(3))},
		Issuers: []string{"https://issuer.example"}, OpenSignUp: true,
	}
}

// testManifestV2 is one under which people log in.
func testManifestV2() proof.Manifest {
	m := testManifest()
	m.Version = 2
	m.Connect = proof.Connect{
		Origin: "http://localhost:8484", Roots: [][]byte{{0x30, 0x03, 0x02, 0x01, 0x05}}, Loopback: []string{"127.0.0.1:9443"},
		Providers: []proof.Provider{{Name: "Example", Issuer: "https://id.example", ClientID: "connect-at-example"}},
	}
	return m
}

func testIssuer() proof.Issuer {
	return proof.Issuer{Version: 1, Origin: "http://localhost:8484", Key: append([]byte{4}, bytes.Repeat([]byte{0xb1}, 64)...), Manifest: filled(0xa5)}
}

func testKeySet() proof.KeySet {
	return proof.KeySet{
		Version: 1, URL: "https://id.example", Issuer: true, Keys: []byte(`{"keys":[]}`), Fetched: 1_795_333_820_985, Manifest: filled(0xa5),
	}
}

func testRebase() proof.Rebase {
	from := testHead()
	from.Index, from.Size, from.Epoch = 1200, 90_000, 5
	return proof.Rebase{
		Version: 1, Shard: proof.ID{0x51, 0x52}, Manifest: filled(0xa5), Onto: testHead(), From: from, Lost: true, Reason: "the disk is gone",
		Time: 1_795_333_820_985, NotBefore: 1_795_333_880_985, Nonce: proof.ID{0x53},
	}
}

func testResults() []proof.Result {
	var all []proof.Result
	for i := range byte(5) {
		all = append(all, proof.Result{
			Version: 1, Request: sha256.Sum256([]byte{'q', i}), Result: sha256.Sum256([]byte{'a', i}), RequestID: proof.ID{i}, Organization: proof.ID{9},
			LogIndex: 70_000 + uint64(i), Logged: i%2 == 0, Time: 1_795_333_820_985,
		})
	}
	return all
}

func encode(t testing.TB, v any) []byte {
	t.Helper()
	b, err := proof.Encode(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// formats are all formats of this package, with fixed contents and keys.
func formats(t testing.TB) map[string][]byte {
	t.Helper()
	receipt, err := proof.SignReceipt(testKey(2), testReceipt())
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := proof.SignManifest(testKey(3), testManifest())
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := proof.SignCertificate(testKey(2), testCertificate(testManifest()))
	if err != nil {
		t.Fatal(err)
	}
	results, err := proof.SignResults(testKey(4), testResults())
	if err != nil {
		t.Fatal(err)
	}
	header, err := results[3].Header()
	if err != nil {
		t.Fatal(err)
	}
	checkpoint, err := proof.SignCheckpoint(testKey(2), proof.Checkpoint{Origin: proof.CheckpointOrigin(proof.ID{0x51}), Size: 70_000, Root: filled(7)})
	if err != nil {
		t.Fatal(err)
	}
	headHash, err := testHead().Hash()
	if err != nil {
		t.Fatal(err)
	}
	manifestHash, err := testManifest().Hash()
	if err != nil {
		t.Fatal(err)
	}
	rebase, err := proof.SignRebase(testKey(3), testRebase())
	if err != nil {
		t.Fatal(err)
	}
	second, err := proof.SignManifest(testKey(3), testManifestV2())
	if err != nil {
		t.Fatal(err)
	}
	secondHash, err := testManifestV2().Hash()
	if err != nil {
		t.Fatal(err)
	}
	issuer, err := proof.SignIssuer(testKey(2), testIssuer())
	if err != nil {
		t.Fatal(err)
	}
	keys, err := proof.SignKeySet(testKey(2), testKeySet())
	if err != nil {
		t.Fatal(err)
	}
	return map[string][]byte{
		"signed-rebase": encode(t, rebase), "signed-issuer": encode(t, issuer), "signed-keyset": encode(t, keys),
		"signed-manifest-v2": encode(t, second), "manifest-v2.hash": secondHash[:],
		"head": encode(t, testHead()), "head.hash": headHash[:], "signed-receipt": encode(t, receipt),
		"signed-manifest": encode(t, manifest), "manifest.hash": manifestHash[:], "signed-certificate": encode(t, certificate),
		"result-receipt": encode(t, results[3]), "result-receipt.header": []byte(header), "checkpoint": []byte(checkpoint),
		"leaf": proof.Leaf(filled(8)),
	}
}

// pinned compares bytes with those that stand in a file, one name and its bytes in hexadecimal a line.
func pinned(t *testing.T, path string, got map[string][]byte) {
	t.Helper()
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for line := range strings.Lines(string(file)) {
		name, text, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name == "" || strings.HasPrefix(name, "#") {
			continue
		}
		want, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got[name], want) {
			t.Errorf("%s is\n%x, pinned are\n%x", name, got[name], want)
		}
		seen++
	}
	if seen != len(got) {
		for name, b := range got {
			t.Logf("PIN %s %x", name, b)
		}
		t.Errorf("%d formats are pinned, %d are written", seen, len(got))
	}
}

// Stored data and the receipts that clients keep outlive the code. If this fails, a format changed: give it a new version
// instead, and keep reading the old one.
func TestFormatsArePinned(t *testing.T) { pinned(t, "testdata/formats.txt", formats(t)) }
