package proof_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/redoubt-kms/redoubt/proof"
)

// A receipt is the certifier's word for one head, and for nothing that differs from it.
func TestReceiptVerify(t *testing.T) {
	good, err := proof.SignReceipt(testKey(2), testReceipt())
	if err != nil {
		t.Fatal(err)
	}
	if err := good.Verify(public(testKey(2))); err != nil {
		t.Fatal(err)
	}
	if err := good.Verify(public(testKey(3))); !errors.Is(err, proof.ErrSignature) {
		t.Errorf("under another key: %v", err)
	}
	for why, edit := range map[string]func(*proof.SignedReceipt){
		"version":   func(s *proof.SignedReceipt) { s.Receipt.Version = 2 },
		"head":      func(s *proof.SignedReceipt) { s.Receipt.Head.Version = 0 },
		"index":     func(s *proof.SignedReceipt) { s.Receipt.Head.Index++ },
		"root":      func(s *proof.SignedReceipt) { s.Receipt.Head.Root[0]++ },
		"state":     func(s *proof.SignedReceipt) { s.Receipt.Head.State[0]++ },
		"commit":    func(s *proof.SignedReceipt) { s.Receipt.Head.Commit[0]++ },
		"algorithm": func(s *proof.SignedReceipt) { s.Receipt.Head.StateAlg = "sum" },
		"tree":      func(s *proof.SignedReceipt) { s.Receipt.Head.TreeAlg = "" },
		"time":      func(s *proof.SignedReceipt) { s.Receipt.Time++ },
		"manifest":  func(s *proof.SignedReceipt) { s.Receipt.Manifest[0]++ },
		"signature": func(s *proof.SignedReceipt) { s.Signature = s.Signature[:63] },
		"none":      func(s *proof.SignedReceipt) { s.Signature = nil },
	} {
		bad := good
		edit(&bad)
		if bad.Verify(public(testKey(2))) == nil {
			t.Errorf("another %s is accepted", why)
		}
	}
	for _, key := range []ed25519.PublicKey{nil, {}, make([]byte, 31), make([]byte, 33)} {
		if good.Verify(key) == nil {
			t.Errorf("a key of %d bytes verifies", len(key))
		}
	}
}

// A signature of one format is none of another: a certificate's bytes signed as a receipt prove nothing.
func TestContextsSeparateFormats(t *testing.T) {
	b := []byte("the same bytes")
	contexts := []string{"redoubt/head/v1", "redoubt/receipt/v1", "redoubt/certificate/v1", "redoubt/manifest/v1", "redoubt/results/v1", "redoubt/evidence/v1", ""}
	for _, signed := range contexts {
		signature := proof.Sign(testKey(1), signed, b)
		for _, read := range contexts {
			if proof.Verify(public(testKey(1)), read, b, signature) != (signed == read) {
				t.Errorf("signed as %q, read as %q", signed, read)
			}
		}
	}
	if proof.Verify(public(testKey(1)), "a", []byte("bc"), proof.Sign(testKey(1), "ab", []byte("c"))) {
		t.Error("context and bytes shift against each other")
	}
}

