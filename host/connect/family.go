package connect

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/redoubt-kms/redoubt/host/connect/shelf"
)

// family is a chain of refresh tokens, of which the newest is good. A token is ID.SECRET, and the secret that follows one is
// HMAC-SHA256(salt, secret): so two tabs that refresh at once get the same new token, although only hashes are kept, and
// neither an old token nor what is kept leads to a new one alone.
type family struct {
	ClientID    string    `json:"clientId"`
	RedirectURI string    `json:"redirectUri"` // empty for devices
	Session     []byte    `json:"session"`     // sealed for the certifier
	Salt        []byte    `json:"salt"`
	Current     string    `json:"current"` // hash of the good secret
	Retired     []retired `json:"retired"` // of late, oldest first
	Revoked     bool      `json:"revoked"`
}

// retired is a token that was replaced.
type retired struct {
	Hash string `json:"hash"`
	AtMs int64  `json:"atMs"`
}

const (
	// refreshGrace is how long a token that was replaced is still answered, with the one that replaced it: other tabs of the
	// same browser may not have seen it yet.
	refreshGrace = 30 * time.Second

	// maxRetired bounds how many tokens are remembered within the grace.
	maxRetired = 32
)

// newFamily makes a family and returns its first token.
func (c *Connect) newFamily(ctx context.Context, id, clientID, redirectURI string, session []byte, endsMs uint64) (string, error) {
	secret := random(32)
	v := family{ClientID: clientID, RedirectURI: redirectURI, Session: session, Salt: make([]byte, 32), Current: digest(secret)}
	rand.Read(v.Salt)
	if err := c.keep(ctx, clientID); err != nil && !errors.Is(err, shelf.ErrNone) {
		return "", err
	}
	return id + "." + secret, c.add(ctx, shelf.Families, id, v, time.UnixMilli(int64(endsMs)))
}

// after returns the secret that follows another one.
func (v family) after(secret string) string {
	mac := hmac.New(sha256.New, v.Salt)
	mac.Write([]byte(secret))
	return b64(mac.Sum(nil))
}

// follow returns the good secret for one that was replaced of late, or false when it was not.
func (v family) follow(secret string, now time.Time) (string, bool) {
	hash := digest(secret)
	for _, r := range v.Retired {
		if r.Hash != hash || now.Sub(time.UnixMilli(r.AtMs)) > refreshGrace {
			continue
		}
		for range maxRetired {
			if secret = v.after(secret); same(digest(secret), v.Current) {
				return secret, true
			}
		}
	}
	return "", false
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// rotate replaces the good secret by the one that follows.
func (v *family) rotate(secret string, now time.Time) string {
	kept := v.Retired[:0]
	for _, r := range v.Retired {
		if now.Sub(time.UnixMilli(r.AtMs)) <= refreshGrace {
			kept = append(kept, r)
		}
	}
	if len(kept) >= maxRetired {
		kept = kept[1:]
	}
	next := v.after(secret)
	v.Retired = append(kept, retired{Hash: v.Current, AtMs: now.UnixMilli()})
	v.Current = digest(next)
	return next
}

// refresh serves the grant of a refresh token.
func (c *Connect) refresh(ctx context.Context, client App, f form) (tokens, error) {
	if err := f.need("refresh_token"); err != nil {
		return tokens{}, err
	}
	ended := refuse(invalidGrant, "the refresh token is not known, was used or has ended; log in again")
	id, secret, ok := strings.Cut(f["refresh_token"], ".")
	if raw, err := unb64(id); !ok || err != nil || len(raw) != 16 || !isHash(secret) {
		return tokens{}, ended
	}
	for {
		known, err := load[family](ctx, c, shelf.Families, id)
		if errors.Is(err, shelf.ErrNone) {
			return tokens{}, ended
		}
		if err != nil {
			return tokens{}, err
		}
		v := &known.value
		if v.Revoked || v.ClientID != client.ClientID || f["redirect_uri"] != "" && f["redirect_uri"] != v.RedirectURI {
			return tokens{}, ended
		}
		next, rotated, err := c.step(ctx, &known, secret)
		if err != nil {
			return tokens{}, err
		}
		// Tokens are made before the old one is given up: when the certifier is away, it is still good afterwards.
		made, err := c.mint(ctx, v.Session)
		if err != nil {
			return tokens{}, err
		}
		if rotated {
			if err := swap(ctx, c, known); errors.Is(err, shelf.ErrChanged) {
				continue // another tab was faster
			} else if err != nil {
				return tokens{}, err
			}
		}
		return c.answer(made, id+"."+next), nil
	}
}

// step finds the secret to answer with, and says whether the family has to be written for it. A token that was replaced
// longer ago was stolen from whoever replaced it, or the other way round: the family ends.
func (c *Connect) step(ctx context.Context, known *record[family], secret string) (next string, rotated bool, err error) {
	v, now := &known.value, c.Now()
	if same(digest(secret), v.Current) {
		return v.rotate(secret, now), true, nil
	}
	if next, ok := v.follow(secret, now); ok {
		return next, false, nil
	}
	c.Log.LogAttrs(ctx, slog.LevelWarn, "a refresh token came again; its login is ended", slog.String("client", v.ClientID))
	return "", false, errors.Join(refuse(invalidGrant, "the refresh token was used before; log in again"), c.revoke(ctx, known.row.Key))
}

// revoke ends a family. It stays as revoked, so that nothing brings it back.
func (c *Connect) revoke(ctx context.Context, id string) error {
	for {
		known, err := load[family](ctx, c, shelf.Families, id)
		if errors.Is(err, shelf.ErrNone) {
			return nil
		}
		if err != nil {
			return err
		}
		known.value = family{ClientID: known.value.ClientID, Revoked: true}
		if err = swap(ctx, c, known); !errors.Is(err, shelf.ErrChanged) {
			return err
		}
	}
}
