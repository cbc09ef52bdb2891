package certifier

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redoubt-kms/redoubt/host/carry"
	"github.com/redoubt-kms/redoubt/internal/jose"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

// direct is the certifier as the host reaches it, without the links in between.
type direct struct{ *rig }

func (d direct) FetchBegin(_ context.Context, b wire.FetchBegin) (wire.FetchStepped, error) {
	return d.fetchBegin(b)
}

func (d direct) FetchStep(_ context.Context, s wire.FetchStep) (wire.FetchStepped, error) {
	return d.fetchStep(s)
}

// issuerServer is an issuer on this machine, whose answers a test may change.
type issuerServer struct {
	*httptest.Server
	outside *outside
	answers atomic.Pointer[map[string]http.HandlerFunc] // by path; never changed, only replaced: the server may be reading
}

// with puts other answers in the place of some.
func (s *issuerServer) with(answers map[string]http.HandlerFunc) {
	all := map[string]http.HandlerFunc{}
	if before := s.answers.Load(); before != nil {
		maps.Copy(all, *before)
	}
	maps.Copy(all, answers)
	s.answers.Store(&all)
}

func newIssuerServer(t *testing.T) *issuerServer {
	t.Helper()
	s := &issuerServer{outside: newOutside(t, "", "client")}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if answer := (*s.answers.Load())[r.URL.Path]; answer != nil {
			answer(w, r)
			return
		}
		http.NotFound(w, r)
	}))
	s.Config.ErrorLog = nil
	s.with(map[string]http.HandlerFunc{
		"/.well-known/openid-configuration": func(w http.ResponseWriter, _ *http.Request) {
			_ = json.NewEncoder(w).Encode(map[string]any{"issuer": s.URL, "jwks_uri": s.URL + "/keys", "scopes_supported": []string{"openid"}})
		},
		"/keys": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(s.outside.keys().JSON()) },
	})
	s.StartTLS()
	t.Cleanup(s.Close)
	s.outside.issuer = s.URL
	return s
}

func (s *issuerServer) address(t *testing.T) string {
	t.Helper()
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}

// connect lets keys be fetched from the server.
func (s *issuerServer) connect(t *testing.T) proof.Connect {
	t.Helper()
	return proof.Connect{
		Origin: testOrigin, Roots: [][]byte{s.Certificate().Raw}, Loopback: []string{s.address(t)},
		Providers: []proof.Provider{{Name: "Local", Issuer: s.URL, ClientID: "client"}},
	}
}

func (r *rig) fetch(t *testing.T, url string, issuer bool) (proof.SignedKeySet, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), r.logins.fetching.limit+time.Second)
	defer cancel()
	answer, err := carry.Keys(ctx, direct{r}, wire.FetchBegin{URL: url, Issuer: issuer})
	if err != nil {
		return proof.SignedKeySet{}, err
	}
	var signed proof.SignedKeySet
	if err := proof.Decode(answer.Statement, &signed); err != nil {
		t.Fatal(err)
	}
	return signed, signed.Verify(r.manifest)
}

