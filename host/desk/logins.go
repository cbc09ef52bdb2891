package desk

import (
	"context"
	"errors"
	"time"

	"github.com/redoubt-kms/redoubt/host/carry"
	"github.com/redoubt-kms/redoubt/internal/wire"
)

// The calls of this file are the certifier's: the policy engine passes them on.

// Issuer asks for the statement about the key that signs logins.
func (d *Desk) Issuer(ctx context.Context) (wire.Issuer, error) {
	return ask[wire.Issuer](ctx, d, wire.KindIssuer, wire.Empty{})
}

// SignInBegin begins a login of a session key.
func (d *Desk) SignInBegin(ctx context.Context, b wire.SignInBegin) (wire.SignInBegun, error) {
	return ask[wire.SignInBegun](ctx, d, wire.KindSignInBegin, b)
}

// SignIn shows evidence of who a person is. Keys of an outside provider that the certifier lacks are fetched first.
func (d *Desk) SignIn(ctx context.Context, s wire.SignIn) (wire.SignedIn, error) {
	answer, err := ask[wire.SignedIn](ctx, d, wire.KindSignIn, s)
	var fault *wire.Fault
	if !errors.As(err, &fault) || fault.Code != wire.FaultKeysNeeded {
		return answer, err
	}
	_, fetchErr := carry.Keys(ctx, d, wire.FetchBegin{URL: fault.Message, Issuer: true})
	answer, err = ask[wire.SignedIn](ctx, d, wire.KindSignIn, s) // the keys that it has may hold still
	if errors.As(err, &fault) && fault.Code == wire.FaultKeysNeeded && fetchErr != nil {
		return answer, fetchErr
	}
	return answer, err
}

// Authorize takes a stamped consent to the certifier.
func (d *Desk) Authorize(ctx context.Context, r wire.Request) (wire.Authorized, error) {
	return ask[wire.Authorized](ctx, d, wire.KindAuthorize, r)
}

// Mint has tokens of a session made.
func (d *Desk) Mint(ctx context.Context, m wire.MintRequest) (wire.Minted, error) {
	return ask[wire.Minted](ctx, d, wire.KindMint, m)
}

// FetchBegin implements carry.Certifier.
func (d *Desk) FetchBegin(ctx context.Context, b wire.FetchBegin) (wire.FetchStepped, error) {
	return ask[wire.FetchStepped](ctx, d, wire.KindFetchBegin, b)
}

// FetchStep implements carry.Certifier.
func (d *Desk) FetchStep(ctx context.Context, s wire.FetchStep) (wire.FetchStepped, error) {
	return ask[wire.FetchStepped](ctx, d, wire.KindFetchStep, s)
}

// fetchBudget bounds a fetch of keys as a whole.
const fetchBudget = wire.FetchTime + 5*time.Second

// fetch carries a fetch that the policy engine asks for.
func (d *Desk) fetch(begin wire.FetchBegin) (wire.Fetched, error) {
	ctx, cancel := context.WithTimeout(context.Background(), fetchBudget)
	defer cancel()
	return carry.Keys(ctx, d, begin)
}
