package connect

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
)

//go:embed templates assets
var files embed.FS

// pages are the templates, and the files that they name.
type pages struct {
	templates map[string]*template.Template
	assets    map[string]asset
}

// asset is a file with the tag by which browsers ask whether it changed.
type asset struct {
	body []byte
	kind string
	tag  string
}

func loadPages() (*pages, error) {
	p := &pages{templates: map[string]*template.Template{}, assets: map[string]asset{}}
	entries, err := files.ReadDir("templates")
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if e.Name() == "frame.html" {
			continue
		}
		t, err := template.ParseFS(files, "templates/frame.html", "templates/"+e.Name())
		if err != nil {
			return nil, err
		}
		p.templates[strings.TrimSuffix(e.Name(), ".html")] = t
	}
	if entries, err = files.ReadDir("assets"); err != nil {
		return nil, err
	}
	for _, e := range entries {
		body, err := files.ReadFile("assets/" + e.Name())
		if err != nil {
			return nil, err
		}
		p.assets[e.Name()] = asset{body: body, kind: mime.TypeByExtension(path.Ext(e.Name())), tag: fmt.Sprintf(`"%x"`, sha256.Sum256(body))}
	}
	return p, nil
}

// pageRoutes puts what people use on a mux.
func (c *Connect) pageRoutes(mux *http.ServeMux) {
	for path, name := range map[string]string{"/login/start": "start", "/login": "start", "/login/callback": "callback", "/account": "account"} {
		mux.HandleFunc("GET "+path, c.page(func(http.ResponseWriter, *http.Request) (string, view, error) { return name, view{}, nil }))
	}
	mux.HandleFunc("GET /login/sign-in", c.page(c.signInPage))
	mux.HandleFunc("GET /login/consent", c.page(c.consentPage))
	mux.HandleFunc("GET /device-connect", c.page(c.devicePage))
	mux.HandleFunc("GET /device-connect/done", c.page(c.donePage))
	mux.HandleFunc("GET /login/assets/{name}", c.asset)
	for path, serve := range map[string]func(http.ResponseWriter, *http.Request) error{
		"/login/start": c.startLogin, "/login/begin": c.signInBegin, "/login/finish": c.signIn, "/login/passkey": c.addPasskey,
		"/login/provider": c.signInOutside, "/login/callback": c.returned, "/login/authorize": c.authorize, "/login/connected": c.connected,
		"/login/deny": c.deny,
	} {
		mux.HandleFunc("POST "+path, c.own(serve))
	}
}

// own serves a route that only our own pages may use: what other sites make a browser send is turned away.
func (c *Connect) own(serve func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		guard(w)
		site := r.Header.Get("Sec-Fetch-Site")
		if r.Header.Get("Origin") != c.Origin || site != "" && site != "same-origin" {
			c.fail(w, r, &fault{status: http.StatusForbidden, code: invalidRequest, description: "only the pages of " + c.Origin + " may do this"})
			return
		}
		if err := serve(w, r); err != nil {
			c.fail(w, r, err)
		}
	}
}

// policy lets a page load what comes from here, and nothing else run, load or frame it.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; " +
	"base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// guard sets the headers of everything that is for people. The whole server lets other origins read, but not this.
func guard(w http.ResponseWriter) {
	h := w.Header()
	h.Del("Access-Control-Allow-Origin")
	h.Del("Access-Control-Expose-Headers")
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "publickey-credentials-create=(self), publickey-credentials-get=(self), camera=(), microphone=(), geolocation=()")
	h.Set("Cache-Control", "no-store")
}

// view is what templates show.
type view struct {
	API       string
	Login     string // id
	L         login
	Host      string // to which the answer goes
	Providers []Provider
	Mail      bool
	Passkey   string // id of the relying party: the host name of this server
	UserCode  string
	Key       string
	Denied    bool
	Message   string
	Limit     string // dollars a day that a person may at most allow; empty for no bound
}

// page serves a page.
func (c *Connect) page(show func(http.ResponseWriter, *http.Request) (string, view, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		guard(w)
		status := http.StatusOK
		name, v, err := show(w, r)
		if err != nil {
			f := told(err)
			if f.status >= http.StatusInternalServerError {
				c.Log.LogAttrs(r.Context(), slog.LevelWarn, "page failed", slog.String("path", r.URL.Path), slog.String("reason", err.Error()))
			}
			status, name, v = f.status, "error", view{Message: sentence(f.description)}
		}
		c.render(w, r, status, name, v)
	}
}

func (c *Connect) render(w http.ResponseWriter, r *http.Request, status int, name string, v view) {
	v.API, v.Providers, v.Mail = c.API, c.Providers, c.Mail != nil || c.LogCodes
	v.Passkey = hostOf(c.Origin)
	if c.DailyLimit > 0 {
		v.Limit = strconv.FormatUint(c.DailyLimit, 10)
	}
	var b bytes.Buffer
	err := errors.New("no such template")
	if t := c.pages.templates[name]; t != nil {
		err = t.ExecuteTemplate(&b, "frame.html", v)
	}
	if err != nil {
		c.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(b.Len()))
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
}

// sentence makes one of a description, for people.
func sentence(text string) string {
	if text == "" {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

// hostOf returns the host name of an origin.
func hostOf(origin string) string {
	_, host, _ := strings.Cut(origin, "://")
	if i := strings.LastIndexByte(host, ':'); i > strings.LastIndexByte(host, ']') {
		host = host[:i]
	}
	return host
}

func (c *Connect) asset(w http.ResponseWriter, r *http.Request) {
	guard(w)
	a, ok := c.pages.assets[r.PathValue("name")]
	if !ok {
		c.fail(w, r, &fault{status: http.StatusNotFound, code: invalidRequest, description: "there is no such file"})
		return
	}
	h := w.Header()
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", a.tag)
	if r.Header.Get("If-None-Match") == a.tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", a.kind)
	h.Set("Content-Length", strconv.Itoa(len(a.body)))
	_, _ = w.Write(a.body)
}

// loginView shows a login of the browser.
func (c *Connect) loginView(r *http.Request) (view, error) {
	id := r.URL.Query().Get("login")
	l, err := c.login(r, id)
	if err != nil {
		return view{}, err
	}
	host := l.value.Origin
	if host == "" && l.value.RedirectURI != "" {
		host, _, _ = strings.Cut(l.value.RedirectURI, ":")
	}
	return view{Login: id, L: l.value, Host: host}, nil
}

func (c *Connect) signInPage(_ http.ResponseWriter, r *http.Request) (string, view, error) {
	v, err := c.loginView(r)
	return "signin", v, err
}

func (c *Connect) consentPage(_ http.ResponseWriter, r *http.Request) (string, view, error) {
	v, err := c.loginView(r)
	if err == nil && v.L.For == forAccount {
		err = errLogin()
	}
	return "consent", v, err
}

func (c *Connect) devicePage(_ http.ResponseWriter, r *http.Request) (string, view, error) {
	q := r.URL.Query()
	v := view{Key: q.Get("public_key")}
	if plain, ok := plainUserCode(q.Get("user_code")); ok {
		v.UserCode = plain[:4] + "-" + plain[4:]
	}
	return "device", v, nil
}

func (c *Connect) donePage(_ http.ResponseWriter, r *http.Request) (string, view, error) {
	return "done", view{Denied: r.URL.Query().Get("denied") != ""}, nil
}
