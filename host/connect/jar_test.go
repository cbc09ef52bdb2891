package connect

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/mr-tron/base58"
)

// Requests that are wrong in one thing each: none may begin a login.
func TestBadJARs(t *testing.T) {
	b := newBench(t)
	claim := func(name string, value any) func(*app) {
		return func(a *app) {
			if a.claims[name] = value; value == nil {
				delete(a.claims, name)
			}
		}
	}
	header := func(name string, value any) func(*app) {
		return func(a *app) {
			if a.header[name] = value; value == nil {
				delete(a.header, name)
			}
		}
	}
	key := func(name string, value any) func(*app) {
		return func(a *app) { a.header["jwk"].(map[string]any)[name] = value }
	}
	now := b.time().Unix()
	for what, change := range map[string]func(*app){
		"alg none":              header("alg", "none"),
		"alg HS256":             header("alg", "HS256"),
		"alg ES384":             header("alg", "ES384"),
		"no alg":                header("alg", nil),
		"typ JWT":               header("typ", "JWT"),
		"no typ":                header("typ", nil),
		"crit":                  header("crit", []string{"exp"}),
		"jku":                   header("jku", "https://evil.example/keys"),
		"x5u":                   header("x5u", "https://evil.example/keys"),
		"no jwk":                header("jwk", nil),
		"private key":           key("d", "AAAA"),
		"RSA key":               key("kty", "RSA"),
		"P-384":                 key("crv", "P-384"),
		"encryption key":        key("use", "enc"),
		"short x":               key("x", "AAAA"),
		"padded y":              func(a *app) { k := a.header["jwk"].(map[string]any); k["y"] = k["y"].(string) + "=" },
		"point not on curve":    key("x", b64(make([]byte, 32))),
		"another nonce":         claim("nonce", nonceOf([]byte("another key"))),
		"no nonce":              claim("nonce", nil),
		"another audience":      claim("aud", "https://connect.example/login/start"),
		"audience with slash":   claim("aud", origin+"/login/start/"),
		"audiences of others":   claim("aud", []string{"https://a.example", "https://b.example"}),
		"no audience":           claim("aud", nil),
		"audience a number":     claim("aud", 7),
		"expired":               func(a *app) { a.claims["iat"], a.claims["exp"] = now-400, now-100 },
		"lives six minutes":     claim("exp", now+360),
		"lives for ever":        claim("exp", 1e18),
		"no exp":                claim("exp", nil),
		"exp a text":            claim("exp", "1900000000"),
		"no iat":                claim("iat", nil),
		"of the future":         func(a *app) { a.claims["iat"], a.claims["exp"] = now+120, now+300 },
		"not before a while":    claim("nbf", now+120),
		"ends before it began":  claim("exp", now-1),
		"method plain":          claim("code_challenge_method", "plain"),
		"no method":             claim("code_challenge_method", nil),
		"no challenge":          claim("code_challenge", nil),
		"short challenge":       claim("code_challenge", "AAAA"),
		"no client":             claim("client_id", nil),
		"unknown client":        claim("client_id", "nobody"),
		"own client":            claim("client_id", "connect"),
		"own client in capital": claim("client_id", "Connect"),
		"client a list":         claim("client_id", []string{client}),
		"client with newline":   claim("client_id", client+"\n"),
		"another issuer":        claim("iss", "https://evil.example"),
		"implicit":              claim("response_type", "token"),
		"no redirect":           claim("redirect_uri", nil),
		"another redirect":      claim("redirect_uri", "https://evil.example/callback"),
		"a redirect with more":  claim("redirect_uri", callback+"?next=1"),
		"long state":            claim("state", strings.Repeat("s", maxState+1)),
	} {
		a := newApp(t, b.time())
		change(a)
		got := b.post("/login/start", map[string]any{"jar": a.jar()})
		got.fails(t, what, 400, invalidRequest)
		if got.header.Get("Location") != "" || got.text("location") != "" || got.header.Get("Set-Cookie") != "" {
			t.Errorf("%s: leads somewhere: %v %s", what, got.header, got.body)
		}
	}
}

