package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/redoubt-kms/redoubt/host/config"
)

func TestConnect(t *testing.T) {
	c, err := read(t, `
[connect]
daily-limit = 500
operator-token-file = "/etc/redoubt/register.token"
[connect.mail]
server = "mail.example:587"
from = "login@wallets.example"
user = "login"
password-file = "/etc/redoubt/mail.password"
[connect.providers.google]
title = "Google"
client-secret-file = "/etc/redoubt/google.secret"
`)
	want := config.Connect{
		DailyLimit: 500, Operator: "/etc/redoubt/register.token",
		Mail:      config.Mail{Server: "mail.example:587", From: "login@wallets.example", User: "login", PasswordFile: "/etc/redoubt/mail.password"},
		Providers: map[string]config.Provider{"google": {Title: "Google", SecretFile: "/etc/redoubt/google.secret"}},
	}
	if diff := cmp.Diff(want, c.Connect); err != nil || diff != "" {
		t.Error(err, diff)
	}
}

// A secret is one line, of a file that not everybody reads; what is wrong is told without it.
func TestSecret(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	for _, c := range []struct {
		text string
		mode os.FileMode
		want string // empty when it is refused
	}{
		{"sesame\n", 0o600, "sesame"},
		{"sesame", 0o640, "sesame"},
		{"sesame \r\n", 0o400, "sesame "},
		{"sesame\n", 0o644, ""},
		{"sesame\n", 0o602, ""},
		{"", 0o600, ""},
		{"\n", 0o600, ""},
		{"sesame\nopen\n", 0o600, ""},
		{"sesame\n\n", 0o600, ""},
		{"sesame\x00", 0o600, ""},
		{"sesame\xff", 0o600, ""},
		{strings.Repeat("sesame", 1000), 0o600, ""},
	} {
		_ = os.Remove(path)
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, c.mode); err != nil {
			t.Fatal(err)
		}
		got, err := config.Secret(path)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%.20q, %o: %q %v, want %q", c.text, c.mode, got, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "sesame") {
			t.Errorf("the error quotes it: %v", err)
		}
	}
	if _, err := config.Secret(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a file that is not there")
	}
}

// The example that is installed is a configuration.
func TestExample(t *testing.T) {
	if _, err := config.Read(filepath.Join("..", "..", "deploy", "redoubt.toml")); err != nil {
		t.Error(err)
	}
}
