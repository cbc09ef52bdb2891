package permit_test

import (
	"bytes"
	"crypto/sha256"
	"testing"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/permit"
	"github.com/redoubt-kms/redoubt/proof"
)

func testPermit() permit.Permit {
	return permit.Permit{
		Version: 1, Shard: proof.ID{1}, Organization: proof.ID{2}, Wallet: proof.ID{3}, Path: []uint32{1, 2}, Curve: api.CurveEd25519,
		Format: api.AddressSolana, Algorithm: api.Ed25519, Kind: permit.PayloadUTF8, Payload: sha256.Sum256([]byte("x")), Expires: 1000,
	}
}

// Everything that a permit says is under its hash, which is what the log holds: nothing can be exchanged afterwards.
func TestHashCoversEverything(t *testing.T) {
	seen := map[proof.Hash]string{}
	for name, edit := range map[string]func(*permit.Permit){
		"as it is": func(*permit.Permit) {}, "version": func(p *permit.Permit) { p.Version++ }, "shard": func(p *permit.Permit) { p.Shard[0]++ },
		"organization": func(p *permit.Permit) { p.Organization[0]++ }, "wallet": func(p *permit.Permit) { p.Wallet[0]++ },
		"path": func(p *permit.Permit) { p.Path = []uint32{1, 3} }, "longer path": func(p *permit.Permit) { p.Path = []uint32{1, 2, 0} },
		"no path": func(p *permit.Permit) { p.Path = nil }, "curve": func(p *permit.Permit) { p.Curve = "x" }, "format": func(p *permit.Permit) { p.Format = "x" },
		"algorithm": func(p *permit.Permit) { p.Algorithm = "x" }, "kind": func(p *permit.Permit) { p.Kind++ },
		"payload": func(p *permit.Permit) { p.Payload[0]++ }, "expiry": func(p *permit.Permit) { p.Expires++ },
	} {
		p := testPermit()
		edit(&p)
		hash, err := p.Hash()
		if err != nil {
			t.Fatal(err)
		}
		if twin, taken := seen[hash]; taken {
			t.Errorf("%s and %s have one hash", name, twin)
		}
		seen[hash] = name
	}
}

// A permit without a path is one permit, whether the path is missing or empty.
func TestEmptyPathIsOnePermit(t *testing.T) {
	none, empty := testPermit(), testPermit()
	none.Path, empty.Path = nil, []uint32{}
	a, err := none.Hash()
	if err != nil {
		t.Fatal(err)
	}
	if b, err := empty.Hash(); err != nil || a != b {
		t.Errorf("they differ: %v", err)
	}
}

// A permit that is accepted has one spelling.
func FuzzPermit(f *testing.F) {
	b, err := proof.Encode(testPermit())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		var p permit.Permit
		if proof.Decode(b, &p) != nil {
			return
		}
		if again, err := proof.Encode(p); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%x is accepted and written as %x", b, again)
		}
		_ = p.Check(nil, permit.Evidence{Entry: b}, proof.Receipt{})
	})
}