// Request objects that are malformed or were changed after they were signed.
func TestMangledJARs(t *testing.T) {
	b := newBench(t)
	a := newApp(t, b.time())
	good := a.jar()
	parts := strings.Split(good, ".")
	claims, _ := json.Marshal(a.claims)
	twice := strings.Replace(string(claims), `{`, `{"client_id":"other",`, 1)
	der := b64([]byte{0x30, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0x01})
	for what, jar := range map[string]string{
		"nothing":           "x",
		"two parts":         parts[0] + "." + parts[1],
		"four parts":        good + ".",
		"no signature":      parts[0] + "." + parts[1] + ".",
		"DER signature":     parts[0] + "." + parts[1] + "." + der,
		"zero signature":    parts[0] + "." + parts[1] + "." + b64(make([]byte, 64)),
		"another payload":   parts[0] + "." + b64([]byte(strings.Replace(string(claims), "session-1", "session-2", 1))) + "." + parts[2],
		"padded":            good + "=",
		"line break":        parts[0] + "." + parts[1] + ".\n" + parts[2],
		"standard alphabet": strings.NewReplacer("-", "+", "_", "/").Replace(good) + "+",
		"claims twice":      a.sign(parts[0] + "." + b64([]byte(twice))),
		"claims no object":  a.sign(parts[0] + "." + b64([]byte(`"x"`))),
		"claims and more":   a.sign(parts[0] + "." + b64(append(claims, '}'))),
		"header no JSON":    a.sign(b64([]byte("x")) + "." + parts[1]),
		"too long":          a.sign(parts[0] + "." + b64(append(claims, []byte(strings.Repeat(" ", maxJAR))...))),
	} {
		b.post("/login/start", map[string]any{"jar": jar}).fails(t, what, 400, invalidRequest)
	}
	other := newApp(t, b.time())
	b.post("/login/start", map[string]any{"jar": other.sign(parts[0] + "." + parts[1])}).fails(t, "signed by another key", 400, invalidRequest)
	b.start(t, map[string]any{"jar": good})
	b.post("/login/start", map[string]any{"jar": good}).fails(t, "the same again", 400, invalidRequest)
	b.post("/login/start", map[string]any{"jar": a.jar()}).fails(t, "the same, signed anew", 400, invalidRequest)
}

// Clocks may differ by a minute, either way.
func TestClocksOfJARs(t *testing.T) {
	b := newBench(t)
	for _, c := range []struct {
		issued, expires int64 // seconds from now
		good            bool
	}{
		{0, 300, true}, {-300, 0, true}, {-359, -59, true}, {-360, -60, false}, {60, 360, true}, {61, 361, false}, {-10, 291, false}, {0, 0, false},
	} {
		a := newApp(t, b.time())
		a.claims["iat"], a.claims["exp"] = b.time().Unix()+c.issued, b.time().Unix()+c.expires
		if got := b.post("/login/start", map[string]any{"jar": a.jar()}); (got.status == 200) != c.good {
			t.Errorf("from %d to %d: %d %s", c.issued, c.expires, got.status, got.body)
		}
	}
}

// The forms in which an app may write what it asks for.
func TestGoodJARs(t *testing.T) {
	b := newBench(t)
	for what, change := range map[string]func(*app){
		"as the SDK":     func(*app) {},
		"list audience":  func(a *app) { a.claims["aud"] = []string{origin + "/login/start"} },
		"origin":         func(a *app) { a.claims["aud"] = origin },
		"no hint":        func(a *app) { delete(a.claims, "login_hint") },
		"WebCrypto jwk":  func(a *app) { k := a.header["jwk"].(map[string]any); k["ext"], k["key_ops"] = true, []string{"verify"} },
		"response_type":  func(a *app) { a.claims["response_type"] = "code" },
		"issuer":         func(a *app) { a.claims["iss"] = client },
		"unknown claims": func(a *app) { a.claims["x"] = map[string]any{"y": 1} },
	} {
		a := newApp(t, b.time())
		change(a)
		if got := b.post("/login/start", map[string]any{"jar": a.jar()}); got.status != 200 {
			t.Errorf("%s: %d %s", what, got.status, got.body)
		}
	}
}

