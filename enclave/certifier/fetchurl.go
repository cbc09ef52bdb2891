package certifier

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/redoubt-kms/redoubt/proof"
)

// maxURL bounds URLs that keys are fetched from, in bytes.
const maxURL = 512

// errURL says that keys are not fetched from a URL.
var errURL = errors.New("keys are not fetched from this URL")

// target is where a GET goes.
type target struct {
	host    string // without port, as certificates name it
	address string // host:port
	request string // path and query
	header  string // Host
}

// readURL takes https URLs of public hosts by name, on the usual port, without user and fragment. What else the manifest
// allows is of this machine.
func readURL(text string, connect *proof.Connect) (target, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || !printable(text, 1, maxURL):
		return target{}, fmt.Errorf("%w: it cannot be read, or is longer than %d bytes", errURL, maxURL)
	case u.Scheme != "https" || u.Opaque != "" || u.Hostname() == "":
		return target{}, fmt.Errorf("%w: want https", errURL)
	case u.User != nil || strings.Contains(text, "#"):
		return target{}, fmt.Errorf("%w: it has a user or a fragment", errURL)
	}
	port := u.Port()
	if port == "" {
		port = "443"
	}
	t := target{host: u.Hostname(), address: net.JoinHostPort(u.Hostname(), port), request: u.RequestURI(), header: u.Host}
	if connect.Allows(t.address) {
		return t, nil
	}
	if _, err := netip.ParseAddr(t.host); err == nil || strings.ContainsAny(u.Host, "[]%") {
		return target{}, fmt.Errorf("%w: the host is an address, not a name", errURL)
	}
	if port != "443" || strings.HasSuffix(u.Host, ":") {
		return target{}, fmt.Errorf("%w: another port than 443", errURL)
	}
	if !isHostName(t.host) {
		return target{}, fmt.Errorf("%w: the host is no public name", errURL)
	}
	return t, nil
}

// isHostName says whether a name has several labels of letters, digits and hyphens, the last of which is no number: some
// resolvers take those for addresses.
func isHostName(s string) bool {
	labels := strings.Split(s, ".")
	for _, label := range labels {
		if label == "" || len(label) > 63 || strings.Trim(label, "-") != label {
			return false
		}
		for _, c := range []byte(label) {
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
				return false
			}
		}
	}
	last := labels[len(labels)-1]
	return len(labels) > 1 && len(s) <= 253 && last[0] >= 'a'
}

// discoveryURL is where an issuer says where its keys are (OpenID Connect Discovery 1.0, section 4).
func discoveryURL(issuer string) (string, error) {
	if strings.ContainsAny(issuer, "?#") {
		return "", fmt.Errorf("%w: an issuer has no query and no fragment", errURL)
	}
	return strings.TrimSuffix(issuer, "/") + "/.well-known/openid-configuration", nil
}

// readDiscovery returns where the keys of an issuer are. The document must name the issuer exactly as it was asked for.
func readDiscovery(document []byte, issuer string) (string, error) {
	var d struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	if err := json.Unmarshal(document, &d); err != nil {
		return "", errors.New("the discovery document is not JSON, or names something twice")
	}
	if d.Issuer != issuer {
		return "", errors.New("the discovery document is that of another issuer")
	}
	if d.Keys == "" {
		return "", errors.New("the discovery document names no jwks_uri")
	}
	return d.Keys, nil
}
