package connect

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/redoubt-kms/redoubt/internal/wire"
)

// cose is a public key as an authenticator writes it.
func cose(t testing.TB) []byte {
	t.Helper()
	mode, err := cbor.CTAP2EncOptions().EncMode()
	if err != nil {
		t.Fatal(err)
	}
	b, err := mode.Marshal(map[int]any{1: 2, 3: -7, -1: 1, -2: make([]byte, 32), -3: make([]byte, 32)})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// attestation makes an attestation object of a credential id and what follows it.
func attestation(t testing.TB, id []byte, rest []byte) []byte {
	t.Helper()
	data := make([]byte, 32, 256)
	data = append(data, 0x45, 0, 0, 0, 0)    // UP, UV, AT; count
	data = append(data, make([]byte, 16)...) // AAGUID
	data = append(data, byte(len(id)>>8), byte(len(id)))
	data = append(append(data, id...), rest...)
	b, err := cbor.Marshal(map[string]any{"fmt": "none", "attStmt": map[string]any{}, "authData": data})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A passkey that is made, used and used again.
func TestPasskey(t *testing.T) {
	b := newBench(t)
	id := b.start(t, map[string]any{"account": true})
	credentialID, key := []byte("credential"), cose(t)
	made := b.post("/login/passkey", map[string]any{"login": id, "attestationObject": b64(attestation(t, credentialID, key))})
	if made.status != 201 || made.text("credentialId") != b64(credentialID) {
		t.Fatalf("%d %s", made.status, made.body)
	}
	b.post("/login/passkey", map[string]any{"login": id, "attestationObject": b64(attestation(t, credentialID, key))}).fails(t, "the same again", 400, invalidRequest)
	nonce := nonceOf([]byte("page"))
	challenge := b.post("/login/begin", map[string]any{"login": id, "nonce": nonce}).succeeds(t, "begin").text("challenge")
	if b.certifier.begun.Nonce != nonce || b.certifier.begun.Email != "" {
		t.Errorf("begun: %+v", b.certifier.begun)
	}
	shown := map[string]any{"login": id, "challenge": challenge, "passkey": map[string]any{
		"credentialId": b64(credentialID), "authenticatorData": "AQ", "clientDataJSON": "Ag", "signature": "Aw",
	}}
	b.certifier.fail(wire.Faultf("refused", "the passkey did not sign this"))
	b.post("/login/finish", shown).fails(t, "refused", 400, accessDenied)
	b.certifier.fail(errors.New("away"))
	b.post("/login/finish", shown).fails(t, "away", 503, unavailable)
	b.certifier.fail(nil)
	in := b.post("/login/finish", shown).succeeds(t, "finish")
	if in.text("token") == "" || in.text("subject") != "passkey:x" || in.text("location") != "/account" {
		t.Error(in.body)
	}
	want := &wire.PasskeyAssertion{CredentialID: credentialID, PublicKey: key, AuthenticatorData: []byte{1}, ClientDataJSON: []byte{2}, Signature: []byte{3}}
	if diff := cmp.Diff(want, b.certifier.signIn.Passkey, cmpopts.IgnoreUnexported(wire.PasskeyAssertion{})); diff != "" {
		t.Error(diff)
	}
	b.pass(unusedCredential) // used, so it stays
	shown["login"] = b.start(t, map[string]any{"account": true})
	b.post("/login/finish", shown).succeeds(t, "finish later")
}

// One that was made and never used is forgotten.
func TestUnusedPasskey(t *testing.T) {
	b := newBench(t)
	id := b.start(t, map[string]any{"account": true})
	b.post("/login/passkey", map[string]any{"login": id, "attestationObject": b64(attestation(t, []byte("c"), cose(t)))}).succeeds(t, "make")
	b.pass(unusedCredential)
	id = b.start(t, map[string]any{"account": true})
	b.post("/login/finish", map[string]any{"login": id, "challenge": b64(make([]byte, 32)), "passkey": map[string]any{
		"credentialId": b64([]byte("c")), "authenticatorData": "AQ", "clientDataJSON": "Ag", "signature": "Aw",
	}}).fails(t, "use", 400, accessDenied)
}

// Attestation objects that are none, or whose key cannot be told from what follows it.
func TestBadAttestations(t *testing.T) {
	b := newBench(t)
	key := cose(t)
	good := attestation(t, []byte("id"), key)
	none, err := cbor.Marshal(map[string]any{"fmt": "none", "attStmt": map[string]any{}, "authData": make([]byte, 60)})
	if err != nil {
		t.Fatal(err)
	}
	twice := append([]byte{0xa4, 0x63, 'f', 'm', 't', 0x61, 'x'}, good[1:]...)
	for what, raw := range map[string][]byte{
		"nothing": {}, "garbage": []byte("garbage"), "cut": good[:len(good)-1], "more behind it": append(append([]byte{}, good...), 0),
		"no credential": none, "empty id": attestation(t, nil, key), "no key": attestation(t, []byte("id"), nil),
		"key cut": attestation(t, []byte("id"), key[:len(key)-1]), "key no map": attestation(t, []byte("id"), []byte{0x01}),
		"empty key": attestation(t, []byte("id"), []byte{0xa0}), "id too long": attestation(t, make([]byte, maxCredentialID+1), key),
		"id longer than data": attestation(t, []byte("id"), key)[:60], "member twice": twice, "large": attestation(t, []byte("id"), append(key, make([]byte, maxAttestation)...)),
		"indefinite key": attestation(t, []byte("id"), []byte{0xbf, 0x01, 0x02, 0xff}), "text keys": attestation(t, []byte("id"), []byte{0xa1, 0x61, 'a', 0x01}),
	} {
		if id, key, err := readAttestation(raw); err == nil {
			t.Errorf("%s: id %x, key %x", what, id, key)
		}
		id := b.start(t, map[string]any{"account": true})
		b.post("/login/passkey", map[string]any{"login": id, "attestationObject": b64(raw)}).fails(t, what, 400, invalidRequest)
	}
	id, read, err := readAttestation(attestation(t, []byte("id"), append(append([]byte{}, key...), 0xa0))) // extensions behind it
	if err != nil || string(id) != "id" || string(read) != string(key) {
		t.Errorf("with extensions: id %q, key %x, %v", id, read, err)
	}
}

// FuzzAttestation checks that id and key are parts of what was given.
func FuzzAttestation(f *testing.F) {
	f.Add(attestation(f, []byte("id"), cose(f)))
	f.Fuzz(func(t *testing.T, raw []byte) {
		id, key, err := readAttestation(raw)
		if err == nil && !strings.Contains(string(raw), string(id)+string(key)) {
			t.Errorf("id %x, key %x of %x", id, key, raw)
		}
	})
}

// A one-time code, which in development is in the log.
func TestMailedCode(t *testing.T) {
	b := newBench(t)
	id := b.start(t, map[string]any{"account": true})
	nonce := nonceOf([]byte("page"))
	challenge := b.post("/login/begin", map[string]any{"login": id, "nonce": nonce, "email": " Me@Example.com "}).succeeds(t, "begin").text("challenge")
	if b.certifier.begun.Email != "me@example.com" || !strings.Contains(b.log.String(), "development") || !strings.Contains(b.log.String(), "12345678") {
		t.Errorf("begun %+v, log %s", b.certifier.begun, b.log)
	}
	b.post("/login/finish", map[string]any{"login": id, "challenge": challenge, "code": "12345678"}).succeeds(t, "finish")
	if b.certifier.signIn.Code != "12345678" || b.certifier.signIn.Passkey != nil || b.certifier.signIn.IDToken != "" {
		t.Errorf("%+v", b.certifier.signIn)
	}
	for range maxMails - 1 {
		b.post("/login/begin", map[string]any{"login": id, "nonce": nonce, "email": "me@example.com"}).succeeds(t, "again")
	}
	b.post("/login/begin", map[string]any{"login": id, "nonce": nonce, "email": "me@example.com"}).fails(t, "once more", 429, unavailable)
	for range maxTries - 1 {
		b.post("/login/finish", map[string]any{"login": id, "challenge": challenge, "code": "1"}).succeeds(t, "try")
	}
	b.post("/login/finish", map[string]any{"login": id, "challenge": challenge, "code": "1"}).fails(t, "try once more", 429, unavailable)
}

// Mails to one box are bounded over all logins.
func TestMailboxRate(t *testing.T) {
	b := newBench(t, func(o *Options) { o.Rates = 1 })
	sent := 0
	for range 30 {
		b.pass(30 * time.Second) // slow enough for the address that asks
		id := b.start(t, map[string]any{"account": true})
		if b.post("/login/begin", map[string]any{"login": id, "nonce": nonceOf(nil), "email": "me@example.com"}).status == 200 {
			sent++
		}
	}
	if sent < mailsPerHour || sent > mailsPerHour+2 {
		t.Errorf("%d mails within a quarter of an hour", sent)
	}
}

func TestAddresses(t *testing.T) {
	for typed, good := range map[string]bool{
		"a@b.example": true, "a+b@c.example": true, " a@b.example ": true, "A.B@C.example": true,
		"": false, "a": false, "a@": false, "@b": false, "a@b@c": false, "<a@b.example>": false, "A <a@b.example>": false, "a@b.example, c@d.example": false,
		"a@b.example\r\nBcc: x@y.example": false, "a b@c.example": false, "ä@b.example": false, `"a b"@c.example`: false,
		strings.Repeat("a", 250) + "@b.example": false,
	} {
		if _, err := readAddress(typed); (err == nil) != good {
			t.Errorf("%q: %v", typed, err)
		}
	}
}

func TestSignInNegatives(t *testing.T) {
	b := newBench(t, func(o *Options) { o.LogCodes = false })
	id := b.start(t, map[string]any{"account": true})
	challenge, nonce := b64(make([]byte, 32)), nonceOf(nil)
	passkey := map[string]any{"credentialId": "AQ", "authenticatorData": "AQ", "clientDataJSON": "AQ", "signature": "AQ"}
	for what, r := range map[string]reply{
		"no nonce":         b.post("/login/begin", map[string]any{"login": id}),
		"short nonce":      b.post("/login/begin", map[string]any{"login": id, "nonce": "AA"}),
		"mail not set up":  b.post("/login/begin", map[string]any{"login": id, "nonce": nonce, "email": "a@b.example"}),
		"unknown member":   b.post("/login/begin", map[string]any{"login": id, "nonce": nonce, "x": 1}),
		"no evidence":      b.post("/login/finish", map[string]any{"login": id, "challenge": challenge}),
		"two evidences":    b.post("/login/finish", map[string]any{"login": id, "challenge": challenge, "code": "1", "passkey": passkey}),
		"no challenge":     b.post("/login/finish", map[string]any{"login": id, "code": "1"}),
		"short challenge":  b.post("/login/finish", map[string]any{"login": id, "challenge": "AA", "code": "1"}),
		"bad credential":   b.post("/login/finish", map[string]any{"login": id, "challenge": challenge, "passkey": map[string]any{"credentialId": "="}}),
		"unknown provider": b.post("/login/provider", map[string]any{"login": id, "name": "nobody", "nonce": nonce}),
		"nothing to start": b.post("/login/start", map[string]any{}),
	} {
		r.fails(t, what, 400, invalidRequest)
	}
	b.post("/login/finish", map[string]any{"login": id, "challenge": challenge, "passkey": passkey}).fails(t, "unknown passkey", 400, accessDenied)
	b.post("/login/begin", map[string]any{"login": random(16), "nonce": nonce}).fails(t, "unknown login", 404, invalidRequest)
}

// outsider is an OpenID provider for tests.
type outsider struct {
	*httptest.Server
	issuer   string
	token    string
	verifier string
	status   int
	asked    int    // for tokens
	basic    bool   // the newest question had Basic authentication
	client   string // that it named in the body
}

func newOutsider(t *testing.T) *outsider {
	o := &outsider{token: `{"access_token":"a","token_type":"Bearer","id_token":"e30.e30.AAAA"}`}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, 200, map[string]string{"issuer": o.issuer, "authorization_endpoint": o.URL + "/auth", "token_endpoint": o.URL + "/token"})
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		o.verifier, o.client = r.PostFormValue("code_verifier"), r.PostFormValue("client_id")
		_, _, o.basic = r.BasicAuth()
		o.asked++
		w.Header().Set("Content-Type", "application/json")
		if o.status != 0 {
			w.WriteHeader(o.status)
		}
		_, _ = w.Write([]byte(o.token))
	})
	o.Server = httptest.NewServer(mux)
	t.Cleanup(o.Close)
	o.issuer = o.URL
	return o
}

