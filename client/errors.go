package client

import (
	"errors"

	"github.com/redoubt-kms/redoubt/api"
)

// What the server refuses is an [*api.Error]: errors.As gives its message, path and request id. These stand for the
// types that programs act on; use them with errors.Is.
var (
	// ErrDenied: the user's policy does not allow it. The denial is logged and signed, and a retry gets the same answer.
	ErrDenied error = &api.Error{Type: api.TypeDenied}
	// ErrUnauthenticated: the key is not, or no longer, an authenticator of the organization.
	ErrUnauthenticated error = &api.Error{Type: api.TypeUnauthenticated}
	// ErrNotFound: no such wallet, user or authenticator.
	ErrNotFound error = &api.Error{Type: api.TypeNotFound}
	// ErrConflict: the name, key or tag is taken.
	ErrConflict error = &api.Error{Type: api.TypeConflict}
	// ErrExpired: the client's clock is more than five minutes off.
	ErrExpired error = &api.Error{Type: api.TypeExpired}
)

// ErrUnavailable says that the server did not answer, or could not: nothing is known about the request. Sent again as
// it was, it has one effect.
var ErrUnavailable = errors.New("the server is not available")

// ErrUnproven says that an answer does not carry the proof that it must: whatever it says may be a lie.
var ErrUnproven = errors.New("the answer is not proven by its receipt")