// A certificate holds for its role, under its manifest and epoch, within its time, signed by the manifest's certifier.
func TestCertificateVerify(t *testing.T) {
	m := testManifest()
	at := time.UnixMilli(1_795_333_820_985)
	sign := func(key ed25519.PrivateKey, edit func(*proof.Certificate)) proof.SignedCertificate {
		c := testCertificate(m)
		edit(&c)
		s, err := proof.SignCertificate(key, c)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	good := sign(testKey(2), func(*proof.Certificate) {})
	if err := good.Verify(m, proof.RolePolicy, at); err != nil {
		t.Fatal(err)
	}
	for why, s := range map[string]proof.SignedCertificate{
		"version":   sign(testKey(2), func(c *proof.Certificate) { c.Version = 2 }),
		"role":      sign(testKey(2), func(c *proof.Certificate) { c.Role = proof.RoleSigner }),
		"no role":   sign(testKey(2), func(c *proof.Certificate) { c.Role = "" }),
		"manifest":  sign(testKey(2), func(c *proof.Certificate) { c.Manifest[0]++ }),
		"epoch":     sign(testKey(2), func(c *proof.Certificate) { c.Epoch-- }),
		"certifier": sign(testKey(3), func(*proof.Certificate) {}),
		"key":       {Certificate: func() proof.Certificate { c := good.Certificate; c.SigningKey = public(testKey(5)); return c }(), Signature: good.Signature},
	} {
		if s.Verify(m, proof.RolePolicy, at) == nil {
			t.Errorf("another %s is accepted", why)
		}
	}
	for _, when := range []struct {
		at   int64
		fine bool
	}{{1_795_332_999_999, false}, {1_795_333_000_000, true}, {1_795_419_399_999, true}, {1_795_419_400_000, false}, {-1, false}, {0, false}} {
		if err := good.Verify(m, proof.RolePolicy, time.UnixMilli(when.at)); (err == nil) != when.fine {
			t.Errorf("at %d: %v", when.at, err)
		}
	}
	other := m
	other.OpenSignUp = false
	if good.Verify(other, proof.RolePolicy, at) == nil {
		t.Error("it holds under another manifest")
	}
}

// A manifest is signed by an operator that it names.
func TestManifestVerify(t *testing.T) {
	sign := func(key ed25519.PrivateKey, edit func(*proof.Manifest)) proof.SignedManifest {
		m := testManifest()
		edit(&m)
		s, err := proof.SignManifest(key, m)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	second := func(m *proof.Manifest) { m.Operators = append(m.Operators, public(testKey(9))) }
	for why, c := range map[string]struct {
		s    proof.SignedManifest
		fine bool
	}{
		"good":                {sign(testKey(3), func(*proof.Manifest) {}), true},
		"the second operator": {sign(testKey(9), second), true},
		"somebody":            {sign(testKey(9), func(*proof.Manifest) {}), false},
		"no operator":         {sign(testKey(3), func(m *proof.Manifest) { m.Operators = nil }), false},
		"an empty operator":   {sign(testKey(3), func(m *proof.Manifest) { m.Operators = [][]byte{{}} }), false},
		"without Connect":     {sign(testKey(3), func(m *proof.Manifest) { m.Version = 2 }), true},
		"version":             {sign(testKey(3), func(m *proof.Manifest) { m.Version = 3 }), false},
		"mode":                {sign(testKey(3), func(m *proof.Manifest) { m.Mode = "test" }), false},
		"certifier":           {sign(testKey(3), func(m *proof.Manifest) { m.Certifier = m.Certifier[:31] }), false},
		"launcher":            {sign(testKey(3), func(m *proof.Manifest) { m.Launcher = nil }), false},
		"edited after": {func() proof.SignedManifest {
			s := sign(testKey(3), func(*proof.Manifest) {})
			s.Manifest.Epoch++
			return s
		}(), false},
	} {
		if err := c.s.Verify(); (err == nil) != c.fine {
			t.Errorf("%s: %v", why, err)
		}
	}
	m := testManifest()
	if !m.Admits(proof.RolePolicy, filled(1)) || m.Admits(proof.RoleSigner, filled(1)) || m.Admits(proof.RolePolicy, filled(3)) || m.Admits("", filled(1)) {
		t.Error("a binary is admitted to another role than its own")
	}
	if !m.Knows(proof.RoleCertifier, filled(3)) || m.Knows(proof.RolePolicy, filled(1)) {
		t.Error("a measurement is taken for a root, or a root is not known")
	}
}

// A receipt proves one answer to one request, in trees of every shape; moved, cut or mixed it proves nothing.
func TestResultReceipts(t *testing.T) {
	key := testKey(4)
	for size := 1; size <= 5; size++ {
		receipts, err := proof.SignResults(key, testResults()[:size])
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range receipts {
			request, result := []byte{'q', byte(i)}, []byte{'a', byte(i)}
			if err := r.Verify(public(key), request, result); err != nil {
				t.Errorf("result %d of %d: %v", i, size, err)
			}
			for why, edit := range map[string]func(*proof.ResultReceipt){
				"version":   func(r *proof.ResultReceipt) { r.Result.Version = 2 },
				"time":      func(r *proof.ResultReceipt) { r.Result.Time++ },
				"log index": func(r *proof.ResultReceipt) { r.Result.LogIndex++ },
				"logged":    func(r *proof.ResultReceipt) { r.Result.Logged = !r.Result.Logged },
				"id":        func(r *proof.ResultReceipt) { r.Result.RequestID[3]++ },
				"tenant":    func(r *proof.ResultReceipt) { r.Result.Organization[3]++ },
				"position":  func(r *proof.ResultReceipt) { r.Position = r.Size },
				"huge":      func(r *proof.ResultReceipt) { r.Size, r.Position = 1<<63, 1<<62 },
				"nothing":   func(r *proof.ResultReceipt) { r.Size, r.Position = 0, 0 },
				"path":      func(r *proof.ResultReceipt) { r.Path = append(cloned(r.Path), proof.Hash{}) },
				"signature": func(r *proof.ResultReceipt) { r.Signature = bytes.Repeat([]byte{1}, 64) },
			} {
				bad := r
				edit(&bad)
				if bad.Verify(public(key), request, result) == nil {
					t.Errorf("result %d of %d: another %s is accepted", i, size, why)
				}
			}
			if r.Verify(public(key), result, request) == nil || r.Verify(public(key), request, nil) == nil || r.Verify(public(testKey(5)), request, result) == nil {
				t.Errorf("result %d of %d proves another answer or another key's", i, size)
			}
		}
	}
}

func cloned(path []proof.Hash) []proof.Hash { return append([]proof.Hash{}, path...) }

// A checkpoint is read in its one form, signed by the certifier for this shard.
func TestCheckpoint(t *testing.T) {
	shard := proof.ID{0x51}
	want := proof.Checkpoint{Origin: proof.CheckpointOrigin(shard), Size: 70_000, Root: filled(7)}
	signed, err := proof.SignCheckpoint(testKey(2), want)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := proof.OpenCheckpoint(public(testKey(2)), shard, signed); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := proof.OpenCheckpoint(public(testKey(3)), shard, signed); !errors.Is(err, proof.ErrCheckpoint) {
		t.Errorf("another certifier's: %v", err)
	}
	if _, err := proof.OpenCheckpoint(public(testKey(2)), proof.ID{0x52}, signed); !errors.Is(err, proof.ErrCheckpoint) {
		t.Errorf("another shard's: %v", err)
	}
	for _, bad := range []string{"", signed[1:], signed[:len(signed)-2], strings.Replace(signed, "70000", "70001", 1), signed + "x", strings.ReplaceAll(signed, "\n", "\r\n")} {
		if _, err := proof.OpenCheckpoint(public(testKey(2)), shard, bad); !errors.Is(err, proof.ErrCheckpoint) {
			t.Errorf("%.40q: %v", bad, err)
		}
	}
}

// Decode takes the one canonical encoding of a value.
func TestDecodeIsStrict(t *testing.T) {
	type pair struct {
		_ struct{} `cbor:",toarray"`
		A uint64
		B []byte
	}
	for why, b := range map[string]string{
		"nothing": "", "cut": "\x82\x01", "more behind": "\x82\x01\x40\x00", "longer integer": "\x82\x18\x01\x40", "longest integer": "\x82\x1b\x00\x00\x00\x00\x00\x00\x00\x01\x40",
		"longer length": "\x82\x01\x58\x00", "indefinite array": "\x9f\x01\x40\xff", "indefinite bytes": "\x82\x01\x5f\xff", "tag": "\xc1\x82\x01\x40",
		"element more": "\x83\x01\x40\x01", "element less": "\x81\x01", "map": "\xa2\x61A\x01\x61B\x40", "null for bytes": "\x82\x01\xf6", "text for bytes": "\x82\x01\x60",
		"negative": "\x82\x20\x40", "float": "\x82\xf9\x3c\x00\x40", "huge array": "\x9b\xff\xff\xff\xff\xff\xff\xff\xff", "huge bytes": "\x82\x01\x5b\x7f\xff\xff\xff\xff\xff\xff\xff",
	} {
		var p pair
		if err := proof.Decode([]byte(b), &p); err == nil {
			t.Errorf("%s: %+v", why, p)
		}
	}
	var p pair
	if err := proof.Decode([]byte("\x82\x01\x40"), &p); err != nil || p.A != 1 {
		t.Errorf("%+v, %v", p, err)
	}
	deep := strings.Repeat("\x81", 100_000)
	var v any
	if err := proof.Decode([]byte(deep), &v); err == nil {
		t.Error("nesting without end is decoded")
	}
}