func TestOutside(t *testing.T) {
	o := newOutsider(t)
	b := newBench(t, func(options *Options) {
		options.Providers = []Provider{{Name: "google", Title: "Google", Issuer: o.URL, ClientID: "our-id", ClientSecret: "our-secret"}}
	})
	nonce := nonceOf([]byte("page"))
	leave := func(id string) url.Values {
		t.Helper()
		to, err := url.Parse(b.post("/login/provider", map[string]any{"login": id, "name": "google", "nonce": nonce}).succeeds(t, "leave").text("location"))
		if err != nil || !strings.HasPrefix(to.String(), o.URL+"/auth?") {
			t.Fatalf("%v, %v", to, err)
		}
		return to.Query()
	}
	id := b.start(t, map[string]any{"jar": newApp(t, b.time()).jar()})
	q := leave(id)
	if q.Get("nonce") != nonce || q.Get("code_challenge_method") != "S256" || q.Get("redirect_uri") != origin+"/login/callback" || q.Get("client_id") != "our-id" || q.Get("response_type") != "code" {
		t.Errorf("%v", q)
	}
	back := map[string]any{"state": q.Get("state"), "code": "c"}
	in := b.post("/login/callback", back).succeeds(t, "return")
	if in.text("location") != "/login/consent?login="+id || b.certifier.signIn.IDToken != "e30.e30.AAAA" || digest(o.verifier) != q.Get("code_challenge") {
		t.Errorf("%s, %+v, verifier %s", in.body, b.certifier.signIn, o.verifier)
	}
	b.post("/login/callback", back).fails(t, "return again", 404, invalidRequest)

	for what, c := range map[string]struct {
		back   map[string]any
		before func()
		status int
		code   string
	}{
		"another state":      {back: map[string]any{"state": id + "." + random(24), "code": "c"}, status: 404, code: invalidRequest},
		"no state":           {back: map[string]any{"code": "c"}, status: 404, code: invalidRequest},
		"state of no login":  {back: map[string]any{"state": random(16) + ".x", "code": "c"}, status: 404, code: invalidRequest},
		"another issuer":     {back: map[string]any{"code": "c", "iss": "https://evil.example"}, status: 400, code: accessDenied},
		"denied":             {back: map[string]any{"error": "access_denied"}, status: 400, code: accessDenied},
		"code refused":       {before: func() { o.status, o.token = 400, `{"error":"invalid_grant"}` }, back: map[string]any{"code": "c"}, status: 400, code: accessDenied},
		"no ID token":        {before: func() { o.token = `{"access_token":"a","token_type":"Bearer"}` }, back: map[string]any{"code": "c"}, status: 400, code: accessDenied},
		"certifier refuses":  {before: func() { b.certifier.fail(wire.Faultf("refused", "the token is of another key")) }, back: map[string]any{"code": "c"}, status: 400, code: accessDenied},
		"keys are away":      {before: func() { b.certifier.fail(wire.Faultf(wire.FaultFetch, "no route")) }, back: map[string]any{"code": "c"}, status: 503, code: unavailable},
		"certifier is away":  {before: func() { b.certifier.fail(errors.New("away")) }, back: map[string]any{"code": "c"}, status: 503, code: unavailable},
		"provider is broken": {before: func() { o.status, o.token = 500, `oops` }, back: map[string]any{"code": "c"}, status: 400, code: accessDenied},
	} {
		token := o.token
		q := leave(id)
		if c.before != nil {
			c.before()
		}
		if c.back["state"] == nil && what != "no state" {
			c.back["state"] = q.Get("state")
		}
		r := b.post("/login/callback", c.back)
		if r.fails(t, what, c.status, c.code); !strings.Contains(r.text("error_description"), " again") && !strings.Contains(r.text("error_description"), "another way") {
			t.Errorf("%s: nothing says what to do: %s", what, r.body)
		}
		o.status, o.token = 0, token
		b.certifier.fail(nil)
	}
}

