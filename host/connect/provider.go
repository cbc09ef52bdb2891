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

// reachable says whether an address of a provider may be used: https, and this machine in development only.
func (c *Connect) reachable(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil {
		return fmt.Errorf("connect: %q: want an https URL of a provider", address)
	}
	switch here := isLoopbackHost(u.Hostname()); {
	case here && c.secure:
		return fmt.Errorf("connect: %q: providers on this machine are for development", address)
	case u.Scheme != "https" && (u.Scheme != "http" || !here):
		return fmt.Errorf("connect: %q: providers are reached over https", address)
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
	if err := errors.Join(c.reachable(m.Start), c.reachable(m.Token)); err != nil {
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
