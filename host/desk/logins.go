package desk

import (
	"context"

	"github.com/redoubt-kms/redoubt/internal/wire"
)

// Issuer asks the certifier which key signs logins.
func (d *Desk) Issuer(ctx context.Context) (wire.Issuer, error) {
	return ask[wire.Issuer](ctx, d, wire.KindIssuer, wire.Empty{})
}

// SignInBegin asks the certifier for a challenge.
func (d *Desk) SignInBegin(ctx context.Context, b wire.SignInBegin) (wire.SignInBegun, error) {
	return ask[wire.SignInBegun](ctx, d, wire.KindSignInBegin, b)
}

// SignIn shows the certifier who the person is.
func (d *Desk) SignIn(ctx context.Context, s wire.SignIn) (wire.SignedIn, error) {
	return ask[wire.SignedIn](ctx, d, wire.KindSignIn, s)
}

// Authorize takes a consent to the certifier.
func (d *Desk) Authorize(ctx context.Context, r wire.Request) (wire.Authorized, error) {
	return ask[wire.Authorized](ctx, d, wire.KindAuthorize, r)
}

// Mint has the certifier make tokens.
func (d *Desk) Mint(ctx context.Context, m wire.MintRequest) (wire.Minted, error) {
	return ask[wire.Minted](ctx, d, wire.KindMint, m)
}
