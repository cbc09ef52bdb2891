package visit

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/redoubt-kms/redoubt/api"
)

// App is an app's page, of an origin on this machine, with its session key.
type App struct {
	*browser
	ClientID string
	Redirect string // URI
	Key      *ecdsa.PrivateKey
	Token    string // session token, after Arrive
	Refresh  string // refresh token, likewise

	verifier string
	state    string
}

// NewApp is an app that asks for a login. origin is that of Connect.
func NewApp(origin, clientID, redirect string) (*App, error) {
	b, err := newBrowser(origin)
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	return &App{browser: b, ClientID: clientID, Redirect: redirect, Key: key, verifier: rand.Text() + rand.Text(), state: rand.Text()}, err
}

// Waited is how long the server took for all that the app asked, together.
func (a *App) Waited() time.Duration { return a.waited }

// Ask makes the request object (RFC 9101) with which the app sends a browser to Connect.
func (a *App) Ask() (Asked, error) {
	options := (&jose.SignerOptions{EmbedJWK: true}).WithType("oauth-authz-req+jwt")
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: a.Key}, options)
	if err != nil {
		return Asked{}, err
	}
	nonce, err := nonceOf(a.Key)
	if err != nil {
		return Asked{}, err
	}
	challenge, now := sha256.Sum256([]byte(a.verifier)), time.Now().Unix()
	claims, err := json.Marshal(map[string]any{
		"aud": a.origin + "/login/start", "iat": now, "exp": now + 300, "client_id": a.ClientID, "redirect_uri": a.Redirect, "response_type": "code",
		"scope": "openid", "nonce": nonce, "code_challenge": b64(challenge[:]), "code_challenge_method": "S256", "state": a.state,
	})
	if err != nil {
		return Asked{}, err
	}
	signed, err := signer.Sign(claims)
	if err != nil {
		return Asked{}, err
	}
	text, err := signed.CompactSerialize()
	return Asked{JAR: text}, err
}

// Arrive takes up the login where the browser came back to.
func (a *App) Arrive(ctx context.Context, location string) error {
	u, err := url.Parse(location)
	if err != nil {
		return err
	}
	if u.Query().Get("state") != a.state || u.Query().Get("code") == "" {
		return errors.New("the browser came back without a code")
	}
	return a.tokens(ctx, url.Values{
		"grant_type": {"authorization_code"}, "code": {u.Query().Get("code")}, "redirect_uri": {a.Redirect}, "client_id": {a.ClientID}, "code_verifier": {a.verifier},
	})
}

func (a *App) tokens(ctx context.Context, form url.Values) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, a.origin+"/oauth2/token", strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := a.do(r)
	if err != nil {
		return err
	}
	var made struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
	}
	if err := json.Unmarshal(answer, &made); err != nil {
		return err
	}
	a.Refresh = made.Refresh
	a.Token, err = sessionToken(made.Access)
	return err
}

// sessionToken takes the session token out of an access token, as clients do.
func sessionToken(access string) (string, error) {
	parts := strings.Split(access, ".")
	if len(parts) != 3 {
		return "", errors.New("the access token is none")
	}
	b, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return "", err
	}
	var claims struct {
		Ext struct {
			Session string `json:"a2t"`
		} `json:"ext"`
	}
	err = json.Unmarshal(b, &claims)
	return claims.Ext.Session, err
}

// Call asks the key-management system for a method, as the app.
func (a *App) Call(ctx context.Context, method api.Method, params map[string]any, into any) error {
	return call(ctx, a.browser, a.Key, a.Token, method, params, into)
}
