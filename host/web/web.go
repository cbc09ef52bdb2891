// Package web serves the public contract over HTTP: it caps what it reads, hands the raw body and the stamp to the
// policy engine, and writes back what comes. It reads nothing in a body but what it needs to shed load.
package web

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"path"
	"strconv"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/wire"
)

// Prefix is where the contract lives.
const Prefix = "/v1/wallets"

// Desk takes requests to the policy engine.
type Desk interface {
	Request(ctx context.Context, kind wire.Kind, r wire.Request) (wire.Answer, error)
	Attestation(ctx context.Context) (wire.Attestation, error)
	ReadHashes(ctx context.Context, indexes []int64) ([]tlog.Hash, error)
}

// Network broadcasts signed transactions, which returns the member rpc_submission_result, and has transactions simulated.
type Network interface {
	Submit(ctx context.Context, s wire.Submission) json.RawMessage
	Simulate(ctx context.Context, s wire.Submission) (api.Simulation, error)
}

// Server is the HTTP side of the host.
type Server struct {
	desk    Desk
	network Network
	log     *slog.Logger
	limits  Limits
	signUps *signUps
	callers *callers
	shed    chan struct{} // bounds how many requests are in the house
}

// Bounds of the server.
const (
	maxRequests    = 1024
	requestTimeout = 25 * time.Second
	headerTimeout  = 5 * time.Second
	bodyTimeout    = 10 * time.Second
	idleTimeout    = 90 * time.Second
	maxHeaders     = 64 << 10
)

// New makes a server. Whoever has pages to serve beside the contract puts them on a mux of their own, which nothing is
// allowed on behalf of other origins; nil for none.
func New(desk Desk, network Network, limits Limits, pages func(*http.ServeMux), log *slog.Logger) *http.Server {
	s := &Server{
		desk: desk, network: network, log: log, limits: limits, signUps: newSignUps(), callers: newCallers(limits.BadStamps),
		shed: make(chan struct{}, maxRequests),
	}
	return &http.Server{
		Handler: s.routes(pages), ReadHeaderTimeout: headerTimeout, ReadTimeout: bodyTimeout,
		WriteTimeout: requestTimeout + bodyTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaders,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

func (s *Server) routes(pages func(*http.ServeMux)) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+Prefix+"/kms/rpc", s.stamped(wire.KindRequest))
	mux.HandleFunc("POST "+Prefix+"/prepare", s.stamped(wire.KindPrepare))
	mux.HandleFunc("POST "+Prefix+"/simulations", s.stamped(wire.KindSimulate))
	mux.HandleFunc("GET "+Prefix+"/healthz", s.health)
	mux.HandleFunc("GET "+Prefix+"/attestation", s.attestation)
	mux.HandleFunc("GET "+Prefix+"/log/checkpoint", s.checkpoint)
	mux.HandleFunc("GET "+Prefix+"/log/tile/{path...}", s.tile)
	for route, allowed := range map[string]string{"/kms/rpc": "POST", "/prepare": "POST", "/simulations": "POST", "/healthz": "GET", "/attestation": "GET", "/log/checkpoint": "GET"} {
		mux.HandleFunc(Prefix+route, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Allow", allowed+", OPTIONS")
			fail(w, api.Errorf(api.TypeMethodNotAllowed, "%s does not take %s", r.URL.Path, r.Method))
		})
	}
	mux.HandleFunc("/", nothing)
	contract := cors(s.guard(mux))
	if pages == nil {
		return contract
	}
	all, others := http.NewServeMux(), http.NewServeMux()
	all.Handle(Prefix+"/", contract)
	pages(others)
	others.HandleFunc("/", nothing)
	all.Handle("/", s.guard(others))
	return unclean{all, contract}
}

// unclean keeps paths that a mux would redirect from it: the guard refuses them.
type unclean struct{ clean, other http.Handler }

// ServeHTTP serves a request.
func (u unclean) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if path.Clean(r.URL.Path) != r.URL.Path {
		u.other.ServeHTTP(w, r)
		return
	}
	u.clean.ServeHTTP(w, r)
}

func nothing(w http.ResponseWriter, _ *http.Request) {
	fail(w, api.Errorf(api.TypeNoRoute, "there is nothing at this path; the contract lives under %s", Prefix))
}

// guard recovers from what must not happen, without telling the caller what it was.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if fault := recover(); fault != nil {
				s.log.LogAttrs(r.Context(), slog.LevelError, "request failed unexpectedly", slog.Any("fault", fault))
				fail(w, api.Errorf(api.TypeInternal, "internal error"))
			}
		}()
		if clean := path.Clean(r.URL.Path); clean != r.URL.Path {
			fail(w, api.Errorf(api.TypeNoRoute, "the path is not in its simple form; the contract lives under %s", Prefix))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// cors lets browsers in: the contract is called from any origin, with a stamp and without cookies.
func cors(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Access-Control-Expose-Headers", api.HeaderReceipt+", X-Request-Id, Retry-After")
		h.Set("X-Content-Type-Options", "nosniff")
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			h.Set("Access-Control-Allow-Methods", "GET, POST")
			h.Set("Access-Control-Allow-Headers", "authorization, content-type, x-api-version, x-app-id, x-auth-user-id, x-phantom-client, "+
				"x-phantom-platform, x-phantom-platform-version, x-phantom-sdk-type, x-phantom-sdk-version, x-phantom-stamp, x-phantom-wallet-type, x-rpc-method")
			h.Set("Access-Control-Max-Age", "7200")
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Server) health(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 3*time.Second)
	defer cancel()
	if _, err := s.desk.Attestation(ctx); err != nil {
		fail(w, api.Errorf(api.TypeUnavailable, "the policy engine does not answer"))
		return
	}
	writeJSON(w, http.StatusOK, []byte(`{"status":"ok"}`))
}

func writeJSON(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // a caller that went away has nobody to tell
}
