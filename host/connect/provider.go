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

const (
	metadataFor = time.Hour
	maxMetadata = 256 << 10
)

func (c *Connect) openProviders() (map[string]*provider, error) {
	all := map[string]*provider{}
	for _, p := range c.Providers {
		if err := p.Check(c.Origin); err != nil {
			return nil, fmt.Errorf("connect: %w", err)
		}
		if all[p.Name] != nil {
			return nil, fmt.Errorf("connect: provider %q is named twice", p.Name)
		}
		all[p.Name] = &provider{Provider: p}
	}
	return all, nil
}

// Check says why a server at an origin would not start with the provider.
func (p Provider) Check(origin string) error {
	switch {
	case checkClientID(p.Name) != nil:
		return fmt.Errorf("provider %q: want a name of 1 to %d letters, digits and -._~, and not %s: it stands in addresses", p.Name, maxClientID, OwnClient)
	case p.Title == "" || p.ClientID == "":
		return fmt.Errorf("provider %q needs a title and a client id", p.Name)
	}
	return reachable(p.Issuer, strings.HasPrefix(origin, "https://"))
}

// reachable says whether an address of a provider may be used: https, and this machine in development only, where our own
// origin is without TLS.
func reachable(address string, secure bool) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil {
		return fmt.Errorf("%q: want an https URL of a provider", address)
	}
	switch here := isLoopbackHost(u.Hostname()); {
	case here && secure:
		return fmt.Errorf("%q: providers on this machine are for development", address)
	case u.Scheme != "https" && (u.Scheme != "http" || !here):
		return fmt.Errorf("%q: providers are reached over https", address)
	}
	return nil
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
	if err := errors.Join(reachable(m.Start, c.secure), reachable(m.Token, c.secure)); err != nil {
		return metadata{}, err
	}
	p.found, p.foundAt = m, c.Now()
	return m, nil
}

func (c *Connect) config(p *provider, m metadata) *oauth2.Config {
	style := oauth2.AuthStyleAutoDetect
	if p.ClientSecret == "" {
		style = oauth2.AuthStyleInParams // a public client; trying Basic first could spend the code
	}
	return &oauth2.Config{
		ClientID: p.ClientID, ClientSecret: p.ClientSecret, RedirectURL: c.Origin + "/login/callback", Scopes: []string{"openid"},
		Endpoint: oauth2.Endpoint{AuthURL: m.Start, TokenURL: m.Token, AuthStyle: style},
	}
}
