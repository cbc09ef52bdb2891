package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redoubt-kms/redoubt/host/config"
)

const enclaves = `
[enclaves.certifier]
binary = "/bin/c"
address = "unix:/run/c"
[enclaves.signer]
binary = "/bin/s"
address = "unix:/run/s"
[enclaves.policy]
binary = "/bin/p"
address = "unix:/run/p"
`

func read(t *testing.T, text string) (config.Config, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "redoubt.toml")
	if err := os.WriteFile(path, []byte("data = \"/data\"\n"+text+enclaves), 0o600); err != nil {
		t.Fatal(err)
	}
	return config.Read(path)
}

// Bad stamps are bounded by themselves only where an address is known to be one caller's.
func TestBadStamps(t *testing.T) {
	for text, want := range map[string]uint32{
		"":                                     0,
		"trusted-proxies = [\"127.0.0.1/32\"]": 20,
		"bad-stamps = 7":                       7,
		"bad-stamps = 0\ntrusted-proxies = [\"::1/128\"]": 0,
		"[tls]\ncertificate = \"c\"\nkey = \"k\"":         20,
	} {
		c, err := read(t, text)
		if err != nil || c.BadStamps != want {
			t.Errorf("%q: %d %v, want %d", text, c.BadStamps, err, want)
		}
	}
}

// An organization may set its own rate, within bounds of the server.
func TestRates(t *testing.T) {
	for text, want := range map[string][2]uint32{
		"": {60, 600}, "rate-limit = 5": {5, 50}, "rate-limit = 0": {0, 0}, "max-rate-limit = 60": {60, 60}, "rate-limit = 4000000000": {4_000_000_000, 4_294_967_295},
	} {
		c, err := read(t, text)
		if err != nil || [2]uint32{c.RateLimit, c.MaxRate} != want {
			t.Errorf("%q: %d, %d, %v, want %v", text, c.RateLimit, c.MaxRate, err, want)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	for text, reason := range map[string]string{
		"trusted-proxies = [\"127.0.0.1\"]": "trusted-proxies",
		"trusted-proxies = [\"everybody\"]": "trusted-proxies",
		"max-rate-limit = 59":               "at least rate-limit",
		"bad-stamps = -1":                   "bad-stamps",
		"bad-stamp = 1":                     "no such setting",
		"[limits]\nusers = 5000":            "more than 10000",
		"[limits]\nuser = 5":                "no such setting",
		"database = \"mysql://x\"":          "postgres://",
		"metrics-addr = \"127.0.0.1:8484\"": "not be the address of the API",
		"[tls]\ncertificate = \"c\"":        "certificate and key",

		"[connect]\norigin = \"https://x\"":                                "no such setting", // the manifest's to say
		"[connect]\ndaily-limit = -1":                                      "daily-limit",
		"[connect]\noperator-token-file = \"token\"":                       "absolute",
		"[connect.mail]\nfrom = \"a@b.example\"":                           "needs server",
		"[connect.mail]\nserver = \"x:25\"\nuser = \"u\"":                  "user and password-file",
		"[connect.mail]\nserver = \"x:25\"\npassword-file = \"/p\"":        "user and password-file",
		"[connect.mail]\nserver = \"x:25\"\npassword = \"sesame\"":         "no such setting",
		"[connect.mail]\nserver=\"x:25\"\nuser=\"u\"\npassword-file=\"p\"": "absolute",
		"[connect.providers.google]\nclient-secret-file = \"s\"":           "absolute",
		"[connect.providers.google]\nclient-secret = \"sesame\"":           "no such setting",
	} {
		if _, err := read(t, text); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%q: %v, want %q", text, err, reason)
		}
	}
}
