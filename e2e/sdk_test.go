package e2e_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain/base58"
	"github.com/redoubt-kms/redoubt/client"
)

// found creates an organization through the SDK and returns its client.
func found(t testing.TB, base string) *client.Client {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key := client.NewKey(private)
	c := client.New(base, "", key)
	o, err := c.CreateOrganization(t.Context(), api.CreateOrganizationParams{OrganizationName: "SDK", Users: []api.NewUser{{
		Username: "admin", Policy: api.Raw(`{"type":"ROOT"}`), Authenticators: []api.NewAuthenticator{key.Authenticator("laptop")},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	c.Organization = o.OrganizationID
	return c
}

// Every method of the Go SDK against the real server, with every receipt checked on the way.
func TestSDK(t *testing.T) {
	s := start(t, filepath.Join(t.TempDir(), "data"))
	c := found(t, s.url)
	ctx := t.Context()
	ok := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	w, err := c.CreateWallet(ctx, "W", []string{"main"}, api.WalletParameters{Accounts: client.Paths("m/44'/501'/0'/0'", "m/44'/60'/0'/0/0")})
	ok("CreateWallet", err)
	accounts, err := c.Accounts(ctx, w.WalletID, "m/44'/501'/0'/0'", "m/44'/60'/0'/0/0")
	ok("Accounts", err)
	if len(accounts) != 2 || len(w.Accounts) != 2 || accounts[1].Address != w.Accounts[1].Address {
		t.Errorf("accounts %v, at creation %v", accounts, w.Accounts)
	}
	found, err := c.FindWallet(ctx, "main")
	ok("FindWallet", err)
	none, err := c.FindWallet(ctx, "none")
	ok("FindWallet", err)
	if found == nil || found.WalletID != w.WalletID || none != nil {
		t.Errorf("found %v and %v", found, none)
	}
	_, err = c.WalletWithTag(ctx, "other", "tag", api.WalletParameters{Curve: api.CurveEd25519})
	ok("WalletWithTag", err)
	page, err := c.Wallets(ctx, 10, 0)
	ok("Wallets", err)
	if page.TotalCount != 2 || len(page.Wallets) != 2 {
		t.Errorf("wallets %+v", page)
	}
	_, err = c.SignText(ctx, w.WalletID, "m/44'/501'/0'/0'", "hello", api.Ed25519)
	ok("SignText", err)
	_, err = c.SignPersonal(ctx, w.WalletID, "m/44'/60'/0'/0/0", []byte("hello"))
	ok("SignPersonal", err)
	_, err = c.SignTypedData(ctx, w.WalletID, "m/44'/60'/0'/0/0", []byte(`{"types":{"M":[{"name":"n","type":"uint256"}]},"primaryType":"M","domain":{"name":"D"},"message":{"n":1}}`))
	ok("SignTypedData", err)
	tx := api.TransactionObject{Kind: "RLP_ENCODED", Bytes: "0x02e683aa36a78001843b9aca0082520894000000000000000000000000000000000000dead0180c0"}
	signed, err := c.SignEVM(ctx, w.WalletID, "m/44'/60'/0'/0/0", tx, &api.SubmissionConfig{Chain: "ethereum", Network: "sepolia"})
	ok("SignEVM", err)
	if signed.Kind != "ETHEREUM" || !strings.Contains(string(signed.Submission), "no node is configured") {
		t.Errorf("signed %+v, submission %s", signed, signed.Submission)
	}
	payer, err := base58.Decode(w.Accounts[0].Address)
	ok("address", err)
	message := slices.Concat([]byte{1, 0, 1, 2}, payer, make([]byte, 32), make([]byte, 32), []byte{1, 1, 0, 0})
	prepared, err := c.Prepare(ctx, message, nil)
	ok("Prepare", err)
	onSolana, err := c.SignSolana(ctx, w.WalletID, "m/44'/501'/0'/0'", prepared, nil)
	ok("SignSolana", err)
	if onSolana.Kind != "SOLANA" || !bytes.Equal(prepared, message) {
		t.Errorf("signed %+v of %x", onSolana, prepared)
	}
	_, err = c.Prepare(ctx, []byte{1}, nil)
	var unprepared *api.Error
	if !errors.As(err, &unprepared) || unprepared.Type != api.TypeTransaction {
		t.Errorf("a transaction of one byte is prepared: %v", err)
	}
	_, err = c.SignSolana(ctx, w.WalletID, "m/44'/501'/0'/0'", []byte{1}, nil)
	var refused *api.Error
	if !errors.As(err, &refused) || refused.Type != api.TypeTransaction || refused.Status != 400 || refused.RequestID == "" {
		t.Errorf("a transaction of one byte: %v", err)
	}
	_, private, _ := ed25519.GenerateKey(rand.Reader)
	second := client.NewKey(private)
	added, err := c.CreateAuthenticator(ctx, "admin", second.Authenticator("second"), false)
	ok("CreateAuthenticator", err)
	_, err = c.DeleteAuthenticator(ctx, "admin", added.ID)
	ok("DeleteAuthenticator", err)
	_, err = client.New(s.url, c.Organization, second).GetOrganization(ctx)
	if !errors.As(err, &refused) || refused.Status != 401 {
		t.Errorf("with a deleted key: %v", err)
	}
	o, err := c.AddUser(ctx, api.NewUser{Username: "reader", Policy: api.Raw(`{"type":"CEL","preset":"DENY_ALL"}`), Authenticators: []api.NewAuthenticator{second.Authenticator("k")}}, false)
	ok("AddUser", err)
	if len(o.Users) != 2 {
		t.Errorf("users %v", o.Users)
	}
	_, err = client.New(s.url, c.Organization, second).GetOrganization(ctx)
	if !errors.As(err, &refused) || refused.Type != api.TypeDenied || errors.Is(err, client.ErrUnproven) {
		t.Errorf("a denial: %v", err)
	}
	if !errors.Is(err, client.ErrDenied) || errors.Is(err, client.ErrNotFound) {
		t.Errorf("a denial does not match: %v", err)
	}
	o, err = c.DeleteUser(ctx, "reader")
	ok("DeleteUser", err)
	if len(o.Users) != 1 {
		t.Errorf("users %v", o.Users)
	}
	if _, err := client.New(s.url, c.Organization, second).GetOrganization(ctx); !errors.Is(err, client.ErrUnauthenticated) {
		t.Errorf("a removed user: %v", err)
	}
	if _, err := c.Accounts(ctx, c.Organization, "m/44'/501'/0'/0'"); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("a wallet that is none: %v", err)
	}
	if text := fmt.Sprintf("%v %+v %#v %s", second, second, second, second); strings.Contains(text, fmt.Sprintf("%v", private[:8])) {
		t.Error("the key prints")
	}
}

// A host in between that changes an answer, or leaves out its receipt, is caught; one that fails for a while is not
// noticed, and nothing is done twice.
func TestSDKAgainstAHostileHost(t *testing.T) {
	s := start(t, filepath.Join(t.TempDir(), "data"))
	target, err := url.Parse(strings.TrimSuffix(s.url, "/v1/wallets"))
	if err != nil {
		t.Fatal(err)
	}
	var change atomic.Pointer[func(*http.Response)]
	var failures atomic.Int64
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) },
		ModifyResponse: func(r *http.Response) error {
			if f := change.Load(); f != nil && strings.HasSuffix(r.Request.URL.Path, "/rpc") {
				(*f)(r)
			}
			return nil
		},
	}
	host := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/rpc") && failures.Add(-1) >= 0 {
			proxy.ServeHTTP(httptest.NewRecorder(), r) // it happens, but nobody hears of it
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	defer host.Close()
	c := found(t, host.URL+"/v1/wallets")

	failures.Store(2)
	if _, err := c.CreateWallet(t.Context(), "once", nil, api.WalletParameters{}); err != nil {
		t.Errorf("after two failures: %v", err)
	}
	failures.Store(0)
	if page, err := c.Wallets(t.Context(), 10, 0); err != nil || page.TotalCount != 1 {
		t.Errorf("%d wallets of one: %v", page.TotalCount, err)
	}
	for name, f := range map[string]func(*http.Response){
		"another answer": func(r *http.Response) {
			b, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(strings.NewReader(strings.Replace(string(b), `"once"`, `"twice"`, 1)))
			r.ContentLength, r.Header["Content-Length"] = -1, nil
		},
		"no receipt": func(r *http.Response) { r.Header.Del("X-Redoubt-Receipt") },
		"a made-up denial": func(r *http.Response) {
			r.StatusCode = http.StatusForbidden
		},
	} {
		change.Store(&f)
		if _, err := c.Wallets(t.Context(), 10, 0); !errors.Is(err, client.ErrUnproven) {
			t.Errorf("%s: %v", name, err)
		}
	}
	change.Store(nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.GetOrganization(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	c = client.New(host.URL+"/v1/wallets", c.Organization, nil)
	c.Manifest = strings.Repeat("00", 32)
	if _, err := c.Attestation(t.Context()); err == nil {
		t.Error("another manifest than the one expected is taken")
	}
}
