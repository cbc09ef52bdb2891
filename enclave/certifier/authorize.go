package certifier

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/id"
	"github.com/redoubt-kms/redoubt/internal/jose"
	"github.com/redoubt-kms/redoubt/internal/strictjson"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/stamp"
)

// The bounds of what a person may authorize.
const (
	methodAuthorize    = "authorizeSession"
	maxAuthorizeBody   = 16 << 10 // bytes
	maxClientID        = 128
	maxRedirect        = 2048
	maxOrigin          = 255
	maxTransaction     = 128
	maxAudience        = 8
	maxAudienceEntry   = 128
	maxSessionLifetime = 31 * 24 * time.Hour
)

// authorization is the body by which a person lets an app have a session; docs/spec/identity.md has it.
type authorization struct {
	Method      string              `json:"method"`
	Params      authorizationParams `json:"params"`
	TimestampMs int64               `json:"timestampMs"`
}

type authorizationParams struct {
	OrganizationID string   `json:"organizationId"`
	ClientID       string   `json:"clientId"`
	RedirectURI    string   `json:"redirectUri"`
	Origin         string   `json:"origin"` // of the app's page; empty for one without
	Nonce          string   `json:"nonce"`  // of the app's session key
	Audience       []string `json:"audience"`
	ExpiresInMs    int64    `json:"expiresInMs"`
	Transaction    string   `json:"transaction"` // the host's name of the login
}

// authorize lets an app have a session, by the word of a person whose session key signed these very bytes.
func (l *logins) authorize(request wire.Request) (wire.Authorized, error) {
	answer, err := l.authorized(request)
	if err == nil {
		l.stats.authorized.Add(1)
	}
	return answer, err
}

func (l *logins) authorized(request wire.Request) (wire.Authorized, error) {
	now, err := l.now()
	if err != nil {
		return wire.Authorized{}, err
	}
	if len(request.Body) > maxAuthorizeBody {
		return wire.Authorized{}, refused("the body is larger than %d bytes", maxAuthorizeBody)
	}
	who, err := l.stamped(request, now)
	if err != nil {
		return wire.Authorized{}, err
	}
	var a authorization
	if err := strictjson.Decode(request.Body, &a); err != nil {
		return wire.Authorized{}, refused("the body is not as documented: %v", err)
	}
	if err := a.check(now); err != nil {
		return wire.Authorized{}, err
	}
	return l.grant(a.Params, who, now)
}

// stamped verifies that the holder of a login on Connect's own pages signed the body.
func (l *logins) stamped(request wire.Request, now uint64) (jose.Claims, error) {
	s, err := stamp.Parse(request.Stamp)
	if err != nil || s.Kind != stamp.OIDC || s.Salt != "" || s.Verify(request.Body) != nil {
		return jose.Claims{}, refused("the body is not signed by a session key of Connect's pages")
	}
	token, err := jose.Parse(s.IDToken)
	if err == nil {
		err = token.Verify(l.own)
	}
	if err == nil {
		err = token.Claims.Live(now, pageLifetime)
	}
	if err != nil {
		return jose.Claims{}, refused("the login does not hold: %v; sign in again", err)
	}
	claims := token.Claims
	switch {
	case token.Type != jose.TypeSession || claims.Issuer != l.connect.Origin || !slices.Equal(claims.Audience, []string{pageAudience}):
		return jose.Claims{}, refused("the login is not for the pages of Connect")
	case claims.Nonce != s.Nonce():
		return jose.Claims{}, refused("the login is that of another session key")
	case !strings.Contains(claims.Subject, ":"):
		return jose.Claims{}, refused("the login names nobody")
	}
	return claims, nil
}

// check refuses what is not whole, or not of now.
func (a authorization) check(now uint64) error {
	p := a.Params
	window := api.RequestWindow.Milliseconds()
	off := a.TimestampMs - int64(now)
	switch {
	case a.Method != methodAuthorize:
		return refused("method: want %s", methodAuthorize)
	case a.TimestampMs <= 0 || a.TimestampMs > 1<<53 || off > window || -off > window:
		return wire.Faultf("expired", "timestampMs is more than %v from the server's time", api.RequestWindow)
	case !printable(p.ClientID, 1, maxClientID) || p.ClientID == pageAudience:
		return refused("params.clientId: no app has this name")
	case !printable(p.Transaction, 1, maxTransaction):
		return refused("params.transaction: want the name of the login")
	case !isNonce(p.Nonce):
		return refused("params.nonce: want the base64url of a SHA-256")
	case p.ExpiresInMs <= 0 || p.ExpiresInMs > maxSessionLifetime.Milliseconds():
		return refused("params.expiresInMs: want at most %v", maxSessionLifetime)
	case len(p.Audience) > maxAudience || slices.ContainsFunc(p.Audience, func(s string) bool { return !printable(s, 1, maxAudienceEntry) || !strings.HasPrefix(s, "urn:") }):
		return refused("params.audience: want at most %d URNs", maxAudience)
	case p.Origin != "" && !isOrigin(p.Origin):
		return refused("params.origin: want scheme, host and port")
	case p.RedirectURI != "" && !isRedirect(p.RedirectURI):
		return refused("params.redirectUri: want an absolute URI without fragment")
	}
	return nil
}

// grant seals what was authorized.
func (l *logins) grant(p authorizationParams, who jose.Claims, now uint64) (wire.Authorized, error) {
	organization, err := id.Parse(p.OrganizationID)
	if err != nil {
		return wire.Authorized{}, refused("params.organizationId: want a UUID")
	}
	s := session{
		Version: 1, Subject: who.Subject, ClientID: p.ClientID, Nonce: p.Nonce, Origin: p.Origin, Audience: p.Audience,
		Organization: organization, ID: id.Random(), AuthTime: who.AuthTime, Ends: now + uint64(p.ExpiresInMs),
	}
	sealed, err := l.seal(s)
	if err != nil {
		return wire.Authorized{}, err
	}
	return wire.Authorized{
		Session: sealed, ClientID: p.ClientID, RedirectURI: p.RedirectURI, Nonce: p.Nonce, Origin: p.Origin,
		OrganizationID: p.OrganizationID, Subject: who.Subject, ExpiresAt: s.Ends, Transaction: p.Transaction,
	}, nil
}

// printable says whether a text of so many bytes has nothing but visible ASCII.
func printable(s string, from, to int) bool {
	return len(s) >= from && len(s) <= to && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}

// isOrigin says whether a text is an origin as browsers write it (RFC 6454, section 6.2).
func isOrigin(s string) bool {
	u, err := url.Parse(s)
	return err == nil && printable(s, 1, maxOrigin) && u.Scheme != "" && u.Hostname() != "" && u.Scheme+"://"+u.Host == s && s == strings.ToLower(s)
}

// isRedirect says whether a text may be a redirection endpoint (RFC 6749, section 3.1.2). Whether it is one of the app's is
// for the host to say.
func isRedirect(s string) bool {
	u, err := url.Parse(s)
	return err == nil && printable(s, 1, maxRedirect) && u.IsAbs() && !strings.Contains(s, "#")
}
