package connect

import (
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mr-tron/base58"

	"github.com/redoubt-kms/redoubt/host/connect/shelf"
)

const deviceClient = "7f6f6a3e-5a8c-4b0e-9d53-3f1a7f0f9a11"

// registerDevice registers a program as the CLI does.
func (b *bench) registerDevice(t testing.TB) {
	t.Helper()
	got := b.raw("/oauth2/register", `{"client_id":"`+deviceClient+`","client_name":"phantom-mcp-1","redirect_uris":[],
		"grant_types":["urn:ietf:params:oauth:grant-type:device_code","refresh_token"],"response_types":[],"application_type":"native",
		"audience":["urn:phantom:wallet-tag:`+deviceClient+`"],"token_endpoint_auth_method":"none","scope":"openid offline_access"}`, nil)
	if got.status != 201 || got.text("client_id") != deviceClient || got.json["client_id_issued_at"] == nil || got.text("client_secret") != "" {
		t.Fatalf("register: %d %s", got.status, got.body)
	}
}

func (b *bench) askDevice(t testing.TB, point []byte) reply {
	t.Helper()
	got := b.form("/oauth2/device/auth", "client_id", deviceClient, "scope", "openid offline_access", "nonce", nonceOf(point))
	if got.status != 200 || got.text("verification_uri") != origin+"/device-connect" || got.json["interval"] != 5.0 || got.json["expires_in"] != 600.0 {
		t.Fatalf("device auth: %d %s", got.status, got.body)
	}
	return got
}

func (b *bench) poll(code string) reply {
	return b.form("/oauth2/token", "grant_type", grantDevice, "device_code", code, "resource", "urn:phantom:wallet-tag:"+deviceClient, "client_id", deviceClient)
}

// A program that logs in as the published CLI does.
func TestDevice(t *testing.T) {
	b := newBench(t)
	b.registerDevice(t)
	point := newApp(t, b.time()).point
	asked := b.askDevice(t, point)
	code, user := asked.text("device_code"), asked.text("user_code")
	b.poll(code).fails(t, "first poll", 400, authorizationPending)
	id := b.start(t, map[string]any{"userCode": strings.ToLower(strings.ReplaceAll(user, "-", " ")), "key": base58.Encode(point)})
	b.pass(6 * time.Second)
	b.poll(code).fails(t, "poll", 400, authorizationPending)
	if got := b.authorize(t, id).text("location"); got != "/device-connect/done" {
		t.Fatal(got)
	}
	b.pass(6 * time.Second)
	answers := make([]reply, 8)
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() { answers[i] = b.poll(code) })
	}
	all.Wait()
	var got reply
	for _, r := range answers {
		if r.status == 200 && got.status == 0 {
			got = r
			continue
		}
		r.fails(t, "of polls at once, all but one", 400, invalidGrant)
	}
	if got.text("access_token") == "" || got.text("refresh_token") == "" || got.text("id_token") == "" {
		t.Error(got.body)
	}
	b.poll(code).fails(t, "poll again", 400, invalidGrant)
	b.form("/oauth2/token", "grant_type", "refresh_token", "client_id", deviceClient, "refresh_token", got.text("refresh_token")).succeeds(t, "refresh")
	b.post("/login/start", map[string]any{"userCode": user}).fails(t, "the code again", 400, invalidRequest)
}

func TestDeviceTimes(t *testing.T) {
	b := newBench(t)
	b.registerDevice(t)
	code := b.askDevice(t, []byte("key")).text("device_code")
	for i, step := range []struct {
		after time.Duration
		want  string
	}{
		{0, authorizationPending},
		{4999 * time.Millisecond, slowDown},         // now every 10 s
		{5 * time.Second, slowDown},                 // now every 15 s
		{15 * time.Second, authorizationPending},    //
		{14999 * time.Millisecond, slowDown},        // now every 20 s
		{20 * time.Second, authorizationPending},    //
		{deviceLife - 59*time.Second, expiredToken}, //
		{deviceKept - time.Second, expiredToken},    //
		{2 * time.Second, invalidGrant},             // forgotten
	} {
		b.pass(step.after)
		if got := b.poll(code); got.text("error") != step.want {
			t.Errorf("step %d: %s, want %s", i, got.body, step.want)
		}
	}
}

