package telemetry

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/redoubt-kms/redoubt/host/web"
)

// The values of labels for what has no name of its own.
const (
	outcomeOK      = "ok"
	outcomeWaiting = "waiting" // for approvals
	outcomeOther   = "other"
	unknown        = "unknown" // a call whose method is not one that is served
	none           = "none"    // no call at all: a path that does not exist, a preflight
)

// methodLabel is a method's name if it is one of the contract. Nothing that a stranger sends becomes a label.
func (t *Telemetry) methodLabel(method, route string) string {
	if t.methods[method] {
		return method
	}
	return route
}

// routeLabel names a request by the pattern that it matched.
func routeLabel(r *http.Request) string {
	_, path, _ := strings.Cut(r.Pattern, " ")
	switch strings.TrimPrefix(path, web.Prefix) {
	case "/kms/rpc":
		return unknown
	case "/prepare":
		return "prepare"
	case "/simulations":
		return "simulations"
	case "/healthz":
		return "healthz"
	case "/attestation":
		return "attestation"
	case "/log/checkpoint":
		return "checkpoint"
	case "/log/tile/{path...}":
		return "tile"
	}
	return none
}

// outcomeLabel is the stable type of an error.
func (t *Telemetry) outcomeLabel(kind string) string {
	if t.types[kind] {
		return kind
	}
	return outcomeOther
}

// outcomeOf reads the type out of an answer's body.
func (t *Telemetry) outcomeOf(status uint16, result []byte) string {
	if status == http.StatusOK {
		return outcomeOK
	}
	if status == http.StatusAccepted {
		return outcomeWaiting
	}
	var told struct {
		Type string `json:"type"`
	}
	if json.Unmarshal(result, &told) != nil {
		return outcomeOther
	}
	return t.outcomeLabel(told.Type)
}