// A client without a secret asks once, and names itself in the body: a provider may count another try against the code.
func TestPublicClientOutside(t *testing.T) {
	o := newOutsider(t)
	b := newBench(t, func(options *Options) {
		options.Providers = []Provider{{Name: "google", Title: "Google", Issuer: o.URL, ClientID: "our-id"}}
	})
	o.status, o.token = 400, `{"error":"invalid_grant"}`
	id := b.start(t, map[string]any{"account": true})
	to, err := url.Parse(b.post("/login/provider", map[string]any{"login": id, "name": "google", "nonce": nonceOf(nil)}).succeeds(t, "leave").text("location"))
	if err != nil {
		t.Fatal(err)
	}
	b.post("/login/callback", map[string]any{"state": to.Query().Get("state"), "code": "c"}).fails(t, "a spent code", 400, accessDenied)
	if o.asked != 1 || o.basic || o.client != "our-id" {
		t.Errorf("asked %d times, Basic %v, as %q", o.asked, o.basic, o.client)
	}
}

// A provider whose document is of another issuer, or that is away, is not gone to.
func TestBadProvider(t *testing.T) {
	o := newOutsider(t)
	b := newBench(t, func(options *Options) {
		options.Providers = []Provider{{Name: "google", Title: "Google", Issuer: o.URL, ClientID: "our-id"}}
	})
	id := b.start(t, map[string]any{"account": true})
	o.issuer = "https://accounts.example"
	b.post("/login/provider", map[string]any{"login": id, "name": "google", "nonce": nonceOf(nil)}).fails(t, "another issuer", 503, unavailable)
	o.Close()
	b.post("/login/provider", map[string]any{"login": id, "name": "google", "nonce": nonceOf(nil)}).fails(t, "away", 503, unavailable)
}