func TestDeviceDenied(t *testing.T) {
	b := newBench(t)
	b.registerDevice(t)
	asked := b.askDevice(t, []byte("key"))
	id := b.start(t, map[string]any{"userCode": asked.text("user_code")})
	if got := b.post("/login/deny", map[string]any{"login": id}).text("location"); got != "/device-connect/done?denied=1" {
		t.Error(got)
	}
	for range 2 {
		b.poll(asked.text("device_code")).fails(t, "poll", 400, accessDenied)
	}
	b.authorize(t, id).fails(t, "consent after that", 404, invalidRequest)
}

// What was decided stays decided, also for who had typed the code before.
func TestDeviceDecidedTwice(t *testing.T) {
	b := newBench(t)
	b.registerDevice(t)
	asked := b.askDevice(t, []byte("key"))
	first := b.start(t, map[string]any{"userCode": asked.text("user_code")})
	second := b.start(t, map[string]any{"userCode": asked.text("user_code")})
	third := b.start(t, map[string]any{"userCode": asked.text("user_code")})
	b.authorize(t, first).succeeds(t, "consent")
	b.authorize(t, second).fails(t, "second consent", 400, invalidRequest)
	b.post("/login/deny", map[string]any{"login": third}).fails(t, "denial afterwards", 400, invalidRequest)
	b.poll(asked.text("device_code")).succeeds(t, "poll")
}

func TestDeviceNegatives(t *testing.T) {
	b := newBench(t)
	b.registerDevice(t)
	asked := b.askDevice(t, []byte("key"))
	for what, r := range map[string]reply{
		"no nonce":      b.form("/oauth2/device/auth", "client_id", deviceClient),
		"short nonce":   b.form("/oauth2/device/auth", "client_id", deviceClient, "nonce", "AAAA"),
		"no client":     b.form("/oauth2/device/auth", "nonce", nonceOf(nil)),
		"unknown code":  b.post("/login/start", map[string]any{"userCode": "BBBB-BBBB"}),
		"short code":    b.post("/login/start", map[string]any{"userCode": "BBBB"}),
		"vowels":        b.post("/login/start", map[string]any{"userCode": "AEIO-UAEI"}),
		"long code":     b.post("/login/start", map[string]any{"userCode": strings.Repeat("B", 100)}),
		"another key":   b.post("/login/start", map[string]any{"userCode": asked.text("user_code"), "key": base58.Encode([]byte("other"))}),
		"key no base58": b.post("/login/start", map[string]any{"userCode": asked.text("user_code"), "key": "0"}),
	} {
		r.fails(t, what, 400, invalidRequest)
	}
	b.form("/oauth2/device/auth", "client_id", deviceClient, "nonce", nonceOf(nil), "scope", "admin").fails(t, "scope", 400, invalidScope)
	b.form("/oauth2/device/auth", "client_id", "nobody", "nonce", nonceOf(nil)).fails(t, "unknown client", 401, invalidClient)
	b.form("/oauth2/device/auth", "client_id", client, "nonce", nonceOf(nil)).fails(t, "in the name of a web app", 400, unauthorizedClient)
	b.form("/oauth2/token", "grant_type", grantDevice, "device_code", asked.text("device_code"), "client_id", client).fails(t, "poll of another client", 400, invalidGrant)
	b.form("/oauth2/token", "grant_type", grantDevice, "device_code", "x", "client_id", deviceClient).fails(t, "unknown device code", 400, invalidGrant)

	id := b.start(t, map[string]any{"userCode": asked.text("user_code")})
	b.authorize(t, id).succeeds(t, "consent")
	b.certifier.fail(errors.New("away"))
	b.poll(asked.text("device_code")).fails(t, "certifier away", 503, unavailable)
	b.certifier.fail(nil)
	b.poll(asked.text("device_code")).succeeds(t, "poll")
}

