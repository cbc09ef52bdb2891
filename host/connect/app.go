package connect

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/redoubt-kms/redoubt/host/connect/shelf"
)

// App is an app that people log in to.
type App struct {
	ClientID     string   `json:"clientId"`
	Name         string   `json:"name"`
	RedirectURIs []string `json:"redirectUris"`
	Origins      []string `json:"origins"` // web origins it may be used from; any that its redirect URIs have when empty
	Source       Source   `json:"source"`
	CreatedAtMs  int64    `json:"createdAtMs"`
}

// Source says how an app came to be registered. People are told when nobody vouches for its name.
type Source string

// The sources of apps.
const (
	ByOperator Source = "operator" // by whoever runs the system
	ByItself   Source = "dynamic"  // by RFC 7591
	ByUse      Source = "use"      // in development, when it first came
)

// OwnClient is the client id of Connect's own pages. No app has it.
const OwnClient = "connect"

// Bounds of an app.
const (
	maxClientID = 128
	maxName     = 64
	maxURIs     = 20
)

// unusedApp is how long an app is kept that registered itself and that nobody ever logged in to.
const unusedApp = 30 * 24 * time.Hour

// Check says what is wrong with an app.
func (a App) Check() error {
	if err := checkClientID(a.ClientID); err != nil {
		return err
	}
	if err := checkName(a.Name); err != nil {
		return err
	}
	if len(a.RedirectURIs) > maxURIs || len(a.Origins) > maxURIs {
		return fmt.Errorf("more than %d redirect URIs or origins", maxURIs)
	}
	for _, uri := range a.RedirectURIs {
		if err := checkRedirect(uri); err != nil {
			return fmt.Errorf("%q: %w", uri, err)
		}
	}
	for _, origin := range a.Origins {
		if originOf(origin) != origin {
			return fmt.Errorf("%q: an origin is scheme, host and port, and nothing behind", origin)
		}
	}
	return nil
}

func checkClientID(id string) error {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~"
	if id == "" || len(id) > maxClientID || strings.ContainsFunc(id, func(r rune) bool { return !strings.ContainsRune(letters, r) }) {
		return fmt.Errorf("a client id has 1 to %d letters, digits and -._~", maxClientID)
	}
	if strings.EqualFold(id, OwnClient) {
		return fmt.Errorf("the client id %q is reserved", OwnClient)
	}
	return nil
}

// checkName refuses names that people cannot read as what they are.
func checkName(name string) error {
	if name == "" || !utf8.ValidString(name) || utf8.RuneCountInString(name) > maxName || strings.TrimSpace(name) != name ||
		strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return fmt.Errorf("a name has 1 to %d printed characters", maxName)
	}
	return nil
}

// errNoApp is what an unknown client id gets.
func errNoApp() *fault {
	return &fault{status: http.StatusUnauthorized, code: invalidClient, description: "no app is registered under this client id"}
}

// app returns a registered app.
func (c *Connect) app(ctx context.Context, clientID string) (App, error) {
	if checkClientID(clientID) != nil {
		return App{}, errNoApp()
	}
	known, err := load[App](ctx, c, shelf.Apps, clientID)
	if errors.Is(err, shelf.ErrNone) {
		return App{}, errNoApp()
	}
	return known.value, err
}

// keep lets an app that registered itself stay, since somebody uses it.
func (c *Connect) keep(ctx context.Context, clientID string) error {
	known, err := load[App](ctx, c, shelf.Apps, clientID)
	if err != nil || known.row.Expires.IsZero() {
		return err
	}
	known.row.Expires = time.Time{}
	if err := swap(ctx, c, known); !errors.Is(err, shelf.ErrChanged) {
		return err
	}
	return nil // whoever was faster kept it, too
}

// visitor returns the app that asks for a login with a redirect URI that it registered. Nothing is ever sent to another one.
func (c *Connect) visitor(ctx context.Context, clientID, redirectURI string) (App, error) {
	if err := checkRedirect(redirectURI); err != nil {
		return App{}, refuse(invalidRequest, err.Error())
	}
	if err := checkClientID(clientID); err != nil {
		return App{}, refuse(invalidRequest, err.Error())
	}
	a, err := c.app(ctx, clientID)
	var none *fault
	if errors.As(err, &none) {
		a, err = App{}, nil
	}
	if err != nil {
		return App{}, err
	}
	if registered(a.RedirectURIs, redirectURI) {
		return a, a.allows(redirectURI)
	}
	if !c.OpenApps || !isLoopback(redirectURI) || a.Source != "" && a.Source != ByUse || len(a.RedirectURIs) >= maxURIs {
		return App{}, refuse(invalidRequest, "the app did not register the address to which it wants the answer; whoever runs the app must register it")
	}
	if a.Source == "" {
		a = App{ClientID: clientID, Name: clientID[:min(len(clientID), maxName)], Source: ByUse}
	}
	a.RedirectURIs = append(slices.Clone(a.RedirectURIs), redirectURI)
	return a, c.Registry().Register(ctx, a)
}

// allows says whether an app may be used from the origin of a redirect URI.
func (a App) allows(redirectURI string) error {
	if origin := originOf(redirectURI); origin != "" && len(a.Origins) > 0 && !slices.Contains(a.Origins, origin) {
		return refuse(invalidRequest, "the app may not be used from "+origin)
	}
	return nil
}

// leads says whether a page from which a browser came is one of the app's: of the origin of the redirect URI, or of one that was
// registered. Redirect URIs of an app's own scheme have no origin, and such an app no pages.
func (a App) leads(from, redirectURI string) bool {
	own := originOf(redirectURI)
	if own == "" {
		return true
	}
	u, err := url.Parse(from)
	if err != nil || u.Host == "" {
		return false
	}
	origin := u.Scheme + "://" + u.Host
	return origin == own || slices.Contains(a.Origins, origin)
}
