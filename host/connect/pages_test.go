package connect

import (
	"io/fs"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/redoubt-kms/redoubt/internal/wire"
)

// Every page forbids what it does not need, and no other origin may read it.
func TestPageHeaders(t *testing.T) {
	b := newBench(t)
	id := b.start(t, map[string]any{"jar": newApp(t, b.time()).jar()})
	for path, want := range map[string]int{
		"/login/start": 200, "/login": 200, "/login/callback": 200, "/account": 200, "/device-connect": 200, "/device-connect?user_code=bcdfghjk": 200,
		"/device-connect/done": 200, "/device-connect/done?denied=1": 200, "/login/sign-in?login=" + id: 200, "/login/consent?login=" + id: 200,
		"/login/sign-in": 404, "/login/sign-in?login=x": 404, "/login/consent?login=" + random(16): 404,
	} {
		r := b.get(path)
		if r.status != want || !strings.HasPrefix(r.header.Get("Content-Type"), "text/html") || !strings.Contains(r.body, "<h1") {
			t.Errorf("%s: %d %v", path, r.status, r.header)
		}
		for name, value := range map[string]string{
			"Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Cache-Control": "no-store",
			"Access-Control-Allow-Origin": "", "Cross-Origin-Opener-Policy": "same-origin",
		} {
			if r.header.Get(name) != value {
				t.Errorf("%s: %s is %q", path, name, r.header.Get(name))
			}
		}
		csp := r.header.Get("Content-Security-Policy")
		if !strings.HasPrefix(csp, "default-src 'none'; script-src 'self';") || !strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: %s", path, csp)
		}
		if regexp.MustCompile(`(?i)<script(>| [^>]*>[^<])|\son[a-z]+=|\sstyle=|"javascript:`).MatchString(r.body) {
			t.Errorf("%s runs or styles in its own text:\n%s", path, r.body)
		}
	}
}

// What an app says about itself cannot become part of a page.
func TestPagesEscape(t *testing.T) {
	b := newBench(t)
	name := `<b>"'&onload=x`
	if err := b.Registry().Register(t.Context(), App{ClientID: client, Name: name, RedirectURIs: []string{callback}}); err != nil {
		t.Fatal(err)
	}
	a := newApp(t, b.time())
	a.claims["login_hint"] = `"><script>alert(1)</script>`
	id := b.start(t, map[string]any{"jar": a.jar()})
	for _, path := range []string{"/login/sign-in?login=" + id, "/login/consent?login=" + id, "/device-connect?public_key=%22%3E%3Cscript%3E"} {
		if r := b.get(path); strings.Contains(r.body, name) || strings.Contains(r.body, "<b>") || strings.Contains(r.body, "<script>") {
			t.Errorf("%s: %s", path, r.body)
		}
	}
}

