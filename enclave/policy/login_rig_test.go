package policy

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/redoubt-kms/redoubt/internal/id"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
	"github.com/redoubt-kms/redoubt/stamp"
)

// testOrigin is where people log in, as the rig's manifest says.
const testOrigin = "http://localhost:8484"

// sessionKey is a key of a page or an app, with the token that vouches for it.
type sessionKey struct {
	key   *ecdsa.PrivateKey
	token string
}

func newSessionKey(t testing.TB) *sessionKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &sessionKey{key: key}
}

// nonce names the key in tokens.
func (k *sessionKey) nonce(t testing.TB) string {
	t.Helper()
	b, err := k.key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	hash := sha256.Sum256(b)
	return base64.RawURLEncoding.EncodeToString(hash[:])
}

// stamp signs a body with the key and its token.
func (k *sessionKey) stamp(t testing.TB, body []byte) string {
	t.Helper()
	header, err := stamp.SignOIDC(k.key, k.token, "", body)
	if err != nil {
		t.Fatal(err)
	}
	return header
}

// mailTo has a person sign in by a code, for a key that a page has already.
func (r *rig) mailTo(t testing.TB, address string, page *sessionKey) wire.SignedIn {
	t.Helper()
	begun, err := r.desk.SignInBegin(t.Context(), wire.SignInBegin{Nonce: page.nonce(t), Email: address})
	if err != nil {
		t.Fatal(err)
	}
	signed, err := r.desk.SignIn(t.Context(), wire.SignIn{Challenge: begun.Challenge, Code: begun.Code})
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// signIn has a person sign in on the pages of Connect by a code that is sent to an address. It returns the page's key,
// whose token has aud ["connect"], and who the person is.
func (r *rig) signIn(t testing.TB, address string) (*sessionKey, wire.SignedIn) {
	t.Helper()
	page := newSessionKey(t)
	signed := r.mailTo(t, address, page)
	page.token = signed.Token
	return page, signed
}

// consent is what a person authorizes.
type consent struct {
	organization proof.ID
	client       string
	origin       string
	audience     []string
	life         time.Duration // 0 is an hour
}

// authorize has a signed-in person authorize a session of an app, and returns what was sealed for the app's key.
func (r *rig) authorize(t testing.TB, page, app *sessionKey, c consent) wire.Authorized {
	t.Helper()
	if c.life == 0 {
		c.life = time.Hour
	}
	body, err := json.Marshal(map[string]any{
		"method": "authorizeSession", "timestampMs": time.Now().UnixMilli(),
		"params": map[string]any{
			"organizationId": id.String(c.organization), "clientId": c.client, "redirectUri": "https://app.example/callback", "origin": c.origin,
			"nonce": app.nonce(t), "audience": append([]string{}, c.audience...), "expiresInMs": c.life.Milliseconds(), "transaction": "t",
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	authorized, err := r.desk.Authorize(t.Context(), wire.Request{Body: body, Stamp: page.stamp(t, body)})
	if err != nil {
		t.Fatal(err)
	}
	return authorized
}

// mint makes tokens of an authorized session, and gives the app's key its session token, which is inside the access token.
func (r *rig) mint(t testing.TB, app *sessionKey, authorized wire.Authorized) wire.Minted {
	t.Helper()
	minted, err := r.desk.Mint(t.Context(), wire.MintRequest{Session: authorized.Session})
	if err != nil {
		t.Fatal(err)
	}
	var claims struct {
		Extra struct {
			Session string `json:"a2t"`
		} `json:"ext"`
	}
	readClaims(t, minted.AccessToken, &claims)
	app.token = claims.Extra.Session
	return minted
}

// login is signIn, authorize and mint in one: it returns the page's and the app's key, both with their tokens.
func (r *rig) login(t testing.TB, address string, c consent) (page, app *sessionKey, subject string) {
	t.Helper()
	page, signed := r.signIn(t, address)
	app = newSessionKey(t)
	r.mint(t, app, r.authorize(t, page, app, c))
	return page, app, signed.Subject
}

// readClaims reads the claims of a token without verifying it, as clients do.
func readClaims(t testing.TB, token string, into any) {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("%d parts", len(parts))
	}
	b, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err == nil {
		err = json.Unmarshal(b, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}