// Keys come over TLS that ends in the certifier, and are what it signs; then the issuer's tokens are evidence.
func TestFetchKeys(t *testing.T) {
	s := newIssuerServer(t)
	r := newRigWith(t, s.connect(t))
	now := time.Now().UnixMilli()
	for _, issuer := range []bool{true, false} {
		where := s.URL
		if !issuer {
			where += "/keys"
		}
		signed, err := r.fetch(t, where, issuer)
		if err != nil {
			t.Fatal(err)
		}
		k := signed.KeySet
		if k.URL != where || k.Issuer != issuer || string(k.Keys) != string(s.outside.keys().JSON()) || int64(k.Fetched) < now || int64(k.Fetched) > now+60_000 {
			t.Errorf("%+v", k)
		}
	}
	h := newHolder(t)
	token, err := jose.Sign(s.outside.key, jose.TypeID, map[string]any{
		"iss": s.URL, "sub": "somebody", "aud": "client", "nonce": h.nonce(t), "iat": now / 1000, "exp": now/1000 + 300,
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.logins.signIn(wire.SignIn{Challenge: r.beginFor(t, h, "").Challenge, IDToken: token}); err != nil {
		t.Error(err)
	}
	if n := r.stats.keys.Load(); n != 2 || len(r.logins.fetching.open) != 0 {
		t.Errorf("%d fetches are counted, %d are open", n, len(r.logins.fetching.open))
	}
}

// What an issuer, or somebody in its place, answers instead of keys.
func TestFetchRefuses(t *testing.T) {
	s := newIssuerServer(t)
	r := newRigWith(t, s.connect(t))
	r.logins.fetching.limit = 500 * time.Millisecond
	text := func(body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }
	}
	discovery := func(issuer, keys string) http.HandlerFunc {
		b, err := json.Marshal(map[string]string{"issuer": issuer, "jwks_uri": keys})
		if err != nil {
			t.Fatal(err)
		}
		return text(string(b))
	}
	endless := func(w http.ResponseWriter, r *http.Request) { // ten gigabytes, if one reads them
		for n := 0; n < 10<<30 && r.Context().Err() == nil; n += 64 << 10 {
			if _, err := w.Write(make([]byte, 64<<10)); err != nil {
				return
			}
		}
	}
	slow := func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			_, _ = w.Write([]byte(" "))
			w.(http.Flusher).Flush()
			time.Sleep(20 * time.Millisecond)
		}
	}
	good := *s.answers.Load()
	for why, c := range map[string]struct {
		path   string
		answer http.HandlerFunc
		want   string
	}{
		"a redirect":         {"/keys", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/other", http.StatusFound) }, "another status"},
		"a loop":             {"/keys", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/keys", http.StatusFound) }, "another status"},
		"an error":           {"/keys", http.NotFound, "another status"},
		"a created":          {"/keys", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(201) }, "another status"},
		"ten gigabytes":      {"/keys", endless, "64 KiB"},
		"ten gigabytes said": {"/keys", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "10737418240") }, "64 KiB"},
		"a slow body":        {"/keys", slow, "longer than 5 s"},
		"silence":            {"/keys", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "longer than 5 s"},
		"a compressed body": {"/keys", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write([]byte("x"))
		}, "compressed"},
		"huge headers":        {"/keys", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("x", 20_000)) }, "16 KiB"},
		"no keys":             {"/keys", text(`{"keys":[]}`), "key set refused"},
		"many keys":           {"/keys", text(`{"keys":[` + strings.Repeat("{},", 10_000) + `{}]}`), "key set refused"},
		"no JSON":             {"/keys", text("<html>"), "key set refused"},
		"another issuer":      {"/.well-known/openid-configuration", discovery(s.URL+"/", s.URL+"/keys"), "another issuer"},
		"no issuer":           {"/.well-known/openid-configuration", text(`{}`), "another issuer"},
		"an issuer twice":     {"/.well-known/openid-configuration", text(fmt.Sprintf(`{"issuer":%q,"issuer":%q,"jwks_uri":%q}`, s.URL, s.URL, s.URL+"/keys")), "twice"},
		"no jwks_uri":         {"/.well-known/openid-configuration", discovery(s.URL, ""), "no jwks_uri"},
		"a plain jwks_uri":    {"/.well-known/openid-configuration", discovery(s.URL, "http://"+s.address(t)+"/keys"), "want https"},
		"a jwks_uri of files": {"/.well-known/openid-configuration", discovery(s.URL, "file:///etc/passwd"), "want https"},
		"a jwks_uri inside":   {"/.well-known/openid-configuration", discovery(s.URL, "https://127.0.0.1:1/keys"), "address, not a name"},
		"a jwks_uri by name":  {"/.well-known/openid-configuration", discovery(s.URL, "https://localhost/keys"), "no public name"},
	} {
		s.with(good)
		s.with(map[string]http.HandlerFunc{c.path: c.answer})
		if k, err := r.fetch(t, s.URL, true); codeOf(err) != "fetch-failed" || !strings.Contains(err.Error(), c.want) || k.Signature != nil {
			t.Errorf("%s: %v", why, err)
		}
	}
	if len(r.logins.fetching.open) != 0 || len(r.logins.providers) != 1 || r.logins.providers[s.URL].fetched != 0 {
		t.Error("something is left of fetches that failed")
	}
}

