package proof_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/redoubt-kms/redoubt/proof"
)

// malleable decodes bytes as a format; whatever is accepted must be the bytes that the value encodes to.
func malleable[Format any](t *testing.T, b []byte) (Format, bool) {
	t.Helper()
	var v Format
	if proof.Decode(b, &v) != nil {
		return v, false
	}
	again, err := proof.Encode(v)
	if err != nil || !bytes.Equal(again, b) {
		t.Errorf("%T: %x is accepted and written as %x, %v", v, b, again, err)
	}
	return v, true
}

func seeds(f *testing.F) {
	f.Helper()
	for _, b := range formats(f) {
		f.Add(b)
		f.Add(b[:len(b)/2])
	}
	f.Add([]byte{})
	f.Add([]byte{0x80})
}

// One encoding for each value of each signed format, and no input that breaks a verifier.
func FuzzMalleability(f *testing.F) {
	seeds(f)
	m := testManifest()
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, ok := malleable[proof.SignedReceipt](t, b); ok {
			_ = s.Verify(m.Certifier)
		}
		if s, ok := malleable[proof.SignedCertificate](t, b); ok {
			_ = s.Verify(m, proof.RolePolicy, time.UnixMilli(1_795_333_820_985))
		}
		if s, ok := malleable[proof.SignedManifest](t, b); ok {
			_ = s.Verify()
		}
		if s, ok := malleable[proof.SignedRebase](t, b); ok {
			_ = s.Verify(m)
		}
		if s, ok := malleable[proof.SignedIssuer](t, b); ok {
			_ = s.Verify(m)
		}
		if s, ok := malleable[proof.SignedKeySet](t, b); ok {
			_ = s.Verify(m)
		}
		if r, ok := malleable[proof.ResultReceipt](t, b); ok {
			_ = r.Verify(public(testKey(4)), nil, nil)
		}
		malleable[proof.Head](t, b)
	})
}

// A header that parses is the header that the receipt is written as.
func FuzzParseResultReceipt(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := proof.ParseResultReceipt(string(b))
		if err != nil {
			return
		}
		if again, err := r.Header(); err != nil || again != string(b) {
			t.Errorf("%q is accepted and written as %q, %v", b, again, err)
		}
	})
}

// Only what the certifier signed opens, in one form.
func FuzzOpenCheckpoint(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := proof.OpenCheckpoint(public(testKey(2)), proof.ID{0x51}, string(b))
		if err == nil && (c.Size != 70_000 || c.Root != filled(7)) {
			t.Errorf("%q opens as %+v", b, c)
		}
	})
}

// An inclusion path leads to one root, or is refused; sizes and positions at the edges included.
func FuzzRootFromPath(f *testing.F) {
	f.Add(uint64(1), uint64(0), []byte{})
	f.Add(uint64(1)<<63, uint64(1)<<62, make([]byte, 64*32))
	f.Fuzz(func(t *testing.T, size, index uint64, path []byte) {
		var hashes []proof.Hash
		for ; len(path) >= 32; path = path[32:] {
			hashes = append(hashes, proof.Hash(path[:32]))
		}
		root, err := proof.RootFromPath(hashes, size, index, filled(1))
		if err != nil {
			return
		}
		if index >= size {
			t.Errorf("position %d of %d", index, size)
		}
		for i := range hashes {
			hashes[i][0] ^= 1
			if other, err := proof.RootFromPath(hashes, size, index, filled(1)); err != nil || other == root {
				t.Errorf("hash %d of the path does not matter", i)
			}
			hashes[i][0] ^= 1
		}
	})
}
