package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/redoubt-kms/redoubt/proof"
)

// The flags of logins become what the manifest says, and a manifest changes when they do.
func TestConnectFlags(t *testing.T) {
	root := filepath.Join(t.TempDir(), "root.pem")
	if err := os.WriteFile(root, []byte("-----BEGIN CERTIFICATE-----\nMAMCAQU=\n-----END CERTIFICATE-----\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	o := connectFlags{providers: []string{"Example=https://id.example/a=b,client"}, roots: []string{root}, loopback: []string{"127.0.0.1:1"}}
	c, err := o.connect("http://localhost:8484")
	if err != nil || len(c.Providers) != 1 || len(c.Roots) != 1 || c.Providers[0].Issuer != "https://id.example/a=b" || c.Providers[0].ClientID != "client" {
		t.Fatalf("%+v, %v", c, err)
	}
	for _, bad := range []connectFlags{
		{providers: []string{"https://id.example"}}, {providers: []string{"A=https://id.example"}}, {roots: []string{root + ".none"}}, {roots: []string{os.Args[0]}},
	} {
		if _, err := bad.connect(""); err == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
	if _, err := (&connectFlags{providers: o.providers}).wanted(); err == nil {
		t.Error("providers without an origin are taken")
	}
}

// A development folder takes over another port; without a wish nothing changes, and what is no manifest is not written.
func TestConnectIsAdmitted(t *testing.T) {
	d := deployment{dir: t.TempDir()}
	d.anchor = d.dir
	first := settings{mode: proof.ModeDevelopment, connect: &proof.Connect{Origin: "http://localhost:8484"}}
	if err := d.create(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	epoch := func(s settings) uint64 {
		t.Helper()
		if _, err := d.admit(s); err != nil {
			t.Fatal(err)
		}
		signed, _, err := d.readManifest()
		if err != nil || signed.Manifest.Version != 2 {
			t.Fatal(signed.Manifest.Version, err)
		}
		return signed.Manifest.Epoch
	}
	if e := epoch(first); e != 1 {
		t.Errorf("the same settings made epoch %d", e)
	}
	if e := epoch(settings{}); e != 1 {
		t.Errorf("no wish made epoch %d", e)
	}
	if e := epoch(settings{connect: &proof.Connect{Origin: "http://localhost:8485"}}); e != 2 {
		t.Errorf("another port made epoch %d", e)
	}
	if _, err := d.admit(settings{connect: &proof.Connect{Origin: "http://somewhere"}}); err == nil {
		t.Error("an origin without TLS is written into the manifest")
	}
	if e := epoch(settings{}); e != 2 {
		t.Errorf("epoch %d after a refusal", e)
	}
}
