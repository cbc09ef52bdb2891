package certifier

import (
	"time"

	"github.com/redoubt-kms/redoubt/internal/id"
	"github.com/redoubt-kms/redoubt/internal/jose"
	"github.com/redoubt-kms/redoubt/internal/wire"
)

// tokenLifetime is how long tokens of a session hold at most: as long as the longest session. The published clients take the
// life of the first token for that of the session, and a token is for one key and ends with the connection that it is for.
const tokenLifetime = 31 * 24 * time.Hour

// accessClaims are those of an access token (RFC 9068), as the published clients read it.
type accessClaims struct {
	Issuer   string   `json:"iss"`
	Subject  string   `json:"sub"`
	ClientID string   `json:"client_id"`
	Audience []string `json:"aud"`
	IssuedAt int64    `json:"iat"`
	Expires  int64    `json:"exp"`
	ID       string   `json:"jti"`
	Scopes   []string `json:"scp"`
	Extra    extra    `json:"ext"`
}

// extra carries the token that stamps show.
type extra struct {
	Session string `json:"a2t"`
}

// idClaims are those of an ID token.
type idClaims struct {
	Issuer         string `json:"iss"`
	Subject        string `json:"sub"`
	Audience       string `json:"aud"`
	Nonce          string `json:"nonce"`
	IssuedAt       int64  `json:"iat"`
	Expires        int64  `json:"exp"`
	AuthTime       int64  `json:"auth_time"`
	OrganizationID string `json:"organization_id"`
}

// mint makes fresh tokens of a session, for the key that it names.
func (l *logins) mint(request wire.MintRequest) (wire.Minted, error) {
	now, err := l.now()
	if err != nil {
		return wire.Minted{}, err
	}
	s, err := l.unseal(request.Session, now)
	if err != nil {
		return wire.Minted{}, err
	}
	expires := min(now+uint64(tokenLifetime.Milliseconds()), s.Ends) / 1000
	m := minting{l, s, int64(now / 1000), int64(expires)}
	access, err := m.access()
	if err != nil {
		return wire.Minted{}, err
	}
	identity, err := m.identity()
	if err != nil {
		return wire.Minted{}, err
	}
	l.stats.minted.Add(1)
	return wire.Minted{AccessToken: access, IDToken: identity, Subject: s.Subject, ExpiresAt: expires * 1000, SessionEnds: s.Ends}, nil
}

// minting is a session with the time of its tokens, in Unix seconds.
type minting struct {
	*logins
	session
	issued, expires int64
}

// access makes the access token around the session token.
func (m minting) access() (string, error) {
	inner, err := jose.Sign(m.key, jose.TypeSession, sessionClaims{
		Issuer: m.connect.Origin, Subject: m.Subject, Audience: []string{m.ClientID}, Nonce: m.Nonce,
		IssuedAt: m.issued, Expires: m.expires, AuthTime: m.AuthTime, Origin: m.Origin, SessionID: id.String(m.ID),
	})
	if err != nil {
		return "", err
	}
	return jose.Sign(m.key, jose.TypeAccess, accessClaims{
		Issuer: m.connect.Origin, Subject: m.Subject, ClientID: m.ClientID, Audience: append([]string{m.ClientID}, m.Audience...),
		IssuedAt: m.issued, Expires: m.expires, ID: id.String(id.Random()), Scopes: []string{"openid", "offline_access"}, Extra: extra{inner},
	})
}

func (m minting) identity() (string, error) {
	return jose.Sign(m.key, jose.TypeID, idClaims{
		Issuer: m.connect.Origin, Subject: m.Subject, Audience: m.ClientID, Nonce: m.Nonce, IssuedAt: m.issued, Expires: m.expires,
		AuthTime: m.AuthTime, OrganizationID: id.String(m.Organization),
	})
}
