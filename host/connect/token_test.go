package connect

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redoubt-kms/redoubt/host/connect/shelf"
	"github.com/redoubt-kms/redoubt/internal/wire"
)

// A login as the published SDK does it: request object, code, tokens, refresh.
func TestLogin(t *testing.T) {
	b := newBench(t)
	a, code := b.code(t)
	got := b.redeem(a, code).succeeds(t, "redeem")
	if got.text("access_token") == "" || got.text("token_type") != "Bearer" || got.json["expires_in"] != 86400.0 || got.text("refresh_token") == "" || got.text("id_token") == "" {
		t.Errorf("tokens: %s", got.body)
	}
	if got.header.Get("Cache-Control") != "no-store" || got.header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("headers: %v", got.header)
	}
	first := got.text("refresh_token")
	b.pass(23*time.Hour + 50*time.Minute)
	next := b.refreshes(first).succeeds(t, "refresh")
	if second := next.text("refresh_token"); second == "" || second == first || next.json["expires_in"] != 86400.0 {
		t.Errorf("refreshed: %s", next.body)
	}
}

func TestCodeNegatives(t *testing.T) {
	b := newBench(t)
	if err := b.Registry().Register(t.Context(), App{ClientID: "other", Name: "Other", RedirectURIs: []string{callback}}); err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func(f form){
		"another app":               func(f form) { f["client_id"] = "other" },
		"another redirect_uri":      func(f form) { f["redirect_uri"] = callback + "/" },
		"another verifier":          func(f form) { f["code_verifier"] = random(64) },
		"a short verifier":          func(f form) { f["code_verifier"] = "short" },
		"the challenge as verifier": func(f form) { f["code_verifier"] = f["challenge"] },
	} {
		a, code := b.code(t)
		f := form{
			"grant_type": "authorization_code", "client_id": client, "redirect_uri": callback, "code": code, "code_verifier": a.verifier,
			"challenge": a.claims["code_challenge"].(string),
		}
		change(f)
		var pairs []string
		for name, value := range f {
			pairs = append(pairs, name, value)
		}
		b.form("/oauth2/token", pairs...).fails(t, what, 400, invalidGrant)
		b.redeem(a, code).fails(t, "the right one after "+what, 400, invalidGrant)
	}
	a, code := b.code(t)
	b.pass(codeLife)
	b.redeem(a, code).fails(t, "an old code", 400, invalidGrant)
	b.redeem(a, "nothing").fails(t, "no code", 400, invalidGrant)
}

// A code that comes twice takes the login along, whichever came first.
func TestCodeReplay(t *testing.T) {
	b := newBench(t)
	a, code := b.code(t)
	token := b.redeem(a, code).succeeds(t, "redeem").text("refresh_token")
	b.pass(30 * time.Minute)
	b.redeem(a, code).fails(t, "the code again", 400, invalidGrant)
	b.refreshes(token).fails(t, "refresh after a replay", 400, invalidGrant)
}

// hooked is a shelf that does something before it adds a row.
type hooked struct {
	shelf.Shelf
	before func(shelf.Kind)
}

func (h *hooked) Add(ctx context.Context, k shelf.Kind, r shelf.Row, now time.Time) error {
	h.before(k)
	return h.Shelf.Add(ctx, k, r, now)
}

// A replay that comes before there is anything to revoke ends the login all the same.
func TestCodeReplayInBetween(t *testing.T) {
	var b *bench
	var replay func()
	b = newBench(t, func(o *Options) {
		o.Shelf = &hooked{Shelf: o.Shelf, before: func(k shelf.Kind) {
			if k == shelf.Families {
				replay()
			}
		}}
	})
	a, code := b.code(t)
	again := 0
	replay = func() {
		again++
		b.redeem(a, code).fails(t, "replay", 400, invalidGrant)
	}
	b.redeem(a, code).fails(t, "the first one", 400, invalidGrant)
	if again != 1 {
		t.Errorf("replayed %d times", again)
	}
	rows, err := b.Shelf.List(t.Context(), shelf.Families, "", 10, b.time())
	if err != nil || len(rows) != 1 || !strings.Contains(string(rows[0].Value), `"revoked":true`) {
		t.Errorf("families: %v, %v", rows, err)
	}
}

