// Package connect lets people log in to apps: it speaks OAuth 2.0 and OpenID Connect to the apps, serves the pages on which
// people sign in and consent, and keeps what is on its way between them. It holds no key: the certifier makes every token,
// from evidence that it verified itself, and the policy engine decides what a token may do. Whoever runs this package can
// refuse logins, but cannot make one. See docs/spec/connect.md.
package connect

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/redoubt-kms/redoubt/host/connect/shelf"
)

// Options say what Connect works with.
type Options struct {
	Origin    string // scheme, host and port that people and apps know it by: that of the manifest
	API       string // where the contract lives, for the pages; /v1/wallets when empty
	Certifier Certifier
	Shelf     shelf.Shelf
	Providers []Provider // outside providers that people may sign in with
	Mail      *Mail      // how one-time codes are sent; nil for no sign-in by e-mail, unless LogCodes
	LogCodes  bool       // development: one-time codes go to the log
	OpenApps  bool       // development: apps on loopback addresses are registered when they first come
	Log       *slog.Logger

	// OperatorToken lets programs of the operator register apps over HTTP, with redirect URIs; empty for no program.
	OperatorToken string
	// DailyLimit is the most that a person can let an app spend in a day, in US dollars; 0 for no bound. It is what the
	// page offers, not what is enforced: the person's own key writes the policy.
	DailyLimit uint64
	// Address says which network a request comes from, for limits; that of the connection when nil.
	Address func(*http.Request) netip.Prefix
	// Rates multiplies what an address may do in a minute; 1 when 0.
	Rates int
	// Now is the time; the clock's when nil.
	Now func() time.Time
	// Client reaches outside providers; one with a timeout of ten seconds when nil.
	Client *http.Client
}

// Connect is the server.
type Connect struct {
	Options
	secure    bool // Origin is https
	operator  operator
	rates     *rates
	pages     *pages
	providers map[string]*provider

	mu     sync.Mutex
	counts map[shelf.Kind]int // as of the last sweep, and what was added since
	issued issued             // keys that were published of late
}

// New makes a server, or says what is wrong with the options.
func New(o Options) (*Connect, error) {
	origin, err := url.Parse(o.Origin)
	if err != nil || (origin.Scheme != "https" && origin.Scheme != "http") || origin.Host == "" || origin.Scheme+"://"+origin.Host != o.Origin {
		return nil, fmt.Errorf("connect: origin %q: want scheme, host and port, and nothing behind", o.Origin)
	}
	if origin.Scheme == "http" && !isLoopbackHost(origin.Hostname()) {
		return nil, fmt.Errorf("connect: origin %q: only https, or http on this machine", o.Origin)
	}
	if o.Certifier == nil || o.Shelf == nil || o.Log == nil {
		return nil, errors.New("connect: needs a certifier, a shelf and a log")
	}
	if o.Mail != nil {
		if err := o.Mail.Check(); err != nil {
			return nil, fmt.Errorf("connect: %w", err)
		}
	}
	if o.API == "" {
		o.API = "/v1/wallets"
	}
	if o.Address == nil {
		o.Address = peerNetwork
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Client == nil {
		o.Client = &http.Client{Timeout: 10 * time.Second}
	}
	c := &Connect{Options: o, secure: origin.Scheme == "https", rates: newRates(max(o.Rates, 1)), counts: map[shelf.Kind]int{}}
	if c.operator, err = newOperator(o.OperatorToken); err != nil {
		return nil, err
	}
	c.OperatorToken = ""
	if c.pages, err = loadPages(); err != nil {
		return nil, err
	}
	if c.providers, err = c.openProviders(); err != nil {
		return nil, err
	}
	return c, nil
}

// Registry returns where the server's apps are registered.
func (c *Connect) Registry() Registry { return Registry{Shelf: c.Shelf, Now: c.Now} }

// Routes puts the server's routes on a mux.
func (c *Connect) Routes(mux *http.ServeMux) {
	for _, path := range []string{"/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"} {
		c.open(mux, "GET", path, c.discovery)
	}
	c.open(mux, "GET", "/.well-known/jwks.json", c.jwks)
	c.open(mux, "POST", "/oauth2/token", c.token)
	c.open(mux, "POST", "/oauth2/register", c.register)
	c.open(mux, "POST", "/oauth2/device/auth", c.deviceAuth)
	c.pageRoutes(mux)
}

// open serves a route that programs and pages of any origin may use, without cookies.
func (c *Connect) open(mux *http.ServeMux, method, path string, serve func(http.ResponseWriter, *http.Request) error) {
	mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("X-Content-Type-Options", "nosniff")
		if r.Method == http.MethodOptions {
			h.Set("Access-Control-Allow-Methods", method)
			h.Set("Access-Control-Allow-Headers", "authorization, content-type")
			h.Set("Access-Control-Max-Age", "7200")
			w.WriteHeader(http.StatusNoContent)
			return
		}
		if r.Method != method && (method != http.MethodGet || r.Method != http.MethodHead) {
			h.Set("Allow", method+", OPTIONS")
			c.fail(w, r, &fault{status: http.StatusMethodNotAllowed, code: invalidRequest, description: "this address takes " + method})
			return
		}
		if err := serve(w, r); err != nil {
			c.fail(w, r, err)
		}
	})
}

// sweepEvery is how often what has expired is removed.
const sweepEvery = time.Minute

// Run removes what has expired, until the context ends.
func (c *Connect) Run(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		if err := c.sweep(ctx); err != nil && ctx.Err() == nil {
			c.Log.LogAttrs(ctx, slog.LevelWarn, "expired logins could not be removed", slog.String("reason", err.Error()))
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (c *Connect) sweep(ctx context.Context) error {
	if _, err := c.Shelf.Sweep(ctx, c.Now()); err != nil {
		return err
	}
	for _, k := range shelf.Kinds() {
		n, err := c.Shelf.Count(ctx, k)
		if err != nil {
			return err
		}
		c.mu.Lock()
		c.counts[k] = n
		c.mu.Unlock()
	}
	return nil
}

// isLoopbackHost says whether a host name is this machine, without asking anybody.
func isLoopbackHost(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.IsLoopback()
}
