package certifier

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/redoubt-kms/redoubt/internal/jose"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
	"github.com/redoubt-kms/redoubt/stamp"
)

const (
	testOrigin  = "http://localhost:8484"
	testIssuer  = "https://id.example"
	otherIssuer = "https://other.example"
	testTime    = 1_795_333_820_985
)

func testConnect() proof.Connect {
	return proof.Connect{Origin: testOrigin, Providers: []proof.Provider{
		{Name: "Example", Issuer: testIssuer, ClientID: "at-example"}, {Name: "Other", Issuer: otherIssuer, ClientID: "at-other"},
	}}
}

// stopped makes the clocks of logins stand still, and returns what moves them.
func (r *rig) stopped() func(time.Duration) {
	var passed time.Duration
	r.logins.now = func() (uint64, error) { return uint64(testTime + passed.Milliseconds()), nil }
	r.logins.boot = func() time.Duration { return 1000*time.Hour + passed }
	return func(d time.Duration) { passed += d }
}

// holder is who has a session key, with the token that vouches for it.
type holder struct {
	key   *ecdsa.PrivateKey
	token string
}

func newHolder(t testing.TB) *holder {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &holder{key: key}
}

func (h *holder) nonce(t testing.TB) string {
	t.Helper()
	b, err := h.key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	hash := sha256.Sum256(b)
	return base64.RawURLEncoding.EncodeToString(hash[:])
}

func (h *holder) stamp(t testing.TB, salt string, body []byte) string {
	t.Helper()
	s, err := stamp.SignOIDC(h.key, h.token, salt, body)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// beginFor begins a login of a session key.
func (r *rig) beginFor(t testing.TB, h *holder, address string) wire.SignInBegun {
	t.Helper()
	begun, err := r.logins.begin(wire.SignInBegin{Nonce: h.nonce(t), Email: address})
	if err != nil {
		t.Fatal(err)
	}
	return begun
}

// signedIn is who signed in by a code.
func (r *rig) signedIn(t testing.TB, address string) *holder {
	t.Helper()
	h := newHolder(t)
	begun := r.beginFor(t, h, address)
	signed, err := r.logins.signIn(wire.SignIn{Challenge: begun.Challenge, Code: begun.Code})
	if err != nil {
		t.Fatal(err)
	}
	h.token = signed.Token
	return h
}

// outside is a provider of OpenID, which signs what it is told.
type outside struct {
	key    *ecdsa.PrivateKey
	issuer string
	client string
}

func newOutside(t testing.TB, issuer, client string) *outside {
	t.Helper()
	return &outside{newHolder(t).key, issuer, client}
}

func (o *outside) keys() jose.KeySet { return jose.SingleKey(&o.key.PublicKey) }

// token is an ID token of this time, changed by edit.
func (o *outside) token(t testing.TB, nonce string, edit func(map[string]any)) string {
	t.Helper()
	claims := map[string]any{
		"iss": o.issuer, "sub": "somebody", "aud": o.client, "nonce": nonce, "iat": testTime / 1000, "exp": testTime/1000 + 300, "auth_time": testTime/1000 - 60,
	}
	if edit != nil {
		edit(claims)
	}
	token, err := jose.Sign(o.key, jose.TypeID, claims)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// authorizeBody is the body by which a person authorizes a session, changed by edit.
func authorizeBody(t testing.TB, app *holder, edit func(body, params map[string]any)) []byte {
	t.Helper()
	params := map[string]any{
		"organizationId": "00000000-0000-4000-8000-000000000001", "clientId": "app", "redirectUri": "https://app.example/cb", "origin": "https://app.example",
		"nonce": app.nonce(t), "audience": []string{"urn:phantom:wallet-tag:app"}, "expiresInMs": 3 * 24 * time.Hour.Milliseconds(), "transaction": "t1",
	}
	body := map[string]any{"method": "authorizeSession", "params": params, "timestampMs": testTime}
	if edit != nil {
		edit(body, params)
	}
	b, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// codeOf is the code of a fault, empty without an error.
func codeOf(err error) string {
	var fault *wire.Fault
	if errors.As(err, &fault) {
		return fault.Code
	}
	if err != nil {
		return "other: " + err.Error()
	}
	return ""
}
