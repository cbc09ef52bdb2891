package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/stamp"
)

// Errors of a login. Others say that the server was not reached, or what it answered.
var (
	ErrLoginDenied  = errors.New("the person did not allow the login")
	ErrLoginExpired = errors.New("nobody decided about the login in time; begin another one")
	ErrLoggedOut    = errors.New("the login has ended; log in again")
)

// grants of OAuth that a program without a browser uses (RFC 6749, RFC 8628).
const (
	grantDevice  = "urn:ietf:params:oauth:grant-type:device_code"
	grantRefresh = "refresh_token"
	loginScope   = "openid offline_access"
	slower       = 5 * time.Second // with each slow_down
)

// PendingLogin is a login that a person has still to allow, on a page of their own browser.
type PendingLogin struct {
	UserCode string    // to be compared with the one on the page
	URL      string    // of the page, with the code
	Expires  time.Time // when it is too late

	key      Key
	saved    savedLogin
	device   string
	interval time.Duration
}

// connectMetadata is what a server says of its logins (RFC 8414).
type connectMetadata struct {
	Token    string `json:"token_endpoint"`
	Register string `json:"registration_endpoint"`
	Device   string `json:"device_authorization_endpoint"`
}

// BeginLogin begins to log a program in: it makes a key, registers the program under a name, unless it brings the client
// identifier of an earlier login, and asks for a code that a person allows. base is that of New.
func BeginLogin(ctx context.Context, base, name, clientID string) (*PendingLogin, error) {
	key, err := GenerateKey(api.Secp256r1)
	if err != nil {
		return nil, err
	}
	l := savedLogin{Base: strings.TrimSuffix(base, "/"), ClientID: clientID}
	meta, err := l.metadata(ctx)
	if err != nil {
		return nil, err
	}
	l.TokenURL = meta.Token
	if clientID == "" {
		if l.ClientID, err = register(ctx, meta.Register, name); err != nil {
			return nil, err
		}
	}
	public, err := key.p256.PublicKey.Bytes()
	if err != nil {
		return nil, err
	}
	form := url.Values{"client_id": {l.ClientID}, "scope": {loginScope}, "nonce": {stamp.Stamp{PublicKey: public}.Nonce()}}
	var asked struct {
		DeviceCode string `json:"device_code"`
		UserCode   string `json:"user_code"`
		Page       string `json:"verification_uri"`
		WholePage  string `json:"verification_uri_complete"`
		ExpiresIn  int    `json:"expires_in"`
		Interval   int    `json:"interval"`
	}
	if err := postForm(ctx, meta.Device, form, &asked); err != nil {
		return nil, err
	}
	if asked.WholePage == "" {
		asked.WholePage = asked.Page
	}
	return &PendingLogin{
		UserCode: asked.UserCode, URL: asked.WholePage, Expires: time.Now().Add(time.Duration(asked.ExpiresIn) * time.Second),
		key: key, saved: l, device: asked.DeviceCode, interval: time.Duration(max(asked.Interval, 1)) * time.Second,
	}, nil
}

func (l *savedLogin) metadata(ctx context.Context) (connectMetadata, error) {
	var meta connectMetadata
	u, err := url.Parse(l.Base)
	if err != nil || u.Host == "" {
		return meta, fmt.Errorf("%q is not the base URL of a server", l.Base)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.Scheme+"://"+u.Host+"/.well-known/openid-configuration", nil)
	if err != nil {
		return meta, err
	}
	if err := exchange(request, &meta); err != nil {
		return meta, fmt.Errorf("the server's logins: %w", err)
	}
	if meta.Token == "" || meta.Device == "" || meta.Register == "" {
		return meta, errors.New("the server does not log programs in")
	}
	return meta, nil
}

func register(ctx context.Context, endpoint, name string) (string, error) {
	body, err := json.Marshal(map[string]any{
		"client_name": name, "redirect_uris": []string{}, "response_types": []string{}, "grant_types": []string{grantDevice, grantRefresh},
		"application_type": "native", "token_endpoint_auth_method": "none", "scope": loginScope,
	})
	if err != nil {
		return "", err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(string(body)))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/json")
	var made struct {
		ClientID string `json:"client_id"`
	}
	if err := exchange(request, &made); err != nil {
		return "", fmt.Errorf("register the program: %w", err)
	}
	return made.ClientID, nil
}

// Wait asks until the person has decided, as often as the server wants to be asked.
func (p *PendingLogin) Wait(ctx context.Context) (*Login, error) {
	for time.Now().Before(p.Expires) {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(p.interval):
		}
		l := p.saved
		err := l.token(ctx, url.Values{"grant_type": {grantDevice}, "device_code": {p.device}, "client_id": {l.ClientID}})
		var refused *OAuthError
		switch {
		case err == nil:
			return &Login{key: p.key, saved: l}, nil
		case !errors.As(err, &refused):
			return nil, err
		}
		switch refused.Code {
		case "authorization_pending":
		case "slow_down":
			p.interval += slower
		case "access_denied":
			return nil, ErrLoginDenied
		case "expired_token":
			return nil, ErrLoginExpired
		default:
			return nil, err
		}
	}
	return nil, ErrLoginExpired
}

// OAuthError is a refusal in the form of OAuth (RFC 6749 section 5.2).
type OAuthError struct {
	Code        string `json:"error"`
	Description string `json:"error_description"`
}

// Error says what was refused and why.
func (e *OAuthError) Error() string {
	if e.Description == "" {
		return e.Code
	}
	return e.Code + ": " + e.Description
}

func postForm(ctx context.Context, endpoint string, form url.Values, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return exchange(request, into)
}

// exchange sends a request and reads the JSON that answers it.
func exchange(request *http.Request, into any) error {
	response, err := (&http.Client{Timeout: defaultTimeout}).Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return err
	}
	if response.StatusCode/100 != 2 {
		refused := &OAuthError{}
		if json.Unmarshal(body, refused) != nil || refused.Code == "" {
			return fmt.Errorf("the server answers with status %d", response.StatusCode)
		}
		return refused
	}
	return json.Unmarshal(body, into)
}
