package client

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/redoubt-kms/redoubt/stamp"
)

// Login is a session that a person allowed: a key of this program, and tokens that vouch for it until the session ends. It
// stamps, refreshes its tokens when they are about to expire, and never prints. It is safe for concurrent use.
type Login struct {
	// Refreshed, when set, is called with every new state, to be saved: an older one may not be good for another refresh.
	Refreshed func(saved []byte) error

	mu    sync.Mutex
	key   Key
	saved savedLogin
}

// savedLogin is how a login is saved.
type savedLogin struct {
	Base         string `json:"base"`
	TokenURL     string `json:"tokenUrl"`
	ClientID     string `json:"clientId"`
	Organization string `json:"organizationId"`
	Key          string `json:"key"` // PKCS#8 in PEM
	SessionToken string `json:"sessionToken"`
	Refresh      string `json:"refreshToken"`
	ExpiresMs    int64  `json:"expiresAtMs"` // of the session token
}

// early is how long before its expiry a token is replaced.
const early = 5 * time.Minute

// ParseLogin reads what Save wrote.
func ParseLogin(saved []byte) (*Login, error) {
	l := &Login{}
	if err := json.Unmarshal(saved, &l.saved); err != nil {
		return nil, errors.New("not a saved login")
	}
	var err error
	l.key, err = ParseKey([]byte(l.saved.Key))
	l.saved.Key = ""
	return l, err
}

// Save writes the login, with its secrets, for ParseLogin.
func (l *Login) Save() ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.save()
}

func (l *Login) save() ([]byte, error) {
	pem, err := l.key.MarshalPEM()
	if err != nil {
		return nil, err
	}
	whole := l.saved
	whole.Key = string(pem)
	return json.Marshal(whole)
}

// Organization is the identifier of the person's organization, in which the program acts.
func (l *Login) Organization() string { return l.saved.Organization }

// ClientID is the identifier of the program, for later logins and as the tag of its wallet.
func (l *Login) ClientID() string { return l.saved.ClientID }

// Stamp implements Stamper.
func (l *Login) Stamp(body []byte) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if time.Now().Add(early).UnixMilli() >= l.saved.ExpiresMs {
		if err := l.refresh(context.Background()); err != nil && time.Now().UnixMilli() >= l.saved.ExpiresMs {
			return "", err // while the old token holds, it serves
		}
	}
	return stamp.SignOIDC(l.key.p256, l.saved.SessionToken, "", body)
}

// Renew has new tokens made now. A Client does so when the server does not take the old one.
func (l *Login) Renew(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.refresh(ctx)
}

func (l *Login) refresh(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, defaultTimeout)
	defer cancel()
	err := l.saved.token(ctx, url.Values{"grant_type": {grantRefresh}, "refresh_token": {l.saved.Refresh}, "client_id": {l.saved.ClientID}})
	var refused *OAuthError
	if errors.As(err, &refused) && refused.Code == "invalid_grant" {
		return fmt.Errorf("%w (%s)", ErrLoggedOut, refused.Description)
	}
	if err != nil || l.Refreshed == nil {
		return err
	}
	saved, err := l.save()
	if err != nil {
		return err
	}
	return l.Refreshed(saved)
}

// token has tokens made and takes over what they say.
func (l *savedLogin) token(ctx context.Context, form url.Values) error {
	var made struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
		ID      string `json:"id_token"`
	}
	if err := postForm(ctx, l.TokenURL, form, &made); err != nil {
		return err
	}
	var access struct {
		Ext struct {
			Session string `json:"a2t"`
		} `json:"ext"`
	}
	var session struct {
		Expires int64 `json:"exp"`
	}
	var id struct {
		Organization string `json:"organization_id"`
	}
	if err := errors.Join(readToken(made.Access, &access), readToken(access.Ext.Session, &session)); err != nil {
		return err
	}
	if made.ID != "" {
		if err := readToken(made.ID, &id); err != nil {
			return err
		}
	}
	if id.Organization != "" {
		l.Organization = id.Organization
	}
	l.SessionToken, l.Refresh, l.ExpiresMs = access.Ext.Session, made.Refresh, session.Expires*1000
	return nil
}

// readToken reads the claims of a token. Nothing rests on them: the server verifies what it made.
func readToken(text string, into any) error {
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return errors.New("the server's answer holds no token")
	}
	b, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return err
	}
	return json.Unmarshal(b, into)
}

// String says what it is, without the secrets.
func (*Login) String() string { return "REDACTED" }

// GoString says what it is, without the secrets.
func (*Login) GoString() string { return "REDACTED" }
