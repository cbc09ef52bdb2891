package connect

import (
	"errors"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// maxURI bounds a redirect URI, in bytes.
const maxURI = 2048

// errRedirect says what a redirect URI must be like.
var errRedirect = errors.New("a redirect URI is an absolute https address, an http address of the same machine, or one of an app's own scheme, without user and fragment")

// checkRedirect says whether a text may be registered as a redirect URI.
func checkRedirect(uri string) error {
	_, err := parseRedirect(uri)
	return err
}

// parseRedirect reads a redirect URI strictly: what a browser would read otherwise than we do is none.
func parseRedirect(uri string) (*url.URL, error) {
	if uri == "" || len(uri) > maxURI || strings.ContainsAny(uri, "#\\\"<>`{}|^ ") {
		return nil, errRedirect
	}
	for _, r := range uri {
		if r <= 0x20 || r >= 0x7f {
			return nil, errRedirect
		}
	}
	u, err := url.Parse(uri)
	if err != nil || u.Scheme == "" || u.User != nil || u.Opaque != "" || strings.Contains(u.Host, "@") {
		return nil, errRedirect
	}
	if u.Scheme != uri[:len(u.Scheme)] { // it was not in lower case
		return nil, errRedirect
	}
	switch u.Scheme {
	case "https":
		if !plainHost(u) {
			return nil, errRedirect
		}
	case "http":
		if !plainHost(u) || !isLoopbackHost(u.Hostname()) {
			return nil, errRedirect
		}
	default:
		if !ownScheme(u.Scheme) {
			return nil, errRedirect
		}
	}
	return u, nil
}

// plainHost says whether an address has a host that is written in the one way in which browsers write it.
func plainHost(u *url.URL) bool {
	host, port := u.Hostname(), u.Port()
	if host == "" || strings.ToLower(host) != host || strings.HasSuffix(u.Host, ":") || strings.ContainsAny(host, "%_") || strings.HasSuffix(host, ".") {
		return false
	}
	if port != "" && (len(port) > 5 || port[0] == '0' || u.Scheme == "https" && port == "443" || u.Scheme == "http" && port == "80") {
		return false
	}
	if strings.Contains(host, ":") {
		address, err := netip.ParseAddr(host)
		return err == nil && address.String() == host && !address.Is4In6()
	}
	last := host[strings.LastIndexByte(host, '.')+1:]
	if last != "" && last[0] >= '0' && last[0] <= '9' { // browsers read 0x7f.1 and 2130706433 as addresses
		address, err := netip.ParseAddr(host)
		return err == nil && address.String() == host
	}
	return true
}

// ownScheme says whether a scheme may be an app's own (RFC 8252, 7.1): none that a browser or a system gives a meaning.
func ownScheme(scheme string) bool {
	switch scheme {
	case "javascript", "data", "vbscript", "file", "filesystem", "blob", "about", "view-source", "ws", "wss", "ftp", "ftps", "mailto", "tel",
		"sms", "intent", "content", "chrome", "resource", "jar", "ldap", "gopher", "telnet", "ssh", "cid", "mid", "urn", "tag", "android-app":
		return false
	}
	return len(scheme) >= 2
}

// isLoopback says whether a redirect URI leads to the machine on which the browser runs.
func isLoopback(uri string) bool {
	u, err := parseRedirect(uri)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && isLoopbackHost(u.Hostname())
}

// registered says whether a redirect URI is one of those that an app registered: the very text, but for the port of an
// http address of the loopback interface, which native apps choose when they run (RFC 8252, 7.3).
func registered(uris []string, uri string) bool {
	u, err := parseRedirect(uri)
	if err != nil {
		return false
	}
	if slices.Contains(uris, uri) {
		return true
	}
	portless, native := withoutPort(u)
	if !native {
		return false
	}
	return slices.ContainsFunc(uris, func(known string) bool {
		k, err := parseRedirect(known)
		if err != nil {
			return false
		}
		text, ok := withoutPort(k)
		return ok && text == portless
	})
}

// withoutPort writes an http address of a loopback IP address without its port. The name localhost is not one: what it
// resolves to is not certain.
func withoutPort(u *url.URL) (string, bool) {
	address, err := netip.ParseAddr(u.Hostname())
	if u.Scheme != "http" || err != nil || !address.IsLoopback() {
		return "", false
	}
	rest := *u
	rest.Host = address.String()
	return rest.String(), true
}

// originOf returns the web origin of a redirect URI; empty for an app's own scheme, which has none.
func originOf(uri string) string {
	u, err := parseRedirect(uri)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// withQuery adds parameters to an address and leaves what is there as it is.
func withQuery(uri string, names ...string) string {
	separator := "?"
	if strings.Contains(uri, "?") {
		separator = "&"
	}
	var b strings.Builder
	b.WriteString(uri)
	for i := 0; i+1 < len(names); i += 2 {
		b.WriteString(separator + url.QueryEscape(names[i]) + "=" + url.QueryEscape(names[i+1]))
		separator = "&"
	}
	return b.String()
}
