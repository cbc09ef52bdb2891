package proof_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/redoubt-kms/redoubt/proof"
)

// What Connect of a manifest may say; the rest makes the manifest one that nobody uses.
func TestConnectOfManifest(t *testing.T) {
	provider := func(edit func(*proof.Provider)) func(*proof.Manifest) {
		return func(m *proof.Manifest) { edit(&m.Connect.Providers[0]) }
	}
	origin := func(o string) func(*proof.Manifest) { return func(m *proof.Manifest) { m.Connect.Origin = o } }
	production := func(m *proof.Manifest) {
		m.Mode, m.Connect.Origin, m.Connect.Roots, m.Connect.Loopback = proof.ModeProduction, "https://connect.example", nil, nil
	}
	both := func(all ...func(*proof.Manifest)) func(*proof.Manifest) {
		return func(m *proof.Manifest) {
			for _, edit := range all {
				edit(m)
			}
		}
	}
	for why, c := range map[string]struct {
		edit func(*proof.Manifest)
		fine bool
	}{
		"as it is":            {func(*proof.Manifest) {}, true},
		"over TLS":            {origin("https://connect.example"), true},
		"another port":        {origin("https://connect.example:8443"), true},
		"production":          {production, true},
		"nothing":             {func(m *proof.Manifest) { m.Connect = proof.Connect{} }, true},
		"no origin":           {origin(""), false},
		"a path":              {origin("https://connect.example/"), false},
		"upper case":          {origin("https://Connect.example"), false},
		"the usual port":      {origin("https://connect.example:443"), false},
		"an empty port":       {origin("https://connect.example:"), false},
		"a port too high":     {origin("https://connect.example:65536"), false},
		"plain and remote":    {origin("http://connect.example"), false},
		"another scheme":      {origin("ftp://connect.example"), false},
		"a user":              {origin("https://u@connect.example"), false},
		"roots in earnest":    {both(production, func(m *proof.Manifest) { m.Connect.Roots = [][]byte{{1}} }), false},
		"loopback in earnest": {both(production, func(m *proof.Manifest) { m.Connect.Loopback = []string{"127.0.0.1:1"} }), false},
		"plain in earnest":    {both(production, origin("http://localhost:8484")), false},
		"an empty root":       {func(m *proof.Manifest) { m.Connect.Roots = [][]byte{{}} }, false},
		"a huge root":         {func(m *proof.Manifest) { m.Connect.Roots = [][]byte{make([]byte, 16<<10+1)} }, false},
		"many roots":          {func(m *proof.Manifest) { m.Connect.Roots = make([][]byte, 9) }, false},
		"no port":             {func(m *proof.Manifest) { m.Connect.Loopback = []string{"localhost"} }, false},
		"no host":             {func(m *proof.Manifest) { m.Connect.Loopback = []string{":80"} }, false},
		"a port with zeros":   {func(m *proof.Manifest) { m.Connect.Loopback = []string{"localhost:080"} }, false},
		"no name":             {provider(func(p *proof.Provider) { p.Name = "" }), false},
		"no client":           {provider(func(p *proof.Provider) { p.ClientID = "" }), false},
		"a plain issuer":      {provider(func(p *proof.Provider) { p.Issuer = "http://id.example" }), false},
		"an issuer's query":   {provider(func(p *proof.Provider) { p.Issuer = "https://id.example?" }), false},
		"an issuer's user":    {provider(func(p *proof.Provider) { p.Issuer = "https://a@id.example" }), false},
		"a provider twice":    {func(m *proof.Manifest) { m.Connect.Providers = append(m.Connect.Providers, m.Connect.Providers[0]) }, false},
	} {
		m := testManifestV2()
		c.edit(&m)
		s, err := proof.SignManifest(testKey(3), m)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Verify(); (err == nil) != c.fine || err != nil && !errors.Is(err, proof.ErrManifest) {
			t.Errorf("%s: %v", why, err)
		}
	}
	m := testManifestV2()
	if id := m.Connect.RPID(); id != "localhost" {
		t.Errorf("the relying party is %q", id)
	}
	if _, ok := m.Connect.ProviderOf("https://id.example"); !ok || !m.Connect.Allows("127.0.0.1:9443") {
		t.Error("a provider or an address is not found")
	}
	if _, ok := m.Connect.ProviderOf("https://id.example/"); ok || m.Connect.Allows("127.0.0.1:9444") {
		t.Error("another provider or address is taken for it")
	}
}