// In development, apps of this machine need no registration; others do.
func TestOpenApps(t *testing.T) {
	b := newBench(t, func(o *Options) { o.OpenApps = true })
	for uri, good := range map[string]bool{
		"http://localhost:3000/": true, "http://127.0.0.1:3000/cb": true, "http://[::1]:3000/cb": true, "http://localhost:3000/?a=b": true,
		"https://app.example/": false, "http://app.example/": false, "http://localhost.evil.example/": false, "myapp://cb": false,
		"http://localhost:3000/#x": false, "http://user@localhost:3000/": false, "javascript:alert(1)": false,
	} {
		a := newApp(t, b.time())
		a.claims["client_id"], a.claims["redirect_uri"] = "new-"+nonceOf([]byte(uri))[:8], uri
		if got := b.post("/login/start", map[string]any{"jar": a.jar()}); (got.status == 200) != good {
			t.Errorf("%s: %d %s", uri, got.status, got.body)
		}
	}
	a := newApp(t, b.time())
	a.claims["redirect_uri"] = "http://localhost:9999/"
	b.post("/login/start", map[string]any{"jar": a.jar()}).fails(t, "another address for an app that the operator registered", 400, invalidRequest)
}

// What an app of the first generation sends, and what it gets back.
func TestLegacy(t *testing.T) {
	b := newBench(t)
	query := func(change ...string) map[string]any {
		q := map[string]string{
			"public_key": base58.Encode(make([]byte, 32)), "app_id": client, "redirect_uri": callback, "session_id": "s 1", "clear_previous_session": "false",
			"allow_refresh": "true", "sdk_version": "1.0.7", "sdk_type": "browser", "platform": "chrome", "algorithm": "Ed25519", "provider": "google",
		}
		for i := 0; i < len(change); i += 2 {
			q[change[i]] = change[i+1]
		}
		return map[string]any{"legacy": q, "from": "http://localhost:5173/play?a=b"}
	}
	for what, q := range map[string]map[string]any{
		"no key":             query("public_key", ""),
		"key of another":     query("public_key", base58.Encode(make([]byte, 33))),
		"no base58":          query("public_key", "0OIl"),
		"P-256 key as other": query("public_key", base58.Encode(append([]byte{4}, make([]byte, 64)...))),
		"unknown algorithm":  query("algorithm", "RSA"),
		"another address":    query("redirect_uri", "https://evil.example"),
		"unknown app":        query("app_id", "nobody"),
		"no session":         query("session_id", ""),
		"a long session":     query("session_id", strings.Repeat("s", maxState+1)),
		"a long provider":    query("provider", strings.Repeat("p", maxState+1)),
	} {
		b.post("/login/start", q).fails(t, what, 400, invalidRequest)
	}
	b.start(t, query("algorithm", "", "public_key", base58.Encode(make([]byte, 32))))
	b.start(t, query("algorithm", "Secp256r1", "public_key", base58.Encode(append([]byte{4}, make([]byte, 64)...))))
	id := b.start(t, query())
	const uuid = "0b7bd8b4-1f3e-4f35-9d1c-2b1a2a3c4d5e"
	done := map[string]any{"login": id, "organizationId": uuid, "walletId": uuid, "subject": "passkey:x", "accountIndex": 0, "expiresInMs": 86_400_000}
	for what, change := range map[string]map[string]any{
		"no wallet": {"walletId": ""}, "a wallet that is none": {"walletId": "x&y"}, "for too long": {"expiresInMs": maxSession.Milliseconds() + 1},
		"for no time": {"expiresInMs": 0}, "no subject": {"subject": ""}, "more": {"more": 1},
	} {
		bad := map[string]any{}
		for _, from := range []map[string]any{done, change} {
			for name, value := range from {
				bad[name] = value
			}
		}
		b.post("/login/connected", bad).fails(t, what, 400, invalidRequest)
	}
	want := callback + "?response_type=success&wallet_id=" + uuid + "&organization_id=" + uuid +
		"&session_id=s+1&selected_account_index=0&expires_in_ms=86400000&auth_user_id=passkey%3Ax"
	if got := b.post("/login/connected", done).text("location"); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	b.post("/login/connected", done).fails(t, "again", 404, invalidRequest)
	id = b.start(t, query())
	if got := b.post("/login/deny", map[string]any{"login": id}).text("location"); !strings.HasPrefix(got, callback+"?error=access_denied&error_description=") || !strings.HasSuffix(got, "&session_id=s+1") {
		t.Error(got)
	}
}

