package e2e_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// root is where a server's pages are.
func (s *server) root() string { return strings.TrimSuffix(s.url, "/v1/wallets") }

// issuer is what the server says of logins; empty when nobody logs in there.
func (s *server) issuer(t *testing.T) string {
	t.Helper()
	answer, err := http.Get(s.root() + "/.well-known/openid-configuration")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var said struct{ Issuer string }
	if err := json.NewDecoder(answer.Body).Decode(&said); err != nil {
		t.Fatal(err)
	}
	return said.Issuer
}

// deviceCode asks for a device code for an app, and returns the status.
func (s *server) deviceCode(t *testing.T, app string) int {
	t.Helper()
	nonce := base64.RawURLEncoding.EncodeToString(make([]byte, 32))
	answer, err := http.PostForm(s.root()+"/oauth2/device/auth", url.Values{"client_id": {app}, "nonce": {nonce}})
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	return answer.StatusCode
}

// registerApp has a program register an app with a redirect URI, by an initial access token, and returns the status.
func (s *server) registerApp(t *testing.T, app, token string) int {
	t.Helper()
	body := `{"client_id":"` + app + `","redirect_uris":["https://` + app + `.example/back"]}`
	r, err := http.NewRequest(http.MethodPost, s.root()+"/oauth2/register", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	return answer.StatusCode
}

// People log in to a deployment of several programs once its manifest says where; its secrets are in files, and in no log.
func TestConnectByConfiguration(t *testing.T) {
	const origin = "https://wallets.example"
	secrets := t.TempDir()
	for _, name := range []string{"mail", "google", "registrations-of-the-operator"} {
		write(t, filepath.Join(secrets, name), []byte("sesame-"+name+"\n"))
	}
	d := newDeployment(t, "")
	plain := read(t, d.config)
	do(t, "init", "--config", d.config)
	s := d.launched(t)
	if got := s.issuer(t); got != "" {
		t.Errorf("without an origin in the manifest: %q", got)
	}
	d.end()

	do(t, "init", "--config", d.config, "--connect-origin", origin, "--connect-provider", "google=https://accounts.google.com,wallets")
	more := "\n[connect]\ndaily-limit = 500\noperator-token-file = \"" + filepath.Join(secrets, "registrations-of-the-operator") + "\"\n[connect.mail]\nserver = \"127.0.0.1:1\"\nfrom = \"login@wallets.example\"\nuser = \"login\"\npassword-file = \"" +
		filepath.Join(secrets, "mail") + "\"\n[connect.providers.google]\ntitle = \"Google\"\nclient-secret-file = \"" + filepath.Join(secrets, "google") + "\"\n"
	write(t, d.config, append(plain, more...))
	s = d.launched(t)
	if got := s.issuer(t); got != origin {
		t.Errorf("issuer %q, want %q", got, origin)
	}
	if _, err := os.Stat(filepath.Join(d.dir, "data", "connect.db")); err != nil {
		t.Error(err)
	}
	if got := s.deviceCode(t, "game"); got != http.StatusUnauthorized {
		t.Errorf("an app that nobody registered: %d", got)
	}
	do(t, "app", "add", "game", "--config", d.config, "--name", "The Game")
	if got := s.deviceCode(t, "game"); got != http.StatusOK {
		t.Errorf("an app that was registered beside the server: %d", got)
	}
	if got := s.registerApp(t, "shop", "sesame-registrations-of-the-operator"); got != http.StatusCreated {
		t.Errorf("an app that the operator's program registers: %d", got)
	}
	if got := s.registerApp(t, "forum", "sesame-registrations-of-somebody-else"); got != http.StatusUnauthorized {
		t.Errorf("an app that somebody registers: %d", got)
	}
	if list := do(t, "app", "list", "--config", d.config); !strings.Contains(list, "https://shop.example/back") || strings.Contains(list, "forum") {
		t.Errorf("%s", list)
	}
	do(t, "app", "remove", "game", "--config", d.config)
	if got := s.deviceCode(t, "game"); got != http.StatusUnauthorized {
		t.Errorf("an app that was removed: %d", got)
	}
	d.end()
	for _, name := range []string{"redoubtd", "certifier", "policy"} {
		if log := read(t, filepath.Join(d.dir, name+".log")); strings.Contains(string(log), "sesame") {
			t.Errorf("the log of %s tells a secret", name)
		}
	}
}
