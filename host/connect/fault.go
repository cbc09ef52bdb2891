package connect

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/redoubt-kms/redoubt/internal/wire"
)

// Codes of errors: RFC 6749 4.1.2.1 and 5.2, RFC 8628 3.5, RFC 7591 3.2.2.
const (
	invalidRequest       = "invalid_request"
	invalidClient        = "invalid_client"
	invalidGrant         = "invalid_grant"
	unauthorizedClient   = "unauthorized_client"
	unsupportedGrantType = "unsupported_grant_type"
	invalidScope         = "invalid_scope"
	accessDenied         = "access_denied"
	serverError          = "server_error"
	unavailable          = "temporarily_unavailable"
	authorizationPending = "authorization_pending"
	slowDown             = "slow_down"
	expiredToken         = "expired_token"
	invalidRedirectURI   = "invalid_redirect_uri"
	invalidMetadata      = "invalid_client_metadata"
)

// fault is an error that goes to the caller: an OAuth error with its status. The description is for people.
type fault struct {
	status      int
	code        string
	description string
	challenge   string // of the header WWW-Authenticate (RFC 9110, 11.6.1), where the caller tried to authenticate
}

func (f *fault) Error() string { return f.code + ": " + f.description }

// refuse makes a fault of status 400.
func refuse(code, description string) *fault {
	return &fault{status: http.StatusBadRequest, code: code, description: description}
}

// tooMany makes the fault of a caller that does too much.
func tooMany(what string) *fault {
	return &fault{status: http.StatusTooManyRequests, code: unavailable, description: what + "; wait a minute and try again"}
}

// refused turns an error of the certifier into a fault: of a code when it refused, else of one that may pass.
func refused(err error, code string) error {
	var said *wire.Fault
	if errors.As(err, &said) && said.Code != "internal" {
		return refuse(code, said.Message)
	}
	return &unreached{err}
}

// unreached says that a part did not answer; why is for the log.
type unreached struct{ cause error }

func (u *unreached) Error() string { return "not reached: " + u.cause.Error() }
func (u *unreached) Unwrap() error { return u.cause }

// told returns what the caller is told of an error.
func told(err error) *fault {
	var f *fault
	if errors.As(err, &f) {
		return f
	}
	var u *unreached
	if errors.As(err, &u) {
		return &fault{status: http.StatusServiceUnavailable, code: unavailable, description: "temporarily unavailable; try again"}
	}
	return &fault{status: http.StatusInternalServerError, code: serverError, description: "something went wrong here; try again"}
}

// fail writes an error, and logs what the caller is not told.
func (c *Connect) fail(w http.ResponseWriter, r *http.Request, err error) {
	f := told(err)
	if f.status >= http.StatusInternalServerError {
		c.Log.LogAttrs(r.Context(), slog.LevelWarn, "login request failed", slog.String("path", r.URL.Path), slog.String("reason", err.Error()))
	}
	h := w.Header()
	if f.challenge != "" {
		h.Set("WWW-Authenticate", f.challenge)
	}
	if f.status == http.StatusTooManyRequests {
		h.Set("Retry-After", "60")
	}
	if f.status == http.StatusServiceUnavailable {
		h.Set("Retry-After", "1")
	}
	writeJSON(w, f.status, map[string]string{"error": f.code, "error_description": f.description})
}

// writeJSON answers with a value that no cache may keep.
func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		status, body = http.StatusInternalServerError, []byte(`{"error":"server_error"}`)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "no-store")
		h.Set("Pragma", "no-cache") // RFC 6749 5.1 asks for it
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // a caller that went away has nobody to tell
}
