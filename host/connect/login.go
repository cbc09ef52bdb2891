package connect

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/redoubt-kms/redoubt/host/connect/shelf"
)

// login is a login on its way, of one browser. Its id stands in addresses of pages; it is worth nothing without the
// browser's cookie.
type login struct {
	For     purpose `json:"for"`
	Browser string  `json:"browser"` // hash of the cookie
	Done    bool    `json:"done"`

	ClientID    string `json:"clientId"`
	AppName     string `json:"appName"`
	Vouched     bool   `json:"vouched"` // the operator registered the app: its name is not only what it says
	RedirectURI string `json:"redirectUri"`
	Origin      string `json:"origin"`    // of the app; empty for programs
	Nonce       string `json:"nonce"`     // of the app's session key
	Challenge   string `json:"challenge"` // PKCE, S256
	State       string `json:"state"`
	Hint        string `json:"hint"` // name of a way to sign in that the app prefers

	Device  string     `json:"device,omitempty"` // key of the device code
	Legacy  *legacyKey `json:"legacy,omitempty"`
	Session string     `json:"session,omitempty"` // session_id of the first generation

	Outside outside `json:"outside"`
	Mails   int     `json:"mails"` // one-time codes that were sent
	Tries   int     `json:"tries"` // evidence that was shown
}

// purpose is what a login is for.
type purpose string

const (
	forApp     purpose = "app"     // a request object; ends with an authorization code
	forDevice  purpose = "device"  // ends with a device that is allowed
	forLegacy  purpose = "legacy"  // the first generation; ends with a key that is allowed
	forAccount purpose = "account" // Connect's own page
)

// legacyKey is the key that an app of the first generation made.
type legacyKey struct {
	PublicKey string `json:"publicKey"` // base64url
	Algorithm string `json:"algorithm"` // Ed25519 or Secp256r1
}

const (
	loginLife = 30 * time.Minute
	maxMails  = 3
	maxTries  = 15
)

// cookie is the name of the cookie that binds logins to a browser. __Host- keeps other hosts of the domain from setting it.
func (c *Connect) cookie() string {
	if c.secure {
		return "__Host-redoubt-connect"
	}
	return "redoubt-connect" // on this machine, without TLS, browsers refuse the prefix
}

// browser returns the hash of the request's cookie; empty when there is none.
func (c *Connect) browser(r *http.Request) string {
	k, err := r.Cookie(c.cookie())
	if err != nil || !isHash(k.Value) {
		return ""
	}
	return digest(k.Value)
}

// bind returns the hash of the browser's cookie, and sets one when there is none.
func (c *Connect) bind(w http.ResponseWriter, r *http.Request) string {
	if b := c.browser(r); b != "" {
		return b
	}
	k := &http.Cookie{Name: c.cookie(), Value: random(32), Path: "/", HttpOnly: true, Secure: c.secure, SameSite: http.SameSiteStrictMode}
	if !c.secure {
		k.SameSite = http.SameSiteLaxMode // http://localhost of another port is the same site; Strict would gain nothing there
	}
	http.SetCookie(w, k)
	return digest(k.Value)
}

// begin keeps a login and returns its id.
func (c *Connect) begin(w http.ResponseWriter, r *http.Request, l login) (string, error) {
	l.Browser = c.bind(w, r)
	id := random(16)
	return id, c.add(r.Context(), shelf.Logins, id, l, c.Now().Add(loginLife))
}

// errLogin is what a page gets whose login is not there, is done, or is another browser's.
func errLogin() *fault {
	return &fault{status: http.StatusNotFound, code: invalidRequest, description: "this login has ended or was begun in another browser; go back to where you came from and log in again"}
}

// login returns a login of the request's browser that is not done.
func (c *Connect) login(r *http.Request, id string) (record[login], error) {
	if b, err := unb64(id); err != nil || len(b) != 16 {
		return record[login]{}, errLogin()
	}
	l, err := load[login](r.Context(), c, shelf.Logins, id)
	if errors.Is(err, shelf.ErrNone) {
		return l, errLogin()
	}
	if err != nil {
		return l, err
	}
	if b := c.browser(r); b == "" || !same(b, l.value.Browser) || l.value.Done {
		return l, errLogin()
	}
	return l, nil
}

// change writes a login back after a change, which is made anew when somebody else changed it in between.
func (c *Connect) change(r *http.Request, id string, make func(*login) error) (login, error) {
	for {
		l, err := c.login(r, id)
		if err != nil {
			return login{}, err
		}
		if err := make(&l.value); err != nil {
			return login{}, err
		}
		if err := swap(r.Context(), c, l); !errors.Is(err, shelf.ErrChanged) {
			return l.value, err
		}
	}
}

// finish marks a login as done, once.
func (c *Connect) finish(ctx context.Context, l record[login]) error {
	l.value.Done = true
	err := swap(ctx, c, l)
	if errors.Is(err, shelf.ErrChanged) {
		return errLogin()
	}
	return err
}