// A verifier that is too short to be one is none, though its hash is right.
func TestShortVerifier(t *testing.T) {
	b := newBench(t)
	for _, verifier := range []string{"", "short", strings.Repeat("v", 42), strings.Repeat("v", 129)} {
		a := newApp(t, b.time())
		a.verifier, a.claims["code_challenge"] = verifier, digest(verifier)
		location := b.authorize(t, b.start(t, map[string]any{"jar": a.jar()})).text("location")
		to, err := url.Parse(location)
		if err != nil {
			t.Fatal(err)
		}
		if r := b.redeem(a, to.Query().Get("code")); r.status != 400 {
			t.Errorf("%q: %d %s", verifier, r.status, r.body)
		}
	}
}

// Of codes that come at once, at most one is answered, and with more than one none of it lasts.
func TestCodeRace(t *testing.T) {
	b := newBench(t)
	for range 5 {
		a, code := b.code(t)
		answers := make([]reply, 8)
		var all sync.WaitGroup
		for i := range answers {
			all.Go(func() { answers[i] = b.redeem(a, code) })
		}
		all.Wait()
		won := 0
		for _, r := range answers {
			if r.status != 200 {
				r.fails(t, "a code at once", 400, invalidGrant)
				continue
			}
			won++
			b.refreshes(r.text("refresh_token")).fails(t, "refresh after a replay", 400, invalidGrant)
		}
		if won > 1 {
			t.Errorf("%d were answered", won)
		}
	}
}

// Tabs that refresh at once all get the same new token.
func TestRefreshRace(t *testing.T) {
	b := newBench(t)
	a, code := b.code(t)
	token := b.redeem(a, code).text("refresh_token")
	for round := range 5 {
		answers := make([]reply, 32)
		var all sync.WaitGroup
		for i := range answers {
			all.Go(func() { answers[i] = b.refreshes(token) })
		}
		all.Wait()
		next := answers[0].text("refresh_token")
		for i, r := range answers {
			if r.status != 200 || r.text("refresh_token") != next || next == token {
				t.Fatalf("round %d, tab %d: %d %s", round, i, r.status, r.body)
			}
		}
		token = next
		b.pass(time.Second)
	}
}

// A tab that is some steps behind gets the newest token within the grace; later, the login ends.
func TestRefreshGrace(t *testing.T) {
	b := newBench(t)
	a, code := b.code(t)
	chain := []string{b.redeem(a, code).text("refresh_token")}
	for range 3 {
		chain = append(chain, b.refreshes(chain[len(chain)-1]).text("refresh_token"))
	}
	b.pass(refreshGrace)
	for i, old := range chain[:3] {
		if got := b.refreshes(old).succeeds(t, "within the grace").text("refresh_token"); got != chain[3] {
			t.Errorf("token %d led to %s, want %s", i, got, chain[3])
		}
	}
	b.pass(time.Millisecond)
	b.refreshes(chain[0]).fails(t, "after the grace", 400, invalidGrant)
	b.refreshes(chain[3]).fails(t, "the newest one afterwards", 400, invalidGrant)
}

