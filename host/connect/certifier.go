package connect

import (
	"context"

	"github.com/redoubt-kms/redoubt/internal/wire"
)

// Certifier makes logins. Connect holds no key and cannot make one: it brings evidence, and keeps what it gets.
//
// A refusal is a *wire.Fault, whose message people may read; another error says that the certifier was not reached. Whoever
// implements it also fetches the keys of an outside provider when SignIn fails with wire.FaultKeysNeeded, and asks again.
type Certifier interface {
	// Issuer returns the statement about the key that signs logins.
	Issuer(ctx context.Context) (wire.Issuer, error)
	// SignInBegin starts a login of a page's session key.
	SignInBegin(ctx context.Context, b wire.SignInBegin) (wire.SignInBegun, error)
	// SignIn turns evidence into a login on Connect's own pages.
	SignIn(ctx context.Context, s wire.SignIn) (wire.SignedIn, error)
	// Authorize takes the consent that the page's session key stamped.
	Authorize(ctx context.Context, r wire.Request) (wire.Authorized, error)
	// Mint makes fresh tokens of a session that Authorize returned.
	Mint(ctx context.Context, m wire.MintRequest) (wire.Minted, error)
}
