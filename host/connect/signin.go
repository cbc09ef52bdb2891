package connect

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/mail"
	"strings"
	"time"

	"github.com/redoubt-kms/redoubt/host/connect/shelf"
	"github.com/redoubt-kms/redoubt/internal/wire"
)

// signInBegin serves POST /login/begin: what the evidence of a way to sign in must contain, for a page's session key.
func (c *Connect) signInBegin(w http.ResponseWriter, r *http.Request) error {
	if err := c.may(r, actSignIn); err != nil {
		return err
	}
	var asked struct {
		Login string `json:"login"`
		Nonce string `json:"nonce"` // base64url(SHA-256(public key)) of the page's session key
		Email string `json:"email"` // for a one-time code
	}
	if err := readJSON(w, r, &asked, false); err != nil {
		return err
	}
	if !isHash(asked.Nonce) {
		return refuse(invalidRequest, "nonce: want the hash of the page's key")
	}
	if _, err := c.login(r, asked.Login); err != nil {
		return err
	}
	var address string
	if asked.Email != "" {
		var err error
		if address, err = c.mailTo(r, asked.Login, asked.Email); err != nil {
			return err
		}
	}
	begun, err := c.Certifier.SignInBegin(r.Context(), wire.SignInBegin{Nonce: asked.Nonce, Email: address})
	if err != nil {
		return refused(err, invalidRequest)
	}
	if address != "" {
		if err := c.sendCode(r.Context(), address, begun.Code); err != nil {
			return err
		}
	}
	writeJSON(w, http.StatusOK, map[string]string{"challenge": b64(begun.Challenge)})
	return nil
}

// mailTo checks that a one-time code may be sent, and to where.
func (c *Connect) mailTo(r *http.Request, id, typed string) (string, error) {
	if c.Mail == nil && !c.LogCodes {
		return "", refuse(invalidRequest, "signing in by e-mail is not set up here")
	}
	address, err := readAddress(typed)
	if err != nil {
		return "", err
	}
	if err := c.may(r, actMail); err != nil {
		return "", err
	}
	if !c.rates.allow("mailbox "+digest(address), mailsPerHour, time.Hour, c.Now()) {
		return "", tooMany("too many codes were sent to this address")
	}
	_, err = c.change(r, id, func(l *login) error {
		if l.Mails >= maxMails {
			return tooMany("too many codes were sent for this login; go back to the app and log in again")
		}
		l.Mails++
		return nil
	})
	return address, err
}

// readAddress reads an e-mail address: one, bare, that no line of a mail can be smuggled in with.
func readAddress(typed string) (string, error) {
	bad := refuse(invalidRequest, "this is not an e-mail address")
	typed = strings.TrimSpace(typed)
	if len(typed) > 254 || strings.ContainsFunc(typed, func(r rune) bool { return r <= 0x20 || r >= 0x7f }) {
		return "", bad
	}
	a, err := mail.ParseAddress(typed)
	if err != nil || a.Name != "" || a.Address != typed || strings.Count(typed, "@") != 1 {
		return "", bad
	}
	return strings.ToLower(typed), nil
}

// signIn serves POST /login/finish: the evidence.
func (c *Connect) signIn(w http.ResponseWriter, r *http.Request) error {
	if err := c.may(r, actSignIn); err != nil {
		return err
	}
	var shown struct {
		Login     string     `json:"login"`
		Challenge string     `json:"challenge"`
		Code      string     `json:"code"`
		Passkey   *assertion `json:"passkey"`
	}
	if err := readJSON(w, r, &shown, false); err != nil {
		return err
	}
	challenge, err := unb64(shown.Challenge)
	if err != nil || len(challenge) != 32 || (shown.Code == "") == (shown.Passkey == nil) {
		return refuse(invalidRequest, "want a challenge, and a code or a passkey for it")
	}
	l, err := c.attempt(r, shown.Login)
	if err != nil {
		return err
	}
	evidence := wire.SignIn{Challenge: challenge, Code: strings.TrimSpace(shown.Code)}
	var key *record[credential]
	if shown.Passkey != nil {
		if key, err = c.bring(r.Context(), *shown.Passkey, &evidence); err != nil {
			return err
		}
	}
	in, err := c.Certifier.SignIn(r.Context(), evidence)
	if err != nil {
		return refused(err, accessDenied)
	}
	if key != nil {
		if err := c.confirm(r.Context(), *key); err != nil {
			return err
		}
	}
	c.signedIn(w, shown.Login, l, in)
	return nil
}

// attempt counts evidence that is shown: an address that changes does not get more of it.
func (c *Connect) attempt(r *http.Request, id string) (login, error) {
	return c.change(r, id, func(l *login) error {
		if l.Tries >= maxTries {
			return tooMany("too many attempts; go back to the app and log in again")
		}
		l.Tries++
		return nil
	})
}

// signedIn tells the page its login, and where it goes on.
func (c *Connect) signedIn(w http.ResponseWriter, id string, l login, in wire.SignedIn) {
	next := withQuery("/login/consent", "login", id)
	if l.For == forAccount {
		next = "/account"
	}
	writeJSON(w, http.StatusOK, map[string]any{"token": in.Token, "subject": in.Subject, "expiresAt": in.ExpiresAt, "location": next})
}

// sendCode sends a one-time code, or in development writes it into the log.
func (c *Connect) sendCode(ctx context.Context, address, code string) error {
	if c.Mail == nil {
		c.Log.LogAttrs(ctx, slog.LevelInfo, "development: a one-time code that would be mailed", slog.String("to", address), slog.String("code", code))
		return nil
	}
	if err := c.Mail.send(ctx, address, code, c.Origin, c.Now()); err != nil {
		return &unreached{err}
	}
	return nil
}

// confirm keeps a passkey that was used, if it was new.
func (c *Connect) confirm(ctx context.Context, key record[credential]) error {
	if key.row.Expires.IsZero() {
		return nil
	}
	key.row.Expires = time.Time{}
	if err := swap(ctx, c, key); !errors.Is(err, shelf.ErrChanged) {
		return err
	}
	return nil // another login with it was faster
}
