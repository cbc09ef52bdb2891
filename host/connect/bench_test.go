package connect

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redoubt-kms/redoubt/host/connect/shelf/sqlite"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

const (
	origin   = "http://localhost:8484"
	callback = "http://localhost:5173/callback"
	client   = "app-123"
)

// bench is a server under test with a browser in front of it.
type bench struct {
	*Connect
	mux       *http.ServeMux
	certifier *certifier
	log       *bytes.Buffer
	cookie    string

	mu  sync.Mutex
	now time.Time
}

func newBench(t testing.TB, change ...func(*Options)) *bench {
	t.Helper()
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "connect.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	b := &bench{mux: http.NewServeMux(), log: new(bytes.Buffer), now: time.UnixMilli(1_800_000_000_000)}
	b.certifier = &certifier{now: b.time}
	o := Options{
		Origin: origin, Certifier: b.certifier, Shelf: store, LogCodes: true, Log: slog.New(slog.NewTextHandler(b.log, nil)), Now: b.time, Rates: 1000,
	}
	for _, f := range change {
		f(&o)
	}
	if b.Connect, err = New(o); err != nil {
		t.Fatal(err)
	}
	b.Routes(b.mux)
	if err := b.Registry().Register(t.Context(), App{ClientID: client, Name: "Test App", RedirectURIs: []string{callback}, Source: ByOperator}); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bench) time() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now
}

func (b *bench) pass(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = b.now.Add(d)
}

// reply is an answer, with its JSON if it is some.
type reply struct {
	status int
	header http.Header
	body   string
	json   map[string]any
}

func (r reply) text(name string) string {
	s, _ := r.json[name].(string)
	return s
}

func (b *bench) do(method, path string, header map[string]string, body string) reply {
	r := httptest.NewRequestWithContext(context.Background(), method, path, strings.NewReader(body))
	for name, value := range header {
		r.Header.Set(name, value)
	}
	if b.cookie != "" {
		r.Header.Set("Cookie", b.cookie)
	}
	w := httptest.NewRecorder()
	b.mux.ServeHTTP(w, r)
	answer := reply{status: w.Code, header: w.Header(), body: w.Body.String()}
	_ = json.Unmarshal(w.Body.Bytes(), &answer.json)
	return answer
}

func (b *bench) get(path string) reply { return b.do("GET", path, nil, "") }

// form posts parameters as an app does.
func (b *bench) form(path string, pairs ...string) reply {
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		v.Add(pairs[i], pairs[i+1])
	}
	return b.do("POST", path, map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, v.Encode())
}

// post posts JSON as our own pages do, and keeps the cookie.
func (b *bench) post(path string, v any) reply {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b.raw(path, string(body), nil)
}

func (b *bench) raw(path, body string, more map[string]string) reply {
	header := map[string]string{"Content-Type": "application/json", "Origin": origin}
	for name, value := range more {
		header[name] = value
	}
	answer := b.do("POST", path, header, body)
	if set := answer.header.Get("Set-Cookie"); set != "" {
		b.cookie, _, _ = strings.Cut(set, ";")
	}
	return answer
}

func (r reply) fails(t *testing.T, what string, status int, code string) {
	t.Helper()
	if r.status != status || r.text("error") != code || r.text("error_description") == "" {
		t.Errorf("%s: %d %s, want %d %s", what, r.status, r.body, status, code)
	}
}

func (r reply) succeeds(t *testing.T, what string) reply {
	t.Helper()
	if r.status >= 300 {
		t.Fatalf("%s: %d %s", what, r.status, r.body)
	}
	return r
}

// app is a page of an app, with its session key.
type app struct {
	key      *ecdsa.PrivateKey
	point    []byte
	verifier string
	claims   map[string]any
	header   map[string]any
}

func newApp(t testing.TB, now time.Time) *app {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, err := key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	a := &app{key: key, point: point, verifier: random(64)}
	challenge := sha256.Sum256([]byte(a.verifier))
	a.header = map[string]any{"alg": "ES256", "typ": "oauth-authz-req+jwt", "jwk": map[string]any{
		"kty": "EC", "crv": "P-256", "x": b64(point[1:33]), "y": b64(point[33:]),
	}}
	a.claims = map[string]any{
		"aud": origin + "/login/start", "iat": now.Unix(), "exp": now.Unix() + 300, "client_id": client, "redirect_uri": callback,
		"scope": "openid offline_access", "nonce": nonceOf(point), "code_challenge": b64(challenge[:]), "code_challenge_method": "S256",
		"login_hint": "google:auth2", "state": "session-1", "should_migrate": true,
	}
	return a
}

func (a *app) jar() string {
	header, _ := json.Marshal(a.header)
	claims, _ := json.Marshal(a.claims)
	return a.sign(b64(header) + "." + b64(claims))
}

