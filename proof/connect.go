package proof

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Connect is where people log in, and whose evidence counts. Without an origin nobody logs in.
type Connect struct {
	_         struct{}   `cbor:",toarray"`
	Origin    string     // scheme, host and port of its pages: the issuer of logins, and the place of passkeys
	Providers []Provider // outside OpenID providers whose ID tokens are evidence
	Roots     [][]byte   // X.509 certificates (DER) that the certifier trusts besides Mozilla's; development only
	Loopback  []string   // host:port of this machine that keys may be fetched from; development only
}

// Provider is an outside OpenID provider.
type Provider struct {
	_        struct{} `cbor:",toarray"`
	Name     string   // as people read it on the button
	Issuer   string   // URL, compared byte by byte with the claim iss
	ClientID string   // of Connect at the provider; must be in the claim aud
}

// The bounds of Connect.
const (
	maxProviders   = 16
	maxRoots       = 8
	maxRootSize    = 16 << 10
	maxLoopback    = 16
	maxConnectText = 256 // bytes of a name, a URL or an address
)

// isZero says whether nothing is set.
func (c *Connect) isZero() bool {
	return c.Origin == "" && len(c.Providers) == 0 && len(c.Roots) == 0 && len(c.Loopback) == 0
}

// RPID returns the relying party of passkeys (WebAuthn Level 3, section 5.1.2): the host name of the origin.
func (c *Connect) RPID() string {
	u, err := url.Parse(c.Origin)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// ProviderOf returns the provider with an issuer.
func (c *Connect) ProviderOf(issuer string) (Provider, bool) {
	for _, p := range c.Providers {
		if p.Issuer == issuer {
			return p, true
		}
	}
	return Provider{}, false
}

// Allows says whether keys may be fetched from an address of this machine.
func (c *Connect) Allows(address string) bool { return slices.Contains(c.Loopback, address) }

// check returns ErrManifest with the reason for which a manifest of a mode cannot have it.
func (c *Connect) check(mode string) error {
	switch {
	case c.isZero():
		return nil
	case mode == ModeProduction && len(c.Roots)+len(c.Loopback) > 0:
		return fmt.Errorf("%w: roots and loopback addresses of Connect are for mode %s", ErrManifest, ModeDevelopment)
	case len(c.Providers) > maxProviders || len(c.Roots) > maxRoots || len(c.Loopback) > maxLoopback:
		return fmt.Errorf("%w: Connect has more than %d providers, %d roots or %d loopback addresses", ErrManifest, maxProviders, maxRoots, maxLoopback)
	}
	if err := checkOrigin(c.Origin, mode); err != nil {
		return err
	}
	for i, p := range c.Providers {
		if err := p.check(); err != nil {
			return err
		}
		if slices.ContainsFunc(c.Providers[:i], func(o Provider) bool { return o.Issuer == p.Issuer || o.Name == p.Name }) {
			return fmt.Errorf("%w: provider %q of Connect is named twice", ErrManifest, p.Name)
		}
	}
	for _, root := range c.Roots {
		if len(root) == 0 || len(root) > maxRootSize {
			return fmt.Errorf("%w: a root of Connect has %d bytes", ErrManifest, len(root))
		}
	}
	for _, address := range c.Loopback {
		if host, port, ok := strings.Cut(address, ":"); !ok || host == "" || !isPort(port) || len(address) > maxConnectText {
			return fmt.Errorf("%w: loopback address %q of Connect: want HOST:PORT", ErrManifest, address)
		}
	}
	return nil
}

// checkOrigin wants an origin as browsers write it (RFC 6454, section 6.2): over TLS, or in development of localhost.
func checkOrigin(origin, mode string) error {
	u, err := url.Parse(origin)
	if err != nil || len(origin) > maxConnectText || u.Host == "" || u.Scheme+"://"+u.Host != origin || u.Hostname() == "" || origin != strings.ToLower(origin) {
		return fmt.Errorf("%w: origin %q of Connect: want https://HOST or https://HOST:PORT", ErrManifest, origin)
	}
	port := u.Port()
	local := mode == ModeDevelopment && u.Scheme == "http" && u.Hostname() == "localhost"
	switch {
	case u.Scheme != "https" && !local:
		return fmt.Errorf("%w: origin %q of Connect: want https; http is for localhost in mode %s", ErrManifest, origin, ModeDevelopment)
	case strings.HasSuffix(u.Host, ":") || port != "" && !isPort(port) || u.Scheme == "https" && port == "443" || u.Scheme == "http" && port == "80":
		return fmt.Errorf("%w: origin %q of Connect: leave out the port of the scheme", ErrManifest, origin)
	}
	return nil
}

func (p Provider) check() error {
	u, err := url.Parse(p.Issuer)
	switch {
	case p.Name == "" || len(p.Name) > maxConnectText || p.ClientID == "" || len(p.ClientID) > maxConnectText:
		return fmt.Errorf("%w: a provider of Connect needs a name and a client", ErrManifest)
	case err != nil || len(p.Issuer) > maxConnectText || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return fmt.Errorf("%w: issuer %q of Connect: want an https URL without query and fragment", ErrManifest, p.Issuer)
	}
	return nil
}

// isPort says whether a text is a port in its one spelling.
func isPort(s string) bool {
	if len(s) == 0 || len(s) > 5 || s[0] == '0' {
		return false
	}
	n := 0
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return false
		}
		n = n*10 + int(c-'0')
	}
	return n < 1<<16
}
