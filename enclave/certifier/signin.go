package certifier

import (
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"time"

	"github.com/redoubt-kms/redoubt/internal/jose"
	"github.com/redoubt-kms/redoubt/internal/wire"
)

const (
	// pageAudience is who the tokens of Connect's own pages are for. No app can have that name.
	pageAudience = "connect"
	pageLifetime = time.Hour
	// maxEvidenceAge is how old the ID token of a provider may be.
	maxEvidenceAge = 10 * time.Minute
	maxSubject     = 255 // characters of the claim sub (OpenID Connect Core 1.0, section 2)
)

// person is who signed in: the way, and when.
type person struct {
	subject string
	at      int64 // Unix seconds
}

// sessionClaims are those of a session token, the one that stamps carry.
type sessionClaims struct {
	Issuer    string   `json:"iss"`
	Subject   string   `json:"sub"`
	Audience  []string `json:"aud"`
	Nonce     string   `json:"nonce"`
	IssuedAt  int64    `json:"iat"`
	Expires   int64    `json:"exp"`
	AuthTime  int64    `json:"auth_time"`
	Origin    string   `json:"origin,omitempty"`
	SessionID string   `json:"sid,omitempty"`
}

// signIn takes evidence of who a person is and gives their session key a token for the pages of Connect.
func (l *logins) signIn(request wire.SignIn) (wire.SignedIn, error) {
	who, by, err := l.judge(request)
	l.stats.signedIn(by, err)
	if err != nil {
		return wire.SignedIn{}, err
	}
	expires := who.now + uint64(pageLifetime.Milliseconds())
	token, err := jose.Sign(l.key, jose.TypeSession, sessionClaims{
		Issuer: l.connect.Origin, Subject: who.subject, Audience: []string{pageAudience}, Nonce: who.nonce,
		IssuedAt: int64(who.now / 1000), Expires: int64(expires / 1000), AuthTime: who.at,
	})
	return wire.SignedIn{Token: token, Subject: who.subject, ExpiresAt: expires / 1000 * 1000}, err
}

// judged is a person with the session key that they signed in for.
type judged struct {
	person
	nonce string
	now   uint64
}

// judge verifies the evidence and uses up its challenge.
func (l *logins) judge(request wire.SignIn) (judged, way, error) {
	now, err := l.now()
	if err != nil {
		return judged{}, wayNone, err
	}
	c, err := l.find(request.Challenge)
	if err != nil {
		return judged{}, wayNone, err
	}
	who, by, err := l.evidence(request, c, now)
	if err == nil {
		err = l.use(request.Challenge)
	}
	return judged{who, c.nonce, now}, by, err
}

// evidence verifies exactly one piece of evidence. A login that a code was sent for takes that code and nothing else.
func (l *logins) evidence(request wire.SignIn, c challenge, now uint64) (person, way, error) {
	passkey, token, code := request.Passkey != nil, request.IDToken != "", request.Code != ""
	switch {
	case passkey && !token && !code && c.code == "":
		subject, err := l.passkey(*request.Passkey, c)
		return person{subject, int64(now / 1000)}, wayPasskey, err
	case token && !passkey && !code && c.code == "":
		who, err := l.idToken(request.IDToken, c, now)
		return who, wayOIDC, err
	case code && !passkey && !token:
		err := l.tryCode(request.Challenge, request.Code)
		return person{subjectOf("email:", []byte(c.address)), int64(now / 1000)}, wayEmail, err
	}
	return person{}, wayNone, refused("want one piece of evidence, of the kind that the login was begun for")
}

// subjectOf names a person by the way they sign in.
func subjectOf(kind string, parts ...[]byte) string {
	h := sha256.New()
	for i, part := range parts {
		if i > 0 {
			h.Write([]byte{0})
		}
		h.Write(part)
	}
	return kind + base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// idToken verifies the token of an outside provider (OpenID Connect Core 1.0, section 3.1.3.7), whose nonce must be that of
// the session key.
func (l *logins) idToken(compact string, c challenge, now uint64) (person, error) {
	token, err := jose.Parse(compact)
	if err != nil {
		return person{}, refused("%v", err)
	}
	claims := token.Claims
	outside, ok := l.connect.ProviderOf(claims.Issuer)
	switch {
	case !ok:
		return person{}, refused("the manifest names no provider with the issuer of this token")
	case token.Type != "" && token.Type != jose.TypeID:
		return person{}, refused("the token is no ID token")
	case !slices.Contains(claims.Audience, outside.ClientID):
		return person{}, refused("the token is for another client")
	case len(claims.Audience) > 1 && claims.AuthorizedParty == "", claims.AuthorizedParty != "" && claims.AuthorizedParty != outside.ClientID:
		return person{}, refused("the token was made for another party")
	case claims.Nonce != c.nonce:
		return person{}, refused("the token is for another session key")
	case claims.Subject == "" || len(claims.Subject) > maxSubject:
		return person{}, refused("the token names nobody")
	}
	if err := claims.Live(now, maxEvidenceAge); err != nil {
		return person{}, refused("%v", err)
	}
	if err := l.verifyOutside(token, outside.Issuer); err != nil {
		return person{}, err
	}
	at := int64(now / 1000)
	if claims.AuthTime > 0 {
		at = min(at, claims.AuthTime)
	}
	return person{subjectOf("oidc:", []byte(claims.Issuer), []byte(claims.Subject)), at}, nil
}