// TLS ends in the certifier: nobody in between is the issuer, whatever the host connects to.
func TestFetchEndsTLS(t *testing.T) {
	s, evil := newIssuerServer(t), newIssuerServer(t)
	with := s.connect(t)
	with.Roots = nil
	if _, err := newRigWith(t, with).fetch(t, s.URL, true); codeOf(err) != "fetch-failed" || !strings.Contains(err.Error(), "unknown authority") {
		t.Errorf("a certificate that nobody vouches for: %v", err)
	}
	r := newRigWith(t, proof.Connect{Origin: testOrigin, Roots: [][]byte{s.Certificate().Raw}})
	step, err := r.fetchBegin(wire.FetchBegin{URL: "https://id.other-name.example", Issuer: true})
	if err != nil || step.Address != "id.other-name.example:443" || step.Loopback {
		t.Fatalf("%+v, %v", step, err)
	}
	conn, err := net.Dial("tcp", evil.address(t)) // the host leads it somewhere else
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	err = pump(direct{r}, step, conn)
	if codeOf(err) != "fetch-failed" || !strings.Contains(err.Error(), "certificate is valid for") {
		t.Errorf("a server of another name: %v", err)
	}
	old := httptest.NewUnstartedServer(http.NotFoundHandler())
	old.TLS = &tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10} //nolint:gosec // that is what is refused
	old.StartTLS()
	defer old.Close()
	bad := s.connect(t)
	bad.Loopback = []string{strings.TrimPrefix(old.URL, "https://")}
	if _, err := newRigWith(t, bad).fetch(t, old.URL, true); codeOf(err) != "fetch-failed" || !strings.Contains(err.Error(), "version") {
		t.Errorf("TLS 1.1: %v", err)
	}
}

// pump carries the bytes of a fetch on one connection, as a host without scruples does.
func pump(d direct, step wire.FetchStepped, conn net.Conn) error {
	b := make([]byte, 32<<10)
	for len(step.Statement) == 0 {
		if _, err := conn.Write(step.Send); err != nil {
			return err
		}
		n, err := conn.Read(b)
		if step, err = d.fetchStep(wire.FetchStep{Fetch: step.Fetch, Received: b[:n], Ended: err != nil}); err != nil {
			return err
		}
	}
	return nil
}

// The host may bring anything, any number of times, at once: the fetch fails, and its bounds hold.
func TestFetchByAHostileHost(t *testing.T) {
	r := newRig(t)
	r.logins.fetching.limit, r.logins.fetching.grace = 500*time.Millisecond, 2*time.Second
	begin := func() wire.FetchStepped {
		t.Helper()
		step, err := r.fetchBegin(wire.FetchBegin{URL: "https://id.example/keys"})
		if err != nil || len(step.Send) == 0 || step.Connection != 1 {
			t.Fatalf("%+v, %v", step, err)
		}
		return step
	}
	for why, received := range map[string][]byte{"nonsense": []byte(strings.Repeat("no TLS", 100)), "an alert": {21, 3, 3, 0, 2, 2, 40}, "nothing": nil} {
		step := begin()
		if _, err := r.fetchStep(wire.FetchStep{Fetch: step.Fetch, Received: received, Ended: true}); codeOf(err) != "fetch-failed" {
			t.Errorf("%s: %v", why, err)
		}
		if _, err := r.fetchStep(wire.FetchStep{Fetch: step.Fetch}); codeOf(err) != "refused" {
			t.Errorf("a step after the end: %v", err)
		}
	}
	step := begin()
	record := append([]byte{22, 3, 3, 0x40, 0}, make([]byte, 0x4000)...) // a handshake that goes on for ever
	var err error
	for n := 0; err == nil && n < 2*wire.FetchSize; n += len(record) {
		_, err = r.fetchStep(wire.FetchStep{Fetch: step.Fetch, Received: record})
	}
	if codeOf(err) != "fetch-failed" {
		t.Errorf("too much: %v", err)
	}
	for _, bad := range []wire.FetchStep{{}, {Fetch: make([]byte, 16)}, {Fetch: make([]byte, 15)}, {Fetch: step.Fetch, Received: make([]byte, maxReceived+1)}} {
		if _, err := r.fetchStep(bad); codeOf(err) != "refused" {
			t.Errorf("%d bytes for %x: %v", len(bad.Received), bad.Fetch, err)
		}
	}
	for range maxFetches {
		begin()
	}
	if _, err := r.fetchBegin(wire.FetchBegin{URL: "https://id.example/keys"}); codeOf(err) != "overloaded" {
		t.Errorf("beyond the bound: %v", err)
	}
	time.Sleep(r.logins.fetching.limit + r.logins.fetching.grace + 500*time.Millisecond)
	step = begin()
	time.Sleep(r.logins.fetching.limit + 500*time.Millisecond)
	if _, err := r.fetchStep(wire.FetchStep{Fetch: step.Fetch, Received: []byte{22}}); codeOf(err) != "fetch-failed" || !strings.Contains(err.Error(), "longer than 5 s") {
		t.Errorf("a step too late: %v", err)
	}
}

