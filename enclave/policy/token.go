package policy

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"time"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/jose"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

// How old tokens may be, whatever they say of their expiry: those of other issuers, and those of Connect, which end with
// the connection that they are for.
const (
	maxForeignToken = time.Hour
	maxSessionToken = maxConnection + time.Hour
)

var errToken = errors.New("the token does not hold")

// token is the identity token of a stamp, or of a proof, with what names it.
type token struct {
	*jose.Token
	hash [sha256.Size]byte
	size int // bytes of its text
}

// isConnects says whether a token names Connect as its issuer. The manifest says who that is, so that nothing has to be asked.
func (e *Engine) isConnects(t token) bool {
	origin := e.vault.Manifest().Connect.Origin
	return origin != "" && t.Claims.Issuer == origin
}

// connectKeys are the keys of Connect's tokens, by the certifier's word. Its error is for callers.
func (e *Engine) connectKeys(ctx context.Context) (jose.KeySet, error) {
	k := e.tokens
	k.mu.Lock()
	keys, read := k.issuer, k.issuerRead
	k.mu.Unlock()
	if read {
		return keys, nil
	}
	keys, err := e.askIssuer(ctx)
	if err != nil {
		e.vault.Log.Printf("the key of logins is not known: %v", err)
		return keys, api.Errorf(api.TypeUnavailable, "logins cannot be verified for the moment; try again")
	}
	k.mu.Lock()
	k.issuer, k.issuerRead = keys, true
	k.mu.Unlock()
	return keys, nil
}

func (e *Engine) askIssuer(ctx context.Context) (jose.KeySet, error) {
	answer, err := wire.Ask[wire.Issuer](ctx, e.certifier, wire.KindIssuer, wire.Empty{})
	if err != nil {
		return jose.KeySet{}, err
	}
	var statement proof.SignedIssuer
	if err := proof.Decode(answer.Statement, &statement); err != nil {
		return jose.KeySet{}, err
	}
	if err := statement.Verify(e.vault.Manifest()); err != nil {
		return jose.KeySet{}, err
	}
	if statement.Issuer.Origin != e.vault.Manifest().Connect.Origin {
		return jose.KeySet{}, errors.New("the statement is about another origin than the manifest's")
	}
	key, err := jose.ParseP256(statement.Issuer.Key)
	if err != nil {
		return jose.KeySet{}, err
	}
	return jose.SingleKey(key), nil
}

// verifyLogin checks a token of Connect.
func (e *Engine) verifyLogin(ctx context.Context, now uint64, t token) error {
	if !e.isConnects(t) || t.Type != jose.TypeSession || t.Claims.Subject == "" {
		return errToken
	}
	keys, err := e.connectKeys(ctx)
	if err != nil {
		return err
	}
	if err := e.tokens.verify(t, keys); err != nil {
		return err
	}
	return t.Claims.Live(now, maxSessionToken)
}

// unavailableKeys gives an error that is for callers, of keys that cannot be had; nil for one of the token, which they are not told.
func unavailableKeys(err error) error {
	var told *api.Error
	if errors.As(err, &told) {
		return err
	}
	return nil
}

// maxVouching bounds how many authenticators that take a token a stranger's one is tried with: each costs as much as its keys do.
const maxVouching = 4

// tokenMember finds who may act in an organization by the token of the caller's stamp. One of Connect holds already, and is taken
// by ways and connections and by nothing else: Connect marks logins by codes, which is minded where its own authenticators are.
func (e *Engine) tokenMember(ctx context.Context, c *caller, o *org.Organization) (org.Member, bool, error) {
	var unavailable error
	tried, ours := 0, e.isConnects(c.token)
	for _, m := range o.Tokened(c.token.Claims.Subject) {
		if !m.Live(c.now) {
			continue
		}
		auth, err := m.Authenticator.OIDC()
		if err != nil {
			return org.Member{}, false, err
		}
		if ours != (auth.Source == org.SourceConnect) || !takes(auth, c.token.Claims) {
			continue
		}
		if !ours {
			if tried++; tried > maxVouching {
				break
			}
			err = e.vouches(ctx, c, auth)
		}
		if err == nil {
			return m, true, nil
		}
		unavailable = cmp.Or(unavailableKeys(err), unavailable)
	}
	return org.Member{}, false, unavailable
}

// takes says whether an authenticator takes tokens with such claims, whoever signed them.
func takes(auth org.OIDC, claims jose.Claims) bool {
	if auth.Version != 1 || claims.Subject != auth.Subject ||
		len(auth.Audience) > 0 && !slices.ContainsFunc(auth.Audience, func(a string) bool { return slices.Contains(claims.Audience, a) }) ||
		auth.Issuer != "" && claims.Issuer != auth.Issuer || auth.Origin != "" && claims.Origin != auth.Origin ||
		auth.Nonce != "" && claims.Nonce != auth.Nonce {
		return false
	}
	if auth.Source != org.SourceConnect {
		return true
	}
	// else every app, or every key of an app, would act for the person
	return len(auth.Audience) == 1 && (auth.Audience[0] == org.ConnectClient || auth.Nonce != "")
}

// vouches says whether the caller's token holds by the keys of an authenticator that is not Connect's. One that is too old is not
// worth a fetch of keys.
func (e *Engine) vouches(ctx context.Context, c *caller, auth org.OIDC) error {
	if err := c.token.Claims.Live(c.now, maxForeignToken); err != nil {
		return err
	}
	keys, err := e.sourceKeys(ctx, c.organization, auth)
	if err != nil {
		return err
	}
	err = e.tokens.verify(c.token, keys)
	if err != nil && auth.Source != org.SourceKeySet { // by a key that is newer than ours, perhaps
		if keys, err = e.keysAnew(ctx, c.organization, auth.Keys, auth.Source == org.SourceIssuer); err == nil {
			err = e.tokens.verify(c.token, keys)
		}
	}
	return err
}

// sourceKeys finds the keys of an authenticator that is not Connect's.
func (e *Engine) sourceKeys(ctx context.Context, organization proof.ID, auth org.OIDC) (jose.KeySet, error) {
	switch auth.Source {
	case org.SourceKeySet:
		return e.tokens.keySet(auth.Keys)
	case org.SourceURL, org.SourceIssuer:
		return e.keysOf(ctx, organization, auth.Keys, auth.Source == org.SourceIssuer)
	}
	return jose.KeySet{}, errToken
}

// authenticateToken is authenticate for a stamp that carries a token. Who is no member here is told nothing more: which
// organizations take such a token is not looked for. A token of Connect is verified before the organization is looked at, so that
// the time which the answer takes does not tell either who is a member.
func (e *Engine) authenticateToken(ctx context.Context, c *caller) error {
	if e.isConnects(c.token) {
		if err := e.verifyLogin(ctx, c.now, c.token); err != nil {
			return cmp.Or(unavailableKeys(err), unauthenticated())
		}
		c.session = c.token.Claims.Subject
	}
	if c.record.value == nil {
		return unauthenticated()
	}
	member, ok, err := e.tokenMember(ctx, c, c.record.value)
	if err != nil {
		return err
	}
	if !ok {
		return unauthenticated()
	}
	c.member = member
	return nil
}

// login is what the authenticator of a member says of logins to Connect; nothing when it takes none. It is the same when a
// request is carried out later, without its stamp.
func login(m org.Member) (subject, origin string) {
	if m.Authenticator == nil || m.Authenticator.Kind != org.KindOIDC {
		return "", ""
	}
	o, err := m.Authenticator.OIDC()
	if err != nil || o.Source != org.SourceConnect {
		return "", ""
	}
	return o.Subject, o.Origin
}
