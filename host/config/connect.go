package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"unicode/utf8"
)

// Connect says how people log in. That they do, where, and by which providers, is the manifest's to say: what is set here
// counts only where the manifest names an origin. What logins keep is where the ledger is: in Database, or in connect.db in
// the data folder.
type Connect struct {
	DailyLimit uint32              `toml:"daily-limit"`         // US dollars that a page lets an app spend in a day at most; 0 for no bound
	Operator   string              `toml:"operator-token-file"` // absolute; by what it holds programs register apps; empty for none
	Mail       Mail                `toml:"mail"`
	Providers  map[string]Provider `toml:"providers"` // by the manifest's name
}

// Mail says how one-time codes are sent. Without a server nobody signs in by e-mail.
type Mail struct {
	Server       string `toml:"server"`        // host:port, SMTP with STARTTLS
	From         string `toml:"from"`          // address
	User         string `toml:"user"`          // empty for no authentication
	PasswordFile string `toml:"password-file"` // absolute
	Plain        bool   `toml:"plain"`         // no TLS; only to this machine
}

// Provider is what the host adds to an outside provider that the manifest names.
type Provider struct {
	Title      string `toml:"title"`              // on the button; the name when empty
	SecretFile string `toml:"client-secret-file"` // absolute; empty for a public client
}

func (c Connect) check() error {
	if c.Operator != "" && !filepath.IsAbs(c.Operator) {
		return errors.New("connect.operator-token-file must be an absolute path")
	}
	m := c.Mail
	if m.Server == "" && m != (Mail{}) {
		return errors.New("connect.mail needs server")
	}
	if (m.User == "") != (m.PasswordFile == "") {
		return errors.New("connect.mail needs user and password-file, or neither")
	}
	if m.PasswordFile != "" && !filepath.IsAbs(m.PasswordFile) {
		return errors.New("connect.mail.password-file must be an absolute path")
	}
	for name, p := range c.Providers {
		if p.SecretFile != "" && !filepath.IsAbs(p.SecretFile) {
			return fmt.Errorf("connect.providers.%s.client-secret-file must be an absolute path", name)
		}
	}
	return nil
}

// maxSecret bounds the file of a password or client secret, in bytes.
const maxSecret = 4 << 10

// Secret reads a password or client secret from a file: one line of UTF-8, whose line break is not part of it. A file that
// everybody may read or write is refused; its group may, since the file may be root's. Errors never quote what is in it.
func Secret(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if mode := info.Mode().Perm(); mode&0o007 != 0 {
		return "", fmt.Errorf("%s has mode %04o, so that everybody may read or change it: chmod o= %s", path, mode, path)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return "", err
	}
	line := bytes.TrimSuffix(bytes.TrimSuffix(b, []byte("\n")), []byte("\r"))
	if len(line) == 0 || len(b) > maxSecret || !utf8.Valid(line) || bytes.ContainsAny(line, "\r\n\x00") {
		return "", fmt.Errorf("%s: want one line of text, of at most %d bytes", path, maxSecret)
	}
	return string(line), nil
}