// Which URLs keys are fetched from, and where the certifier then wants to be connected.
func TestReadURL(t *testing.T) {
	connect := proof.Connect{Loopback: []string{"127.0.0.1:9443", "localhost:9443"}}
	for text, want := range map[string]string{
		"https://id.example": "id.example:443", "https://id.example:443/a?b=c": "id.example:443", "https://127.0.0.1:9443/x": "127.0.0.1:9443",
		"https://localhost:9443": "localhost:9443", "https://xn--bcher-kva.example/": "xn--bcher-kva.example:443",
		"http://id.example": "", "https://id.example:8443": "", "https://id.example:": "", "https://u@id.example": "", "https://u:p@id.example": "",
		"https://id.example/#": "", "https://id.example/#a": "", "https://127.0.0.1": "", "https://127.0.0.1:9444": "", "https://localhost": "",
		"https://[::1]": "", "https://[fe80::1%25eth0]": "", "https://8.8.8.8": "", "https://0x7f000001": "", "https://2130706433": "", "https://127.1": "",
		"https://a.b.1": "", "https://id.example.": "", "https://.example": "", "https://-a.example": "", "https://ID.example": "", "https://bücher.example": "",
		"https://id.example/a b": "", "https://id.example/\r\nX: y": "", "https:id.example": "", "https:///x": "", "//id.example": "", "": "", "https://": "",
		"ftp://id.example": "", "https://id.example/" + strings.Repeat("a", 512): "",
	} {
		got, err := readURL(text, &connect)
		if got.address != want || (err == nil) != (want != "") || err != nil && !errors.Is(err, errURL) {
			t.Errorf("%q leads to %q, %v", text, got.address, err)
		}
	}
	if _, err := discoveryURL("https://id.example?x"); err == nil {
		t.Error("an issuer with a query")
	}
	for _, issuer := range []string{"https://id.example", "https://id.example/"} {
		if got, err := discoveryURL(issuer); err != nil || got != "https://id.example/.well-known/openid-configuration" {
			t.Errorf("%q, %v", got, err)
		}
	}
}

// Mozilla's roots are read whole, and those that may vouch for old certificates only keep that bound.
func TestRoots(t *testing.T) {
	pool, err := trusted(proof.Connect{})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(pool.Subjects()); n < 100 { //nolint:staticcheck // it is no system pool
		t.Errorf("%d roots", n)
	}
	if pool.Equal(x509.NewCertPool()) {
		t.Error("no roots")
	}
	if _, err := trusted(proof.Connect{Roots: [][]byte{{1}}}); err == nil {
		t.Error("a root that is no certificate")
	}
}