func TestRefreshNegatives(t *testing.T) {
	b := newBench(t)
	if err := b.Registry().Register(t.Context(), App{ClientID: "other", Name: "Other"}); err != nil {
		t.Fatal(err)
	}
	a, code := b.code(t)
	token := b.redeem(a, code).text("refresh_token")
	id, secret, _ := strings.Cut(token, ".")
	for what, r := range map[string]reply{
		"another app":          b.form("/oauth2/token", "grant_type", "refresh_token", "client_id", "other", "refresh_token", token),
		"another redirect_uri": b.form("/oauth2/token", "grant_type", "refresh_token", "client_id", client, "refresh_token", token, "redirect_uri", "https://evil.example"),
		"cut":                  b.refreshes(token[:len(token)-1]),
		"no secret":            b.refreshes(id + "."),
		"another id":           b.refreshes(random(16) + "." + secret),
		"garbage":              b.refreshes("garbage"),
	} {
		r.fails(t, what, 400, invalidGrant)
	}
	b.form("/oauth2/token", "grant_type", "refresh_token", "client_id", client, "refresh_token", token).succeeds(t, "without redirect_uri")
	b.pass(8 * 24 * time.Hour)
	b.refreshes(token).fails(t, "after the end of the session", 400, invalidGrant)
}

// While the certifier is away, codes and tokens stay good; when it refuses, they do not.
func TestCertifierAway(t *testing.T) {
	b := newBench(t)
	a, code := b.code(t)
	b.certifier.fail(errors.New("no link to sesame"))
	got := b.redeem(a, code)
	got.fails(t, "redeem", 503, unavailable)
	if strings.Contains(got.body, "sesame") || got.header.Get("Retry-After") == "" {
		t.Errorf("%v %s", got.header, got.body)
	}
	b.certifier.fail(nil)
	token := b.redeem(a, code).succeeds(t, "redeem").text("refresh_token")
	b.certifier.fail(errors.New("no link"))
	b.refreshes(token).fails(t, "refresh", 503, unavailable)
	b.certifier.fail(wire.Faultf("ended", "the session has ended"))
	b.refreshes(token).fails(t, "refresh", 400, invalidGrant)
	b.certifier.fail(nil)
	b.pass(time.Hour)
	b.refreshes(token).succeeds(t, "refresh")
}

