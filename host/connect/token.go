package connect

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/redoubt-kms/redoubt/host/connect/shelf"
	"github.com/redoubt-kms/redoubt/internal/wire"
)

// The grant types that we take.
const (
	grantCode    = "authorization_code"
	grantRefresh = "refresh_token"
	grantDevice  = "urn:ietf:params:oauth:grant-type:device_code"
)

// tokens is the answer of the token endpoint (RFC 6749, 5.1).
type tokens struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int64  `json:"expires_in"` // seconds
	RefreshToken string `json:"refresh_token"`
	IDToken      string `json:"id_token,omitempty"`
	Scope        string `json:"scope"`
}

const scope = "openid offline_access"

// token serves POST /oauth2/token.
func (c *Connect) token(w http.ResponseWriter, r *http.Request) error {
	if err := c.may(r, actToken); err != nil {
		return err
	}
	f, err := readForm(w, r)
	if err != nil {
		return err
	}
	client, err := c.client(r, f)
	if err != nil {
		return err
	}
	var made tokens
	switch f["grant_type"] {
	case grantCode:
		made, err = c.redeemCode(r.Context(), client, f)
	case grantRefresh:
		made, err = c.refresh(r.Context(), client, f)
	case grantDevice:
		made, err = c.pollDevice(r.Context(), client, f)
	case "":
		err = f.need("grant_type")
	default:
		err = refuse(unsupportedGrantType, "want "+grantCode+", "+grantRefresh+" or "+grantDevice)
	}
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, made)
	return nil
}

// client returns the app that a request says to come from. All are public clients (RFC 6749, 2.1): nothing proves it, and
// nothing rests on it. Who sends a secret believes to have one, and is told that there is none.
func (c *Connect) client(r *http.Request, f form) (App, error) {
	id, basic, err := clientID(r, f)
	if err != nil {
		return App{}, err
	}
	a, err := c.app(r.Context(), id)
	var none *fault
	if errors.As(err, &none) && basic {
		none.challenge = basicChallenge
	}
	return a, err
}

// basicChallenge is what a client that tried Basic authentication is told (RFC 6749, 5.2).
const basicChallenge = `Basic realm="connect"`

func clientID(r *http.Request, f form) (id string, basic bool, err error) {
	id = f["client_id"]
	if header := r.Header.Get("Authorization"); len(header) >= 6 && strings.EqualFold(header[:6], "basic ") {
		user, secret, ok := r.BasicAuth()
		user, err := url.QueryUnescape(user) // RFC 6749, 2.3.1
		switch {
		case !ok || err != nil || id != "" && id != user:
			return "", true, &fault{status: http.StatusUnauthorized, code: invalidClient, description: "the header Authorization cannot be read, or names another client", challenge: basicChallenge}
		case secret != "":
			return "", true, &fault{status: http.StatusUnauthorized, code: invalidClient, description: "this app has no secret; send its client_id alone", challenge: basicChallenge}
		}
		id, basic = user, true
	}
	if f["client_secret"] != "" || f["client_assertion"] != "" {
		return "", basic, &fault{status: http.StatusUnauthorized, code: invalidClient, description: "this app has no secret; send its client_id alone"}
	}
	if id == "" {
		return "", basic, f.need("client_id")
	}
	return id, basic, nil
}

// mint has tokens made of a session.
func (c *Connect) mint(ctx context.Context, session []byte) (wire.Minted, error) {
	m, err := c.Certifier.Mint(ctx, wire.MintRequest{Session: session})
	if err != nil {
		return m, refused(err, invalidGrant)
	}
	return m, nil
}

// answer makes the answer of minted tokens.
func (c *Connect) answer(m wire.Minted, refresh string) tokens {
	left := int64(m.ExpiresAt/1000) - c.Now().Unix()
	return tokens{AccessToken: m.AccessToken, TokenType: "Bearer", ExpiresIn: max(left, 1), RefreshToken: refresh, IDToken: m.IDToken, Scope: scope}
}

// redeemCode serves the grant of an authorization code. A code that is there is spent by whatever is tried with it, and
// tried again it takes along what was made of it (RFC 6749, 4.1.2): then somebody else has it, too.
func (c *Connect) redeemCode(ctx context.Context, client App, f form) (tokens, error) {
	if err := f.need("code", "redirect_uri", "code_verifier"); err != nil {
		return tokens{}, err
	}
	spent := refuse(invalidGrant, "the code is not known, has expired or was used; log in again")
	known, err := load[code](ctx, c, shelf.Codes, digest(f["code"]))
	if errors.Is(err, shelf.ErrNone) {
		return tokens{}, spent
	}
	if err != nil {
		return tokens{}, err
	}
	if known.value.Used {
		return tokens{}, errors.Join(spent, c.replayed(ctx, known.row.Key))
	}
	fits := known.value.fits(client, f)
	var made wire.Minted
	if fits == nil { // before the code is spent: when the certifier is away, it is still good afterwards
		if made, err = c.mint(ctx, known.value.Session); err != nil {
			return tokens{}, err
		}
	}
	known.value.Used, known.row.Expires = true, c.Now().Add(codeKept)
	err = swap(ctx, c, known)
	if errors.Is(err, shelf.ErrChanged) {
		return tokens{}, errors.Join(spent, c.replayed(ctx, known.row.Key))
	}
	if err := errors.Join(err, fits); err != nil {
		return tokens{}, err
	}
	refresh, err := c.newFamily(ctx, known.value.Family, client.ClientID, known.value.RedirectURI, known.value.Session, made.SessionEnds)
	if err != nil {
		return tokens{}, err
	}
	// Who replayed the code in between found no family to revoke, and left word.
	again, err := load[code](ctx, c, shelf.Codes, known.row.Key)
	if err != nil || again.value.Replayed {
		return tokens{}, errors.Join(spent, c.revoke(ctx, known.value.Family))
	}
	return c.answer(made, refresh), nil
}

// fits says whether a code was made for the one who brings it.
func (v code) fits(client App, f form) error {
	verifier := f["code_verifier"]
	hash := sha256.Sum256([]byte(verifier))
	switch {
	case v.ClientID != client.ClientID:
		return refuse(invalidGrant, "the code is of another app")
	case v.RedirectURI != f["redirect_uri"]:
		return refuse(invalidGrant, "the code was sent to another redirect_uri")
	case len(verifier) < 43 || len(verifier) > 128 || subtle.ConstantTimeCompare([]byte(b64(hash[:])), []byte(v.Challenge)) != 1:
		return refuse(invalidGrant, "the code_verifier is not that of the code_challenge")
	}
	return nil
}
