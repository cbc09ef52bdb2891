package connect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"golang.org/x/oauth2"

	"github.com/redoubt-kms/redoubt/internal/wire"
)

// Provider is an outside OpenID provider that people may sign in with. The certifier verifies its tokens itself; the host
// only carries them, and the secret, if the provider wants one, protects nothing but the provider.
type Provider struct {
	Name         string // short, in addresses: google
	Title        string // for people: Google
	Issuer       string
	ClientID     string
	ClientSecret string // empty for none
}

// provider is a Provider with what its discovery document says.
type provider struct {
	Provider

	mu      sync.Mutex
	found   metadata
	foundAt time.Time
}

// metadata is what we read of a discovery document.
type metadata struct {
	Issuer string `json:"issuer"`
	Start  string `json:"authorization_endpoint"`
	Token  string `json:"token_endpoint"`
}

// outside is a login's way over an outside provider.
type outside struct {
	Name     string `json:"name"`
	State    string `json:"state"`    // hash
	Verifier string `json:"verifier"` // PKCE
}

const (
	metadataFor = time.Hour
	maxMetadata = 256 << 10
)

func (c *Connect) openProviders() (map[string]*provider, error) {
	all := map[string]*provider{}
	for _, p := range c.Providers {
		if checkClientID(p.Name) != nil || p.Title == "" || p.Issuer == "" || p.ClientID == "" || all[p.Name] != nil {
			return nil, fmt.Errorf("connect: provider %q needs a name of its own, a title, an issuer and a client id", p.Name)
		}
		if err := c.reachable(p.Issuer); err != nil {
			return nil, err
		}
		all[p.Name] = &provider{Provider: p}
	}
	return all, nil
}

// reachable says whether an address of a provider may be used: https, or this machine in development.
func (c *Connect) reachable(address string) error {
	u, err := url.Parse(address)
	if err == nil && u.Host != "" && u.User == nil && (u.Scheme == "https" || u.Scheme == "http" && isLoopbackHost(u.Hostname()) && !c.secure) {
		return nil
	}
	return fmt.Errorf("connect: %q: providers are reached over https", address)
}

// metadata returns what the provider says about itself (OpenID Connect Discovery 1.0, 4).
func (c *Connect) metadataOf(ctx context.Context, p *provider) (metadata, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.foundAt.IsZero() && c.Now().Sub(p.foundAt) < metadataFor {
		return p.found, nil
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(p.Issuer, "/")+"/.well-known/openid-configuration", http.NoBody)
	if err != nil {
		return metadata{}, err
	}
	answer, err := c.Client.Do(request)
	if err != nil {
		return metadata{}, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxMetadata))
	if err != nil {
		return metadata{}, err
	}
	var m metadata
	if answer.StatusCode != http.StatusOK || json.Unmarshal(body, &m) != nil || m.Issuer != p.Issuer {
		return metadata{}, fmt.Errorf("provider %s: status %d, or no discovery document of this issuer", p.Name, answer.StatusCode)
	}
	if err := errors.Join(c.reachable(m.Start), c.reachable(m.Token)); err != nil {
		return metadata{}, err
	}
	p.found, p.foundAt = m, c.Now()
	return m, nil
}

func (c *Connect) config(p *provider, m metadata) *oauth2.Config {
	return &oauth2.Config{
		ClientID: p.ClientID, ClientSecret: p.ClientSecret, RedirectURL: c.Origin + "/login/callback", Scopes: []string{"openid"},
		Endpoint: oauth2.Endpoint{AuthURL: m.Start, TokenURL: m.Token},
	}
}

// signInOutside serves POST /login/provider: where the page sends the person. The nonce that the provider puts into its
// token is that of the page's session key, so that nobody else can use the token.
func (c *Connect) signInOutside(w http.ResponseWriter, r *http.Request) error {
	if err := c.may(r, actSignIn); err != nil {
		return err
	}
	var asked struct {
		Login string `json:"login"`
		Name  string `json:"name"`
		Nonce string `json:"nonce"`
	}
	if err := readJSON(w, r, &asked, false); err != nil {
		return err
	}
	p := c.providers[asked.Name]
	if p == nil || !isHash(asked.Nonce) {
		return refuse(invalidRequest, "there is no such way to sign in")
	}
	if _, err := c.login(r, asked.Login); err != nil {
		return err
	}
	m, err := c.metadataOf(r.Context(), p)
	if err != nil {
		return &unreached{err}
	}
	state, verifier := asked.Login+"."+random(24), oauth2.GenerateVerifier()
	_, err = c.change(r, asked.Login, func(l *login) error {
		l.Outside = outside{Name: p.Name, State: digest(state), Verifier: verifier}
		return nil
	})
	if err != nil {
		return err
	}
	address := c.config(p, m).AuthCodeURL(state, oauth2.S256ChallengeOption(verifier), oauth2.SetAuthURLParam("nonce", asked.Nonce))
	writeJSON(w, http.StatusOK, located{Location: address})
	return nil
}

// returned serves POST /login/callback: what the provider sent back with the person. The page posts it, because the cookie
// does not come along from another site.
func (c *Connect) returned(w http.ResponseWriter, r *http.Request) error {
	if err := c.may(r, actSignIn); err != nil {
		return err
	}
	var came struct {
		State  string `json:"state"`
		Code   string `json:"code"`
		Error  string `json:"error"`
		Issuer string `json:"iss"` // RFC 9207; may be empty
	}
	if err := readJSON(w, r, &came, false); err != nil {
		return err
	}
	id := came.State[:min(len(came.State), 22)]
	var way outside
	l, err := c.change(r, id, func(l *login) error {
		if l.Outside.State == "" || !same(digest(came.State), l.Outside.State) {
			return errLogin()
		}
		if l.Tries >= maxTries {
			return tooMany("too many attempts; go back to the app and log in again")
		}
		way, l.Outside = l.Outside, outside{} // once
		l.Tries++
		return nil
	})
	if err != nil {
		return err
	}
	p := c.providers[way.Name]
	if p == nil || came.Issuer != "" && came.Issuer != p.Issuer {
		return errLogin()
	}
	if came.Code == "" {
		return refuse(accessDenied, p.Title+" did not let you in; choose another way to sign in, or try again")
	}
	token, err := c.exchange(r.Context(), p, came.Code, way.Verifier)
	if err != nil {
		return err
	}
	in, err := c.Certifier.SignIn(r.Context(), wire.SignIn{IDToken: token})
	if err != nil {
		return refused(err, accessDenied)
	}
	c.signedIn(w, id, l, in)
	return nil
}

// exchange turns the provider's code into its ID token.
func (c *Connect) exchange(ctx context.Context, p *provider, code, verifier string) (string, error) {
	m, err := c.metadataOf(ctx, p)
	if err != nil {
		return "", &unreached{err}
	}
	given, err := c.config(p, m).Exchange(context.WithValue(ctx, oauth2.HTTPClient, c.Client), code, oauth2.VerifierOption(verifier))
	var said *oauth2.RetrieveError
	if errors.As(err, &said) {
		return "", refuse(accessDenied, p.Title+" did not confirm the sign-in; try again")
	}
	if err != nil {
		return "", &unreached{err}
	}
	token, _ := given.Extra("id_token").(string)
	if token == "" {
		return "", refuse(accessDenied, p.Title+" sent no ID token")
	}
	return token, nil
}