// Every way to ask the token endpoint wrongly, and what it gets.
func TestTokenNegatives(t *testing.T) {
	b := newBench(t)
	formType := map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
	for what, c := range map[string]struct {
		method, path, body string
		header             map[string]string
		status             int
		code               string
	}{
		"GET":                 {method: "GET", status: 405, code: invalidRequest},
		"PUT":                 {method: "PUT", status: 405, code: invalidRequest},
		"nothing":             {status: 400, code: invalidRequest},
		"JSON":                {body: "{}", header: map[string]string{"Content-Type": "application/json"}, status: 400, code: invalidRequest},
		"no type":             {body: "grant_type=x", header: map[string]string{"Content-Type": ""}, status: 400, code: invalidRequest},
		"parameters in query": {path: "/oauth2/token?client_id=app-123", body: "grant_type=x", status: 400, code: invalidRequest},
		"no client":           {body: "grant_type=refresh_token&refresh_token=x", status: 400, code: invalidRequest},
		"unknown client":      {body: "grant_type=refresh_token&refresh_token=x&client_id=nobody", status: 401, code: invalidClient},
		"client of bad form":  {body: "grant_type=refresh_token&refresh_token=x&client_id=a%00b", status: 401, code: invalidClient},
		"own client":          {body: "grant_type=refresh_token&refresh_token=x&client_id=connect", status: 401, code: invalidClient},
		"a secret":            {body: "grant_type=refresh_token&refresh_token=x&client_id=app-123&client_secret=s", status: 401, code: invalidClient},
		"an assertion":        {body: "grant_type=refresh_token&refresh_token=x&client_id=app-123&client_assertion=s", status: 401, code: invalidClient},
		"no grant":            {body: "client_id=app-123", status: 400, code: invalidRequest},
		"password grant":      {body: "client_id=app-123&grant_type=password&username=a&password=b", status: 400, code: unsupportedGrantType},
		"client credentials":  {body: "client_id=app-123&grant_type=client_credentials", status: 400, code: unsupportedGrantType},
		"twice":               {body: "client_id=app-123&client_id=app-123&grant_type=refresh_token", status: 400, code: invalidRequest},
		"grant twice":         {body: "client_id=app-123&grant_type=refresh_token&grant_type=refresh_token", status: 400, code: invalidRequest},
		"no code":             {body: "client_id=app-123&grant_type=authorization_code&redirect_uri=x&code_verifier=y", status: 400, code: invalidRequest},
		"no verifier":         {body: "client_id=app-123&grant_type=authorization_code&redirect_uri=x&code=y", status: 400, code: invalidRequest},
		"no refresh token":    {body: "client_id=app-123&grant_type=refresh_token", status: 400, code: invalidRequest},
		"no device code":      {body: "client_id=app-123&grant_type=urn:ietf:params:oauth:grant-type:device_code", status: 400, code: invalidRequest},
		"bad escape":          {body: "client_id=app-123&grant_type=%zz", status: 400, code: invalidRequest},
		"not UTF-8":           {body: "client_id=app-123&grant_type=%ff", status: 400, code: invalidRequest},
		"semicolons":          {body: "client_id=app-123;grant_type=refresh_token", status: 400, code: invalidRequest},
		"too many":            {body: strings.Repeat("a", 3) + manyFields(), status: 400, code: invalidRequest},
		"too large":           {body: "client_id=" + strings.Repeat("a", maxForm), status: 413, code: invalidRequest},
		"encoded":             {body: "x", header: map[string]string{"Content-Encoding": "gzip"}, status: 400, code: invalidRequest},
		"basic garbage":       {body: "grant_type=refresh_token", header: map[string]string{"Authorization": "Basic %%%"}, status: 401, code: invalidClient},
		"basic with a secret": {body: "grant_type=refresh_token", header: map[string]string{"Authorization": "Basic YXBwLTEyMzpzZWNyZXQ="}, status: 401, code: invalidClient},
		"basic of another":    {body: "grant_type=refresh_token&client_id=app-123", header: map[string]string{"Authorization": "Basic b3RoZXI6"}, status: 401, code: invalidClient},
		"basic alone":         {body: "grant_type=refresh_token", header: map[string]string{"Authorization": "Basic YXBwLTEyMzo="}, status: 400, code: invalidRequest},
	} {
		if c.method == "" {
			c.method = "POST"
		}
		if c.path == "" {
			c.path = "/oauth2/token"
		}
		header := map[string]string{}
		for _, from := range []map[string]string{formType, c.header} {
			for name, value := range from {
				header[name] = value
			}
		}
		got := b.do(c.method, c.path, header, c.body)
		got.fails(t, what, c.status, c.code)
		if got.header.Get("Cache-Control") != "no-store" || got.header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: headers %v", what, got.header)
		}
		if strings.HasPrefix(what, "basic") && c.status == 401 && got.header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: no WWW-Authenticate", what)
		}
	}
}

func manyFields() string {
	var s strings.Builder
	for i := range maxFields + 1 {
		s.WriteString("&f" + string(rune('A'+i)) + "=1")
	}
	return s.String()
}

func TestPreflight(t *testing.T) {
	b := newBench(t)
	for _, path := range []string{"/oauth2/token", "/oauth2/register", "/oauth2/device/auth", "/.well-known/openid-configuration", "/.well-known/jwks.json"} {
		r := b.do("OPTIONS", path, map[string]string{"Origin": "https://app.example", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}, "")
		if r.status != 204 || r.header.Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(r.header.Get("Access-Control-Allow-Headers"), "content-type") {
			t.Errorf("%s: %d %v", path, r.status, r.header)
		}
	}
}

func TestTokenRate(t *testing.T) {
	b := newBench(t, func(o *Options) { o.Rates = 1 })
	for range int(perMinute(actToken)) {
		b.refreshes("garbage").fails(t, "within the rate", 400, invalidGrant)
	}
	got := b.refreshes("garbage")
	got.fails(t, "over the rate", 429, unavailable)
	if got.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	b.pass(time.Minute)
	b.refreshes("garbage").fails(t, "a minute later", 400, invalidGrant)
}
