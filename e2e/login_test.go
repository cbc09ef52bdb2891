package e2e_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/client"
	"github.com/redoubt-kms/redoubt/cmd/redoubt/visit"
)

// origin is where people log in to a development server.
func (s *server) origin(t *testing.T) string {
	t.Helper()
	u, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	return "http://localhost:" + u.Port()
}

// visitor is somebody new in front of a browser.
func (s *server) visitor(t *testing.T) *visit.Person {
	t.Helper()
	p, err := visit.NewPerson(s.origin(t))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// loggedIn begins a login of a program, has a person decide, and returns what the program then has.
func (s *server) loggedIn(t *testing.T, decide func(ctx context.Context, login string, p *visit.Person) error) (*client.Login, *visit.Person, error) {
	t.Helper()
	pending, err := client.BeginLogin(t.Context(), s.url, "program", "")
	if err != nil {
		t.Fatal(err)
	}
	p := s.visitor(t)
	login, err := p.SignIn(t.Context(), visit.Asked{UserCode: pending.UserCode})
	if err != nil {
		t.Fatal(err)
	}
	if err := decide(t.Context(), login, p); err != nil {
		t.Fatal(err)
	}
	l, err := pending.Wait(t.Context())
	return l, p, err
}

func allow(ctx context.Context, login string, p *visit.Person) error {
	_, err := p.Allow(ctx, login, time.Hour)
	return err
}

// signs has a login sign with the program's wallet.
func signs(t *testing.T, s *server, l *client.Login) error {
	t.Helper()
	c := client.New(s.url, l.Organization(), l)
	c.Tries = 1
	wallet, err := c.WalletWithTag(t.Context(), "App Wallet", l.ClientID(), api.WalletParameters{})
	if err != nil {
		return err
	}
	_, err = c.SignText(t.Context(), wallet.WalletID, "m/44'/501'/0'/0'", "hello", api.Ed25519)
	return err
}

// A program logs in by a code, is started again with what it saved, has a token that is not taken replaced, and is out from
// the request on after the person ended it.
func TestProgramLogsIn(t *testing.T) {
	s := start(t, t.TempDir())
	l, p, err := s.loggedIn(t, allow)
	if err != nil {
		t.Fatal(err)
	}
	if err := signs(t, s, l); err != nil {
		t.Fatal(err)
	}
	saved, err := l.Save()
	if err != nil {
		t.Fatal(err)
	}
	again, err := client.ParseLogin(saved)
	if err != nil {
		t.Fatal(err)
	}
	again.Refreshed = func([]byte) error { return errors.New("there was no need for new tokens") }
	if err := signs(t, s, again); err != nil {
		t.Errorf("started again: %v", err)
	}

	var state map[string]any
	if err := json.Unmarshal(saved, &state); err != nil {
		t.Fatal(err)
	}
	token := state["sessionToken"].(string)
	state["sessionToken"] = token[:len(token)-8] + "AAAAAAAA"
	spoilt, err := json.Marshal(state)
	if err != nil {
		t.Fatal(err)
	}
	if again, err = client.ParseLogin(spoilt); err != nil {
		t.Fatal(err)
	}
	renewed := 0
	again.Refreshed = func([]byte) error { renewed++; return nil }
	if err := signs(t, s, again); err != nil || renewed != 1 {
		t.Errorf("after a token that is not taken: %v, %d times new ones", err, renewed)
	}

	var ended json.RawMessage
	if err := p.Call(t.Context(), api.DisconnectApp, map[string]any{"organizationId": p.Organization(), "clientId": l.ClientID()}, &ended); err != nil {
		t.Fatal(err)
	}
	if err := signs(t, s, again); !errors.Is(err, client.ErrUnauthenticated) {
		t.Errorf("after its end: %v", err)
	}
}

// A node that does not take a transaction ends no login.
func TestProgramOutlivesANode(t *testing.T) {
	s := start(t, t.TempDir(), "--rpc", "ethereum/sepolia=http://127.0.0.1:1") // where nobody listens
	l, _, err := s.loggedIn(t, allow)
	if err != nil {
		t.Fatal(err)
	}
	l.Refreshed = func([]byte) error { return errors.New("there was no need for new tokens") }
	c := client.New(s.url, l.Organization(), l)
	wallet, err := c.WalletWithTag(t.Context(), "App Wallet", l.ClientID(), api.WalletParameters{})
	if err != nil {
		t.Fatal(err)
	}
	transaction := json.RawMessage(`{"kind":"EIP_1559","chainId":11155111,"nonce":0,"gasLimit":21000,"maxFeePerGas":2,"maxPriorityFeePerGas":1,"to":"0x00000000000000000000000000000000000ca11e","value":"0x1"}`)
	signed, err := c.SignObject(t.Context(), wallet.WalletID, "m/44'/60'/0'/0/0", transaction, &api.SubmissionConfig{Chain: "ethereum", Network: "sepolia"})
	if err != nil || !strings.Contains(string(signed.Submission), `"error"`) {
		t.Errorf("%s, %v", signed.Submission, err)
	}
	if err := signs(t, s, l); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// A person who says no is heard.
func TestProgramIsNotLetIn(t *testing.T) {
	s := start(t, t.TempDir())
	_, _, err := s.loggedIn(t, func(ctx context.Context, login string, p *visit.Person) error { return p.Deny(ctx, login) })
	if !errors.Is(err, client.ErrLoginDenied) {
		t.Errorf("%v", err)
	}
}

// A program that asks too often is told so, each time longer, and is let in nevertheless.
func TestProgramAsksTooOften(t *testing.T) {
	s := start(t, t.TempDir())
	post := func(path, form string) (int, string) {
		r, err := http.Post(s.root()+path, "application/x-www-form-urlencoded", strings.NewReader(form))
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		var said struct {
			Error      string `json:"error"`
			DeviceCode string `json:"device_code"`
		}
		if err := json.NewDecoder(r.Body).Decode(&said); err != nil {
			t.Fatal(err)
		}
		return r.StatusCode, said.Error + said.DeviceCode
	}
	registered, err := http.Post(s.root()+"/oauth2/register", "application/json", strings.NewReader(
		`{"client_name":"program","grant_types":["urn:ietf:params:oauth:grant-type:device_code","refresh_token"],"response_types":[]}`))
	if err != nil {
		t.Fatal(err)
	}
	defer registered.Body.Close()
	var app struct {
		ClientID string `json:"client_id"`
	}
	if err := json.NewDecoder(registered.Body).Decode(&app); err != nil {
		t.Fatal(err)
	}
	nonce := strings.Repeat("A", 43)
	status, device := post("/oauth2/device/auth", "client_id="+app.ClientID+"&nonce="+nonce)
	if status != http.StatusOK {
		t.Fatal(status, device)
	}
	ask := "grant_type=urn:ietf:params:oauth:grant-type:device_code&client_id=" + app.ClientID + "&device_code=" + device
	for i, want := range []string{"authorization_pending", "slow_down", "slow_down"} {
		if status, got := post("/oauth2/token", ask); status != http.StatusBadRequest || got != want {
			t.Errorf("question %d: %d %s, want %s", i, status, got, want)
		}
	}
	if status, got := post("/oauth2/token", strings.Replace(ask, device, "x"+device[1:], 1)); status != http.StatusBadRequest || got != "invalid_grant" {
		t.Errorf("another's code: %d %s", status, got)
	}
}
