package policy

import (
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"sync"
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
}

// tokenCache remembers tokens that were read, and by which keys they were verified, so that the stamps of a session cost one
// signature each, not two.
type tokenCache struct {
	mu       sync.Mutex
	read     map[[sha256.Size]byte]*jose.Token
	verified map[[sha256.Size]byte]bool // by token and keys
	sets     map[string]jose.KeySet     // by their JSON, of at most 64 KiB

	issuer     jose.KeySet // of Connect
	origin     string
	issuerRead bool
}

// Bounds of what is remembered; beyond them all is forgotten, and made again as it is needed.
const (
	maxTokens = 1 << 14
	maxSets   = 256
)

func newTokenCache() *tokenCache {
	return &tokenCache{read: map[[sha256.Size]byte]*jose.Token{}, verified: map[[sha256.Size]byte]bool{}, sets: map[string]jose.KeySet{}}
}

// parse reads a token without believing it.
func (k *tokenCache) parse(text string) (token, error) {
	t := token{hash: sha256.Sum256([]byte(text))}
	k.mu.Lock()
	t.Token = k.read[t.hash]
	k.mu.Unlock()
	if t.Token != nil {
		return t, nil
	}
	made, err := jose.Parse(text)
	t.Token = &made
	return t, err
}

// verify checks a token's signature by keys, once. Only tokens that hold are remembered: strangers cannot fill the memory.
func (k *tokenCache) verify(t token, keys jose.KeySet) error {
	h := sha256.New()
	h.Write(t.hash[:])
	h.Write(keys.JSON())
	by := [sha256.Size]byte(h.Sum(nil))
	k.mu.Lock()
	known := k.verified[by]
	k.mu.Unlock()
	if known {
		return nil
	}
	if err := t.Verify(keys); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.verified) >= maxTokens || len(k.read) >= maxTokens {
		clear(k.verified)
		clear(k.read)
	}
	k.verified[by], k.read[t.hash] = true, t.Token
	return nil
}

// keySet reads a set of keys that stands in a record, once.
func (k *tokenCache) keySet(text string) (jose.KeySet, error) {
	k.mu.Lock()
	known, ok := k.sets[text]
	k.mu.Unlock()
	if ok {
		return known, nil
	}
	made, err := jose.ParseKeySet([]byte(text))
	if err != nil {
		return made, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.sets) >= maxSets {
		clear(k.sets)
	}
	k.sets[text] = made
	return made, nil
}

// connectKeys are the keys of Connect's tokens and its origin, by the certifier's word.
func (e *Engine) connectKeys(ctx context.Context) (jose.KeySet, string, error) {
	k := e.tokens
	k.mu.Lock()
	keys, origin, read := k.issuer, k.origin, k.issuerRead
	k.mu.Unlock()
	if read {
		return keys, origin, nil
	}
	answer, err := wire.Ask[wire.Issuer](ctx, e.certifier, wire.KindIssuer, wire.Empty{})
	if err != nil {
		return keys, "", err
	}
	var statement proof.SignedIssuer
	if err := proof.Decode(answer.Statement, &statement); err != nil {
		return keys, "", err
	}
	if err := statement.Verify(e.vault.Manifest()); err != nil {
		return keys, "", err
	}
	key, err := jose.ParseP256(statement.Issuer.Key)
	if err != nil {
		return keys, "", err
	}
	keys, origin = jose.SingleKey(key), statement.Issuer.Origin
	k.mu.Lock()
	k.issuer, k.origin, k.issuerRead = keys, origin, true
	k.mu.Unlock()
	return keys, origin, nil
}

// verifyLogin checks a token of Connect.
func (e *Engine) verifyLogin(ctx context.Context, now uint64, t token) error {
	keys, origin, err := e.connectKeys(ctx)
	if err != nil {
		return err
	}
	if t.Type != jose.TypeSession || t.Claims.Issuer != origin || t.Claims.Subject == "" {
		return errToken
	}
	if err := e.tokens.verify(t, keys); err != nil {
		return err
	}
	return t.Claims.Live(now, maxSessionToken)
}

// tokenMember finds who may act in an organization by the token of the caller's stamp.
func (e *Engine) tokenMember(ctx context.Context, c *caller, o *org.Organization) (org.Member, bool, error) {
	var unavailable error
	for _, m := range o.Tokened(c.token.Claims.Subject) {
		if !m.Live(c.now) {
			continue
		}
		auth, err := m.Authenticator.OIDC()
		if err != nil {
			return org.Member{}, false, err
		}
		err = e.vouches(ctx, c, auth)
		if err == nil {
			return m, true, nil
		}
		var told *api.Error
		if errors.As(err, &told) {
			unavailable = err // of the keys, not of the token
		}
	}
	return org.Member{}, false, unavailable
}

// vouches says whether the caller's token is one that an authenticator takes.
func (e *Engine) vouches(ctx context.Context, c *caller, auth org.OIDC) error {
	claims := c.token.Claims
	if auth.Version != 1 || claims.Subject != auth.Subject ||
		len(auth.Audience) > 0 && !slices.ContainsFunc(auth.Audience, func(a string) bool { return slices.Contains(claims.Audience, a) }) ||
		auth.Issuer != "" && claims.Issuer != auth.Issuer || auth.Origin != "" && claims.Origin != auth.Origin ||
		auth.Nonce != "" && claims.Nonce != auth.Nonce {
		return errToken
	}
	if auth.Source == org.SourceConnect {
		if own := slices.Equal(auth.Audience, []string{org.ConnectClient}); len(auth.Audience) != 1 || !own && auth.Nonce == "" {
			return errToken // else every app, or every key of an app, would act for the person
		}
		if err := e.verifyLogin(ctx, c.now, c.token); err != nil {
			return err
		}
		c.session = claims.Subject
		return nil
	}
	if _, origin, err := e.connectKeys(ctx); err == nil && claims.Issuer == origin {
		return errToken // Connect marks logins by codes, which is minded where its own authenticators are
	}
	keys, err := e.sourceKeys(ctx, c.organization, auth)
	if err != nil {
		return err
	}
	if err := claims.Live(c.now, maxForeignToken); err != nil {
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
// organizations take such a token is not looked for.
func (e *Engine) authenticateToken(ctx context.Context, c *caller) error {
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