// A manifest has the members of its version, no more and no fewer, and reads as what was written.
func TestManifestVersions(t *testing.T) {
	for _, m := range []proof.Manifest{testManifest(), testManifestV2()} {
		b := encode(t, m)
		var read proof.Manifest
		if err := proof.Decode(b, &read); err != nil || fmt.Sprint(read) != fmt.Sprint(m) {
			t.Errorf("version %d reads as %+v, %v", m.Version, read, err)
		}
		if want := byte(0x8d) + m.Version; b[0] != want {
			t.Errorf("version %d begins with %x", m.Version, b[0])
		}
		b[1] ^= 3 // 1 and 2 are 01 and 02
		if err := proof.Decode(b, &read); err == nil {
			t.Errorf("members of version %d are read as those of %d", m.Version, b[1])
		}
	}
	mixed := testManifestV2()
	mixed.Version = 1
	if b, err := proof.Encode(mixed); err == nil {
		t.Errorf("a manifest of version 1 with Connect is written as %x", b)
	}
	if b := encode(t, testManifest()); bytes.Contains(b, []byte("localhost")) {
		t.Error("it tells of Connect")
	}
}

// The certifier's statements hold under their manifest, each for what it says.
func TestIdentityStatements(t *testing.T) {
	m := testManifestV2()
	hash, err := m.Hash()
	if err != nil {
		t.Fatal(err)
	}
	issuer, keys := testIssuer(), testKeySet()
	issuer.Manifest, keys.Manifest = hash, hash
	good, err := proof.SignIssuer(testKey(2), issuer)
	if err != nil || good.Verify(m) != nil {
		t.Fatal(err, good.Verify(m))
	}
	set, err := proof.SignKeySet(testKey(2), keys)
	if err != nil || set.Verify(m) != nil {
		t.Fatal(err, set.Verify(m))
	}
	for why, edit := range map[string]func(*proof.SignedIssuer){
		"version":   func(s *proof.SignedIssuer) { s.Issuer.Version = 2 },
		"origin":    func(s *proof.SignedIssuer) { s.Issuer.Origin += "0" },
		"key":       func(s *proof.SignedIssuer) { s.Issuer.Key = bytes.Repeat([]byte{5}, 65) },
		"manifest":  func(s *proof.SignedIssuer) { s.Issuer.Manifest[0]++ },
		"signature": func(s *proof.SignedIssuer) { s.Signature = set.Signature },
	} {
		changed := good
		edit(&changed)
		if err := changed.Verify(m); !errors.Is(err, proof.ErrIdentity) {
			t.Errorf("%s changed: %v", why, err)
		}
	}
	for why, edit := range map[string]func(*proof.SignedKeySet){
		"version":  func(s *proof.SignedKeySet) { s.KeySet.Version = 0 },
		"url":      func(s *proof.SignedKeySet) { s.KeySet.URL += "/" },
		"kind":     func(s *proof.SignedKeySet) { s.KeySet.Issuer = false },
		"keys":     func(s *proof.SignedKeySet) { s.KeySet.Keys = []byte(`{"keys":[1]}`) },
		"time":     func(s *proof.SignedKeySet) { s.KeySet.Fetched++ },
		"manifest": func(s *proof.SignedKeySet) { s.KeySet.Manifest[0]++ },
	} {
		changed := set
		edit(&changed)
		if err := changed.Verify(m); !errors.Is(err, proof.ErrIdentity) {
			t.Errorf("%s changed: %v", why, err)
		}
	}
}