func (a *app) sign(signed string) string {
	hash := sha256.Sum256([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, a.key, hash[:])
	if err != nil {
		panic(err)
	}
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return signed + "." + b64(signature)
}

// start begins a login and returns its id.
func (b *bench) start(t testing.TB, what any) string {
	t.Helper()
	answer := b.post("/login/start", what)
	_, id, ok := strings.Cut(answer.text("location"), "login=")
	if !ok {
		t.Fatalf("start: %d %s", answer.status, answer.body)
	}
	return id
}

// consent writes the body that a page stamps.
func consent(id string, l login, audience ...string) string {
	body, _ := json.Marshal(map[string]any{"method": "authorizeSession", "timestampMs": 1, "params": map[string]any{
		"organizationId": "0b7bd8b4-1f3e-4f35-9d1c-2b1a2a3c4d5e", "clientId": l.ClientID, "redirectUri": l.RedirectURI, "origin": l.Origin,
		"nonce": l.Nonce, "audience": append([]string{}, audience...), "expiresInMs": 7 * 86_400_000, "transaction": id,
	}})
	return string(body)
}

// authorize consents to a login, and returns the answer.
func (b *bench) authorize(t testing.TB, id string) reply {
	t.Helper()
	l, err := load[login](context.Background(), b.Connect, "login", id)
	if err != nil {
		t.Fatal(err)
	}
	return b.raw("/login/authorize", consent(id, l.value), map[string]string{"X-Phantom-Stamp": "stamp"})
}

// code goes through a whole login, and returns the app and its authorization code.
func (b *bench) code(t testing.TB) (*app, string) {
	t.Helper()
	a := newApp(t, b.time())
	answer := b.authorize(t, b.start(t, map[string]any{"jar": a.jar()}))
	to, err := url.Parse(answer.text("location"))
	if err != nil || to.Query().Get("code") == "" || to.Query().Get("state") != "session-1" || !strings.HasPrefix(answer.text("location"), callback+"?") {
		t.Fatalf("authorize: %d %s", answer.status, answer.body)
	}
	return a, to.Query().Get("code")
}

func (b *bench) redeem(a *app, code string) reply {
	return b.form("/oauth2/token", "grant_type", "authorization_code", "client_id", client, "redirect_uri", callback, "code", code, "code_verifier", a.verifier)
}

func (b *bench) refreshes(token string) reply {
	return b.form("/oauth2/token", "grant_type", "refresh_token", "client_id", client, "redirect_uri", callback, "refresh_token", token)
}

// certifier stands in for the real one: it believes all that comes for the login that was begun last, and its tokens are not
// signed.
type certifier struct {
	now func() time.Time

	mu      sync.Mutex
	err     error // what every call fails with
	minted  int
	signIn  wire.SignIn
	begun   wire.SignInBegin
	open    []byte // newest challenge
	alter   func(*wire.Authorized)
	issuers int
}

func (c *certifier) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = err
}

func (c *certifier) Issuer(context.Context) (wire.Issuer, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.issuers++
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return wire.Issuer{}, err
	}
	point, err := key.PublicKey.Bytes()
	if err != nil {
		return wire.Issuer{}, err
	}
	statement, err := proof.Encode(proof.SignedIssuer{Issuer: proof.Issuer{Version: 1, Origin: origin, Key: point}, Signature: []byte{1}})
	return wire.Issuer{Statement: statement}, errors.Join(err, c.err)
}

func (c *certifier) SignInBegin(_ context.Context, b wire.SignInBegin) (wire.SignInBegun, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.begun = b
	begun := wire.SignInBegun{Challenge: make([]byte, 32)}
	if b.Email == "" {
		rand.Read(begun.Challenge)
	}
	c.open = begun.Challenge
	if b.Email != "" {
		begun.Code = "12345678"
	}
	return begun, c.err
}

func (c *certifier) SignIn(_ context.Context, s wire.SignIn) (wire.SignedIn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.signIn = s
	if c.err == nil && !bytes.Equal(s.Challenge, c.open) {
		return wire.SignedIn{}, wire.Faultf("expired", "this login has ended, or was used already; begin again")
	}
	return wire.SignedIn{Token: jwt(map[string]any{"aud": []string{"connect"}}), Subject: "passkey:x", ExpiresAt: uint64(c.now().Add(time.Hour).UnixMilli())}, c.err
}

func (c *certifier) Authorize(_ context.Context, r wire.Request) (wire.Authorized, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var body authorizeBody
	if err := json.Unmarshal(r.Body, &body); err != nil {
		return wire.Authorized{}, err
	}
	p := body.Params
	a := wire.Authorized{
		ClientID: p.ClientID, RedirectURI: p.RedirectURI, Nonce: p.Nonce, Origin: p.Origin, OrganizationID: p.OrganizationID, Subject: "passkey:x",
		ExpiresAt: uint64(c.now().UnixMilli()) + p.ExpiresInMs, Transaction: p.Transaction,
	}
	session, err := json.Marshal(a)
	if err != nil {
		return wire.Authorized{}, err
	}
	if a.Session = session; c.alter != nil {
		c.alter(&a)
	}
	return a, c.err
}

func (c *certifier) Mint(_ context.Context, m wire.MintRequest) (wire.Minted, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return wire.Minted{}, c.err
	}
	c.minted++
	var a wire.Authorized
	if err := json.Unmarshal(m.Session, &a); err != nil {
		return wire.Minted{}, err
	}
	ends := min(a.ExpiresAt, uint64(c.now().Add(24*time.Hour).UnixMilli()))
	a2t := jwt(map[string]any{"nonce": a.Nonce, "exp": ends / 1000})
	access := jwt(map[string]any{
		"sub": a.Subject, "client_id": a.ClientID, "aud": []string{a.ClientID}, "exp": ends / 1000, "ext": map[string]any{"a2t": a2t},
	})
	return wire.Minted{AccessToken: access, IDToken: jwt(map[string]any{"organization_id": a.OrganizationID}), Subject: a.Subject, ExpiresAt: ends, SessionEnds: a.ExpiresAt}, nil
}

func jwt(claims map[string]any) string {
	body, _ := json.Marshal(claims)
	return b64([]byte(`{"alg":"ES256"}`)) + "." + b64(body) + "." + b64(make([]byte, 64))
}