// Guesses at codes are bounded for an address.
func TestUserCodeRate(t *testing.T) {
	b := newBench(t, func(o *Options) { o.Rates = 1 })
	for range int(perMinute(actUserCode)) {
		b.post("/login/start", map[string]any{"userCode": "BBBB-BBBB"}).fails(t, "guess", 400, invalidRequest)
	}
	b.post("/login/start", map[string]any{"userCode": "BBBB-BBBB"}).fails(t, "one more", 429, unavailable)
}

func TestRegister(t *testing.T) {
	closed, open := newBench(t), newBench(t, func(o *Options) { o.OpenApps = true })
	const id, other = `"client_id":"7f6f6a3e-5a8c-4b0e-9d53-3f1a7f0f9a11"`, `"client_id":"00000000-0000-4000-8000-000000000000"`
	const device = `"grant_types":["urn:ietf:params:oauth:grant-type:device_code"]`
	for _, c := range []struct {
		what, body string
		open       bool
		code       string // empty when it succeeds
	}{
		{"device", `{` + id + `,"client_name":"A",` + device + `}`, false, ""},
		{"the same again", `{` + id + `,"client_name":"A",` + device + `}`, false, ""},
		{"another under the id", `{` + id + `,"client_name":"B",` + device + `}`, false, invalidMetadata},
		{"without id", `{` + device + `}`, false, ""},
		{"wants a secret", `{` + device + `,"token_endpoint_auth_method":"client_secret_basic"}`, false, ""},
		{"redirect", `{` + other + `,"redirect_uris":["http://localhost:1234/cb"]}`, false, invalidRedirectURI},
		{"redirect in development", `{` + other + `,"redirect_uris":["http://localhost:1234/cb"]}`, true, ""},
		{"redirect elsewhere in development", `{"redirect_uris":["https://app.example/cb"]}`, true, invalidRedirectURI},
		{"redirect with fragment", `{"redirect_uris":["http://localhost:1234/cb#x"]}`, true, invalidRedirectURI},
		{"code without redirect", `{"grant_types":["authorization_code"]}`, true, invalidRedirectURI},
		{"device and redirect", `{"grant_types":["authorization_code","urn:ietf:params:oauth:grant-type:device_code"],"redirect_uris":["http://localhost:1234/cb"]}`, true, invalidMetadata},
		{"redirect without code", `{` + device + `,"redirect_uris":["http://localhost:1234/cb"]}`, true, invalidRedirectURI},
		{"id that is no UUID", `{"client_id":"connect",` + device + `}`, false, invalidMetadata},
		{"id in capitals", `{"client_id":"7F6F6A3E-5A8C-4B0E-9D53-3F1A7F0F9A11",` + device + `}`, false, invalidMetadata},
		{"implicit", `{"grant_types":["implicit"]}`, false, invalidMetadata},
		{"password", `{"grant_types":["password"]}`, false, invalidMetadata},
		{"response type", `{` + device + `,"response_types":["token"]}`, false, invalidMetadata},
		{"long name", `{` + device + `,"client_name":"` + strings.Repeat("n", 65) + `"}`, false, invalidMetadata},
		{"invisible name", `{` + device + `,"client_name":"a\u202eb"}`, false, invalidMetadata},
		{"name of spaces", `{` + device + `,"client_name":"  "}`, false, invalidMetadata},
		{"many redirects", `{"redirect_uris":[` + strings.Repeat(`"http://localhost:1/",`, 20) + `"http://localhost:1/"]}`, true, invalidMetadata},
		{"not JSON", `client_id=x`, false, invalidMetadata},
		{"a list", `[]`, false, invalidMetadata},
		{"nothing", ``, false, invalidMetadata},
		{"member twice", `{"client_name":"a","client_name":"b",` + device + `}`, false, invalidMetadata},
		{"name a number", `{"client_name":7,` + device + `}`, false, invalidMetadata},
	} {
		b := closed
		if c.open {
			b = open
		}
		got := b.raw("/oauth2/register", c.body, nil)
		if c.code == "" {
			if got.status != 201 || got.text("client_id") == "" || got.text("token_endpoint_auth_method") != "none" {
				t.Errorf("%s: %d %s", c.what, got.status, got.body)
			}
			continue
		}
		got.fails(t, c.what, 400, c.code)
	}
}