// The key of a first-generation login may use a wallet wherever the answer goes, so nobody but the app's own pages brings one.
func TestLegacyComesFromTheApp(t *testing.T) {
	b := newBench(t)
	for _, a := range []App{
		{ClientID: "web", Name: "Web", RedirectURIs: []string{"https://app.example/cb"}, Origins: []string{"https://app.example", "https://play.example"}},
		{ClientID: "mobile", Name: "Mobile", RedirectURIs: []string{"mobile-app://cb"}},
	} {
		if err := b.Registry().Register(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		app, redirect, from string
		good                bool
	}{
		{"web", "https://app.example/cb", "https://app.example/", true},
		{"web", "https://app.example/cb", "https://app.example/play?x=y", true},
		{"web", "https://app.example/cb", "https://play.example/", true},
		{"web", "https://app.example/cb", "", false}, // a link in a message
		{"web", "https://app.example/cb", "https://evil.example/", false},
		{"web", "https://app.example/cb", "https://evil.example/https://app.example/", false},
		{"web", "https://app.example/cb", "https://app.example@evil.example/", false},
		{"web", "https://app.example/cb", "https://app.example.evil.example/", false},
		{"web", "https://app.example/cb", "https://app.example:8443/", false},
		{"web", "https://app.example/cb", "http://app.example/", false},
		{"web", "https://app.example/cb", origin + "/account", false},
		{"web", "https://app.example/cb", "about:blank", false},
		{"mobile", "mobile-app://cb", "", true},
	} {
		got := b.post("/login/start", map[string]any{"from": c.from, "legacy": map[string]string{
			"public_key": base58.Encode(make([]byte, 32)), "app_id": c.app, "redirect_uri": c.redirect, "session_id": "s",
		}})
		if !c.good {
			got.fails(t, c.app+" from "+c.from, 400, invalidRequest)
		} else if got.status != 200 {
			t.Errorf("%s from %s: %d %s", c.app, c.from, got.status, got.body)
		}
	}
}

// FuzzJAR checks that no request object is accepted but in the one spelling that was signed.
func FuzzJAR(f *testing.F) {
	a := newApp(f, time.Unix(1_800_000_000, 0))
	f.Add(a.jar())
	f.Add("e30.e30.AAAA")
	f.Fuzz(func(t *testing.T, text string) {
		j, err := parseJAR(text)
		if err != nil {
			return
		}
		var again []string
		for _, part := range strings.Split(text, ".") {
			raw, err := unb64(part)
			if err != nil {
				t.Fatal(err)
			}
			again = append(again, b64(raw))
		}
		if strings.Join(again, ".") != text || !isHash(j.nonce) || !isHash(j.challenge) || j.method != "S256" {
			t.Errorf("accepted: %+v", j)
		}
	})
}
