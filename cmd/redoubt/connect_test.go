package main

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redoubt-kms/redoubt/cmd/redoubt/frame"
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

// Flags name only providers with which the host starts; 'init' and 'dev' write no others into a manifest.
func TestConnectProviderNames(t *testing.T) {
	const rest = "=https://id.example,client"
	for text, want := range map[string]string{
		"Example" + rest: "", "a" + rest: "", "my-id_2.0~x" + rest: "", strings.Repeat("x", 128) + rest: "",
		"My ID" + rest: `provider "My ID": want a name of 1 to 128 letters, digits and -._~`, rest: `provider ""`, " x" + rest: `" x"`,
		"a/b" + rest: `"a/b"`, "é" + rest: `"é"`, "a\n" + rest: `"a\n"`, "a%20" + rest: `"a%20"`, strings.Repeat("x", 129) + rest: "128",
		"connect" + rest: "not connect", "A=https://id.example,": "needs a title and a client id",
		"A=,client": "want an https URL", "A=http://id.example,client": "over https", "A=https://localhost,client": "for development",
	} {
		o := connectFlags{origin: "https://connect.example", providers: []string{text}}
		c, err := o.wanted()
		switch {
		case want == "" && (err != nil || len(c.Providers) != 1):
			t.Errorf("%q: %+v, %v", text, c, err)
		case want != "" && (frame.Exit(err) != frame.ExitUsage || !strings.Contains(err.Error(), "--connect-provider: ") || !strings.Contains(err.Error(), want)):
			t.Errorf("%q: %v", text, err)
		}
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

// The host reaches a provider whose certificate only the manifest vouches for, and no other.
func TestOutsideClient(t *testing.T) {
	provider := httptest.NewTLSServer(http.NotFoundHandler())
	defer provider.Close()
	provider.Config.ErrorLog = log.New(io.Discard, "", 0)
	for _, c := range []struct {
		roots [][]byte
		want  bool
	}{{[][]byte{provider.Certificate().Raw}, true}, {nil, false}} {
		client, err := outsideClient(c.roots)
		if err != nil {
			t.Fatal(err)
		}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, provider.URL, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := client.Do(request)
		if (err == nil) != c.want {
			t.Errorf("%d roots: %v", len(c.roots), err)
		}
		if err == nil {
			answer.Body.Close()
		}
	}
	if _, err := outsideClient([][]byte{{0x30, 0x03, 0x02, 0x01, 0x05}}); err == nil {
		t.Error("what is no certificate is trusted")
	}
}