// Who registered and was never used is forgotten; who is used stays.
func TestUnusedApps(t *testing.T) {
	b := newBench(t)
	b.registerDevice(t)
	asked := b.askDevice(t, []byte("key"))
	b.authorize(t, b.start(t, map[string]any{"userCode": asked.text("user_code")})).succeeds(t, "consent")
	b.poll(asked.text("device_code")).succeeds(t, "poll")
	var other map[string]any
	_ = json.Unmarshal([]byte(b.raw("/oauth2/register", `{"grant_types":["refresh_token"]}`, nil).body), &other)
	b.pass(unusedApp)
	if _, err := b.app(t.Context(), deviceClient); err != nil {
		t.Error(err)
	}
	if _, err := b.app(t.Context(), other["client_id"].(string)); err == nil {
		t.Error("an app that was never used is still there")
	}
	if err := b.sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if apps, err := b.Registry().Apps(t.Context(), "", 10); err != nil || len(apps) != 2 {
		t.Errorf("%v, %v", apps, err)
	}
}

// A parameter that stands twice is refused whatever it is; a resource or audience may (RFC 8707).
func TestRepeatedParameters(t *testing.T) {
	for body, good := range map[string]bool{
		"a=1&b=2": true, "a=1&a=1": false, "a=1&%61=2": false, "a=&a=": false, "resource=x&resource=y&a=1": true, "audience=x&audience=y": true, "Resource=x&Resource=y": false,
	} {
		if f, err := parseForm(body); (err == nil) != good {
			t.Errorf("%s: %v, %v", body, f, err)
		}
	}
}

// FuzzForm checks that what is accepted has each parameter once.
func FuzzForm(f *testing.F) {
	f.Add("grant_type=refresh_token&client_id=a%20b")
	f.Add("resource=a&resource=b&a=%ff")
	f.Fuzz(func(t *testing.T, body string) {
		got, err := parseForm(body)
		if err != nil {
			return
		}
		for name := range got {
			for _, part := range strings.Split(body, "&") {
				if strings.HasPrefix(part, name+"=") && strings.Count("&"+body, "&"+name+"=") > 1 {
					t.Errorf("%q has %q more than once", body, name)
				}
			}
		}
	})
}

// FuzzUserCode checks that a code is read in one way.
func FuzzUserCode(f *testing.F) {
	f.Add("bcdf-ghjk")
	f.Fuzz(func(t *testing.T, typed string) {
		plain, ok := plainUserCode(typed)
		if !ok {
			return
		}
		if again, ok := plainUserCode(plain); !ok || again != plain || len(plain) != userCodeLen {
			t.Errorf("%q became %q and %q", typed, plain, again)
		}
	})
}

// The registry keeps what the operator says, and when an app was first there.
func TestRegistry(t *testing.T) {
	b := newBench(t)
	g := b.Registry()
	b.pass(time.Hour)
	if err := g.Register(t.Context(), App{ClientID: client, Name: "New Name", RedirectURIs: []string{"https://app.example/cb"}, Origins: []string{"https://app.example"}}); err != nil {
		t.Fatal(err)
	}
	apps, err := g.Apps(t.Context(), "", 10)
	if err != nil || len(apps) != 1 || apps[0].Name != "New Name" || apps[0].Source != ByOperator || apps[0].CreatedAtMs != b.time().Add(-time.Hour).UnixMilli() {
		t.Errorf("%+v, %v", apps, err)
	}
	for what, bad := range map[string]App{
		"no id": {Name: "A"}, "own id": {ClientID: "connect", Name: "A"}, "id with slash": {ClientID: "a/b", Name: "A"}, "no name": {ClientID: "a"},
		"redirect": {ClientID: "a", Name: "A", RedirectURIs: []string{"http://app.example"}}, "origin": {ClientID: "a", Name: "A", Origins: []string{"https://app.example/"}},
	} {
		if g.Register(t.Context(), bad) == nil {
			t.Errorf("%s: registered", what)
		}
	}
	if err := g.Unregister(t.Context(), client); err != nil {
		t.Error(err)
	}
	if err := g.Unregister(t.Context(), client); !errors.Is(err, shelf.ErrNone) {
		t.Error(err)
	}
}