// The files fetch, and name, nothing of anybody else.
func TestAssets(t *testing.T) {
	b := newBench(t)
	outside := regexp.MustCompile(`https?://|//[a-z]+\.|innerHTML|outerHTML|document\.write|eval\(|insertAdjacentHTML`)
	err := fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := files.ReadFile(path)
		if err != nil {
			return err
		}
		text := strings.ReplaceAll(string(body), `xmlns="http://www.w3.org/2000/svg"`, "")
		if found := outside.FindString(text); found != "" {
			t.Errorf("%s has %q", path, found)
		}
		if name, ok := strings.CutPrefix(path, "assets/"); ok {
			r := b.get("/login/assets/" + name)
			if r.status != 200 || r.body != string(body) || r.header.Get("ETag") == "" || r.header.Get("Content-Type") == "" {
				t.Errorf("%s: %d %v", path, r.status, r.header)
			}
			again := b.do("GET", "/login/assets/"+name, map[string]string{"If-None-Match": r.header.Get("ETag")}, "")
			if again.status != http.StatusNotModified || again.body != "" {
				t.Errorf("%s again: %d", path, again.status)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"nothing.js", "..%2fpages.go", "frame.html"} {
		b.get("/login/assets/"+name).fails(t, name, 404, invalidRequest)
	}
}

// Other sites cannot make a browser act: every route for our pages wants our origin, JSON, and the login's own cookie.
func TestCrossSite(t *testing.T) {
	b := newBench(t)
	id := b.start(t, map[string]any{"jar": newApp(t, b.time()).jar()})
	bodies := map[string]string{
		"/login/start": `{"account":true}`, "/login/begin": `{"login":"` + id + `","nonce":"` + nonceOf(nil) + `"}`,
		"/login/finish":   `{"login":"` + id + `","challenge":"` + b64(make([]byte, 32)) + `","code":"1"}`,
		"/login/passkey":  `{"login":"` + id + `","attestationObject":"AA"}`,
		"/login/provider": `{"login":"` + id + `","name":"x","nonce":"` + nonceOf(nil) + `"}`, "/login/callback": `{"state":"` + id + `.x"}`,
		"/login/authorize": consent(id, login{}), "/login/deny": `{"login":"` + id + `"}`,
		"/login/connected": `{"login":"` + id + `","organizationId":"0b7bd8b4-1f3e-4f35-9d1c-2b1a2a3c4d5e","walletId":"0b7bd8b4-1f3e-4f35-9d1c-2b1a2a3c4d5e","subject":"x","expiresInMs":1}`,
	}
	cookie := b.cookie
	for path, body := range bodies {
		stamped := map[string]string{"X-Phantom-Stamp": "stamp"}
		for what, header := range map[string]map[string]string{
			"another origin": {"Origin": "https://evil.example"}, "no origin": {"Origin": ""}, "null origin": {"Origin": "null"},
			"another port": {"Origin": "http://localhost:5173"}, "https": {"Origin": "https://localhost:8484"}, "another site": {"Sec-Fetch-Site": "cross-site"},
			"same site": {"Sec-Fetch-Site": "same-site"},
		} {
			b.raw(path, body, header).fails(t, path+": "+what, 403, invalidRequest)
		}
		if path == "/login/start" {
			continue
		}
		for what, other := range map[string]string{"no cookie": "", "another cookie": "redoubt-connect=" + random(32), "a bad cookie": "redoubt-connect=x"} {
			b.cookie = other
			if path == "/login/provider" { // there is none, which is told before the cookie is looked at
				continue
			}
			if r := b.raw(path, body, stamped); r.status != 404 {
				t.Errorf("%s: %s: %d %s", path, what, r.status, r.body)
			}
		}
		b.cookie = cookie
		if path != "/login/authorize" {
			b.raw(path, body, map[string]string{"Content-Type": "text/plain"}).fails(t, path+": text", 400, invalidRequest)
		}
		b.raw(path, strings.Replace(body, "{", `{"login":"x",`, 1), stamped).fails(t, path+": member twice or unknown", 400, invalidRequest)
		b.raw(path, strings.Repeat(" ", maxBody+1), stamped).fails(t, path+": too large", 413, invalidRequest)
		b.raw(path, "[]", stamped).fails(t, path+": a list", 400, invalidRequest)
	}
	if l, err := load[login](t.Context(), b.Connect, "login", id); err != nil || l.value.Done {
		t.Errorf("the login was ended by somebody else: %v", err)
	}
}

// The cookie is as strict as the origin allows.
func TestCookie(t *testing.T) {
	secure := newBench(t, func(o *Options) { o.Origin = "https://connect.example" })
	r := secure.raw("/login/start", `{"account":true}`, map[string]string{"Origin": "https://connect.example"})
	if set := r.header.Get("Set-Cookie"); !regexp.MustCompile(`^__Host-redoubt-connect=[\w-]{43}; Path=/; HttpOnly; Secure; SameSite=Strict$`).MatchString(set) {
		t.Error(set)
	}
	if again := secure.raw("/login/start", `{"account":true}`, map[string]string{"Origin": "https://connect.example"}); again.header.Get("Set-Cookie") != "" {
		t.Error("a second login set another cookie, which would end the first")
	}
	local := newBench(t)
	if set := local.post("/login/start", map[string]any{"account": true}).header.Get("Set-Cookie"); !regexp.MustCompile(`^redoubt-connect=[\w-]{43}; Path=/; HttpOnly; SameSite=Lax$`).MatchString(set) {
		t.Error(set)
	}
}

// A consent that is not the login's own, or not stamped, hands nothing over.
func TestAuthorizeNegatives(t *testing.T) {
	b := newBench(t)
	id := b.start(t, map[string]any{"jar": newApp(t, b.time()).jar()})
	stamped := map[string]string{"X-Phantom-Stamp": "stamp"}
	l, err := load[login](t.Context(), b.Connect, "login", id)
	if err != nil {
		t.Fatal(err)
	}
	good := consent(id, l.value)
	b.raw("/login/authorize", good, nil).fails(t, "no stamp", 400, invalidRequest)
	b.raw("/login/authorize", strings.Replace(good, "authorizeSession", "exportWallet", 1), stamped).fails(t, "another method", 400, invalidRequest)
	for what, alter := range map[string]func(*wire.Authorized){
		"login":            func(a *wire.Authorized) { a.Transaction = random(16) },
		"no login":         func(a *wire.Authorized) { a.Transaction = "" },
		"another client":   func(a *wire.Authorized) { a.ClientID = "other" },
		"another redirect": func(a *wire.Authorized) { a.RedirectURI = "https://evil.example" },
		"another origin":   func(a *wire.Authorized) { a.Origin = "https://evil.example" },
		"another key":      func(a *wire.Authorized) { a.Nonce = nonceOf(nil) },
	} {
		b.certifier.alter = alter
		b.raw("/login/authorize", good, stamped).fails(t, what, 400, invalidRequest)
	}
	b.certifier.alter = nil
	b.certifier.fail(wire.Faultf("refused", "the stamp is not valid"))
	b.raw("/login/authorize", good, stamped).fails(t, "refused by the certifier", 400, accessDenied)
	b.certifier.fail(nil)
	account := b.start(t, map[string]any{"account": true})
	b.raw("/login/authorize", consent(account, login{}), stamped).fails(t, "login of the account page", 400, invalidRequest)
	b.raw("/login/authorize", good, stamped).succeeds(t, "the right one")
	b.raw("/login/authorize", good, stamped).fails(t, "again", 404, invalidRequest)
	late := b.start(t, map[string]any{"account": true})
	b.pass(loginLife)
	b.post("/login/deny", map[string]any{"login": late}).fails(t, "too late", 404, invalidRequest)
}

// What is not well is said when the server is made.
func TestBadOptions(t *testing.T) {
	good := newBench(t).Options
	for what, change := range map[string]func(*Options){
		"no origin": func(o *Options) { o.Origin = "" }, "path": func(o *Options) { o.Origin += "/" }, "http elsewhere": func(o *Options) { o.Origin = "http://connect.example" },
		"no certifier": func(o *Options) { o.Certifier = nil }, "no shelf": func(o *Options) { o.Shelf = nil }, "no log": func(o *Options) { o.Log = nil },
		"provider without name": func(o *Options) { o.Providers = []Provider{{Title: "x", Issuer: "https://x", ClientID: "x"}} },
		"provider whose name has a space": func(o *Options) {
			o.Providers = []Provider{{Name: "x y", Title: "x", Issuer: "https://x.example", ClientID: "x"}}
		},
		"provider without title":  func(o *Options) { o.Providers = []Provider{{Name: "x", Issuer: "https://x.example", ClientID: "x"}} },
		"provider without client": func(o *Options) { o.Providers = []Provider{{Name: "x", Title: "x", Issuer: "https://x.example"}} },
		"provider over http": func(o *Options) {
			o.Providers = []Provider{{Name: "x", Title: "x", Issuer: "http://x.example", ClientID: "x"}}
		},
		"provider on this machine in earnest": func(o *Options) {
			o.Origin, o.Providers = "https://connect.example", []Provider{{Name: "x", Title: "x", Issuer: "https://127.0.0.1:9443", ClientID: "x"}}
		},
		"provider by the machine's name in earnest": func(o *Options) {
			o.Origin, o.Providers = "https://connect.example", []Provider{{Name: "x", Title: "x", Issuer: "https://localhost", ClientID: "x"}}
		},
		"mail without TLS": func(o *Options) { o.Mail = &Mail{Server: "mail.example:25", From: "a@b.example", Plain: true} },
		"provider twice": func(o *Options) {
			p := Provider{Name: "x", Title: "x", Issuer: "https://x.example", ClientID: "x"}
			o.Providers = []Provider{p, p}
		},
	} {
		o := good
		change(&o)
		if _, err := New(o); err == nil {
			t.Errorf("%s: no error", what)
		}
	}
}

// Discovery and keys are as clients want them.
func TestDiscovery(t *testing.T) {
	b := newBench(t)
	for _, path := range []string{"/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"} {
		r := b.get(path).succeeds(t, path)
		if r.text("issuer") != origin || r.text("token_endpoint") != origin+"/oauth2/token" || !strings.Contains(r.header.Get("Cache-Control"), "max-age") || r.header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: %v %s", path, r.header, r.body)
		}
	}
	for range 3 {
		r := b.get("/.well-known/jwks.json").succeeds(t, "keys")
		if keys, _ := r.json["keys"].([]any); len(keys) != 1 || strings.Contains(r.body, `"d"`) {
			t.Error(r.body)
		}
	}
	if b.certifier.issuers != 1 {
		t.Errorf("the certifier was asked %d times for its key", b.certifier.issuers)
	}
	b.pass(keysFor)
	b.certifier.fail(wire.Faultf("internal", "no"))
	b.get("/.well-known/jwks.json").fails(t, "certifier away", 503, unavailable)
	other := newBench(t, func(o *Options) { o.Origin = "http://localhost:9999" })
	other.get("/.well-known/jwks.json").fails(t, "certifier of another origin", 500, serverError)
	// RFC 7638 has a vector for RSA alone; this key is that of RFC 7515 A.3, whose thumbprint others publish.
	x, _ := unb64("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU")
	y, _ := unb64("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0")
	key, err := publicKey(append(append([]byte{4}, x...), y...))
	if err != nil || key.KeyID != "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U" {
		t.Errorf("thumbprint %s, %v", key.KeyID, err)
	}
}
