package connect

import (
	"net/url"
	"strings"
	"testing"
)

// Redirect URIs by what may be registered, and tricks with those that are.
func TestCheckRedirect(t *testing.T) {
	for uri, good := range map[string]bool{
		"https://app.example":                                true,
		"https://app.example/":                               true,
		"https://app.example/cb?x=1&y=%20":                   true,
		"https://app.example:8443/cb":                        true,
		"https://xn--bcher-kva.example/":                     true,
		"https://192.0.2.1/cb":                               true,
		"https://[2001:db8::1]:8443/cb":                      true,
		"http://localhost/cb":                                true,
		"http://localhost:3000/cb":                           true,
		"http://127.0.0.1/cb":                                true,
		"http://127.9.9.9:1/cb":                              true,
		"http://[::1]:3000/cb":                               true,
		"myapp://callback":                                   true,
		"com.example.app:/oauth":                             true,
		"phantom-app-1://phantom-auth-callback":              true,
		"":                                                   false,
		"/cb":                                                false,
		"//app.example/cb":                                   false,
		"app.example/cb":                                     false,
		"http://app.example/cb":                              false,
		"http://192.168.1.1/cb":                              false,
		"http://0.0.0.0/cb":                                  false,
		"http://localhost.example/cb":                        false,
		"http://2130706433/cb":                               false,
		"http://127.1/cb":                                    false,
		"http://0x7f.0.0.1/cb":                               false,
		"http://127.0.0.01/cb":                               false,
		"http://[::ffff:127.0.0.1]/cb":                       false,
		"http://[0:0:0:0:0:0:0:1]/cb":                        false,
		"http://localhost:/cb":                               false,
		"http://localhost:080/cb":                            false,
		"http://localhost:80/cb":                             false,
		"https://app.example:443/cb":                         false,
		"https://app.example:99999999/cb":                    false,
		"https://app.example./cb":                            false,
		"https://APP.example/cb":                             false,
		"HTTPS://app.example/cb":                             false,
		"Https://app.example/cb":                             false,
		"https://user@app.example/cb":                        false,
		"https://user:pass@app.example/cb":                   false,
		"https://app.example@evil.example/cb":                false,
		"https://app.example/cb#x":                           false,
		"https://app.example/cb#":                            false,
		"https:app.example/cb":                               false,
		"https:/app.example/cb":                              false,
		"https:///cb":                                        false,
		"https://app.example\\@evil.example/":                false,
		"https://app.example/\ncb":                           false,
		"https://app.example/\tcb":                           false,
		" https://app.example/cb":                            false,
		"https://app.example/cb ":                            false,
		"https://bücher.example/":                            false,
		"https://app.example/%zz":                            false,
		"https://%61pp.example/":                             false,
		"javascript:alert(1)":                                false,
		"javascript://app.example/%0aalert(1)":               false,
		"data:text/html,x":                                   false,
		"file:///etc/passwd":                                 false,
		"blob:https://app.example/1":                         false,
		"vbscript:x":                                         false,
		"about:blank":                                        false,
		"ws://app.example/":                                  false,
		"intent://x#Intent;end":                              false,
		"c:/x":                                               false,
		"mailto:a@b.example":                                 false,
		"https://app.example/<script>":                       false,
		"https://app.example/" + strings.Repeat("a", maxURI): false,
	} {
		if err := checkRedirect(uri); (err == nil) != good {
			t.Errorf("%q: %v", uri, err)
		}
	}
}

func TestRegistered(t *testing.T) {
	known := []string{"https://app.example/cb", "http://127.0.0.1/cb", "http://[::1]:8080/cb?x=1", "http://localhost:3000/cb", "myapp://cb"}
	for uri, good := range map[string]bool{
		"https://app.example/cb":              true,
		"http://127.0.0.1/cb":                 true,
		"http://127.0.0.1:49152/cb":           true,
		"http://[::1]:1/cb?x=1":               true,
		"http://localhost:3000/cb":            true,
		"myapp://cb":                          true,
		"https://app.example/cb/":             false,
		"https://app.example/CB":              false,
		"https://app.example/c":               false,
		"https://app.example/cb/../x":         false,
		"https://app.example/cb?x=1":          false,
		"https://app.example/cb%2f":           false,
		"https://app.example:8443/cb":         false,
		"https://app.example.evil.example/cb": false,
		"https://evil.example/cb":             false,
		"http://app.example/cb":               false,
		"http://127.0.0.1:49152/cb2":          false,
		"http://127.0.0.2:49152/cb":           false,
		"https://127.0.0.1:49152/cb":          false,
		"http://[::1]:1/cb":                   false,
		"http://[::1]:1/cb?x=2":               false,
		"http://localhost:3001/cb":            false,
		"http://localhost/cb":                 false,
		"myapp://cb2":                         false,
		"MYAPP://cb":                          false,
	} {
		if registered(known, uri) != good {
			t.Errorf("%q: %v, want %v", uri, !good, good)
		}
	}
}

func TestOrigins(t *testing.T) {
	for uri, want := range map[string]string{
		"https://app.example/cb": "https://app.example", "http://localhost:3000/cb": "http://localhost:3000", "myapp://cb": "", "x": "",
	} {
		if got := originOf(uri); got != want {
			t.Errorf("%s: %q, want %q", uri, got, want)
		}
	}
	a := App{ClientID: "a", Name: "A", RedirectURIs: []string{"https://app.example/cb"}, Origins: []string{"https://other.example"}}
	if a.allows("https://app.example/cb") == nil {
		t.Error("an origin that is not listed was allowed")
	}
	a.Origins = append(a.Origins, "https://app.example")
	if err := a.allows("https://app.example/cb"); err != nil {
		t.Error(err)
	}
}

// FuzzRedirect checks that what is accepted leads where it says, also after parameters were added.
func FuzzRedirect(f *testing.F) {
	for _, uri := range []string{"https://app.example/cb?x=1", "http://[::1]:1/", "myapp://cb", "https://app.example\\@evil.example/"} {
		f.Add(uri)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		u, err := parseRedirect(uri)
		if err != nil {
			return
		}
		to, err := url.Parse(withQuery(uri, "code", "a b&c", "state", "#?"))
		if err != nil || to.Scheme != u.Scheme || to.Host != u.Host || to.User != nil || to.Path != u.Path || to.Fragment != "" {
			t.Errorf("%q became %v", uri, to)
		}
		if q := to.Query(); !strings.Contains(uri, ";") && !strings.Contains(u.RawQuery, "%") && (q["code"][len(q["code"])-1] != "a b&c" || q["state"][len(q["state"])-1] != "#?") {
			t.Errorf("%q: %v", uri, q)
		}
	})
}
