package connect

import (
	"context"
	"errors"
	"net/http"

	"golang.org/x/oauth2"

	"github.com/redoubt-kms/redoubt/internal/wire"
)

// outside is a login's way over an outside provider.
type outside struct {
	Name      string `json:"name"`
	State     string `json:"state"`     // hash
	Verifier  string `json:"verifier"`  // PKCE
	Challenge []byte `json:"challenge"` // of the login that the certifier began
}

// signInOutside serves POST /login/provider: where the page sends the person. The nonce that the provider puts into its
// token is that of the page's session key, so that nobody else can use the token.
func (c *Connect) signInOutside(w http.ResponseWriter, r *http.Request) error {
	if err := c.may(r, actSignIn); err != nil {
		return err
	}
	var asked struct {
		Login string `json:"login"`
		Name  string `json:"name"`
		Nonce string `json:"nonce"`
	}
	if err := readJSON(w, r, &asked, false); err != nil {
		return err
	}
	p := c.providers[asked.Name]
	if p == nil || !isHash(asked.Nonce) {
		return refuse(invalidRequest, "there is no such way to sign in")
	}
	if _, err := c.login(r, asked.Login); err != nil {
		return err
	}
	m, err := c.metadataOf(r.Context(), p)
	if err != nil {
		return &unreached{err}
	}
	begun, err := c.Certifier.SignInBegin(r.Context(), wire.SignInBegin{Nonce: asked.Nonce})
	if err != nil {
		return refused(err, invalidRequest)
	}
	state, verifier := asked.Login+"."+random(24), oauth2.GenerateVerifier()
	_, err = c.change(r, asked.Login, func(l *login) error {
		l.Outside = outside{Name: p.Name, State: digest(state), Verifier: verifier, Challenge: begun.Challenge}
		return nil
	})
	if err != nil {
		return err
	}
	address := c.config(p, m).AuthCodeURL(state, oauth2.S256ChallengeOption(verifier), oauth2.SetAuthURLParam("nonce", asked.Nonce))
	writeJSON(w, http.StatusOK, located{Location: address})
	return nil
}

// returned serves POST /login/callback: what the provider sent back with the person. The page posts it, because the cookie
// does not come along from another site.
func (c *Connect) returned(w http.ResponseWriter, r *http.Request) error {
	if err := c.may(r, actSignIn); err != nil {
		return err
	}
	var came struct {
		State  string `json:"state"`
		Code   string `json:"code"`
		Error  string `json:"error"`
		Issuer string `json:"iss"` // RFC 9207; may be empty
	}
	if err := readJSON(w, r, &came, false); err != nil {
		return err
	}
	id := came.State[:min(len(came.State), 22)]
	var way outside
	l, err := c.change(r, id, func(l *login) error {
		if l.Outside.State == "" || !same(digest(came.State), l.Outside.State) {
			return errLogin()
		}
		if l.Tries >= maxTries {
			return tooMany("too many attempts; go back to the app and log in again")
		}
		way, l.Outside = l.Outside, outside{} // once
		l.Tries++
		return nil
	})
	if err != nil {
		return err
	}
	p := c.providers[way.Name]
	if p == nil {
		return errLogin()
	}
	if came.Issuer != "" && came.Issuer != p.Issuer {
		return refuse(accessDenied, "somebody else than "+p.Title+" answered; choose another way to sign in, or try again")
	}
	if came.Code == "" {
		return refuse(accessDenied, p.Title+" did not let you in; choose another way to sign in, or try again")
	}
	token, err := c.exchange(r.Context(), p, came.Code, way.Verifier)
	if err != nil {
		return err
	}
	in, err := c.Certifier.SignIn(r.Context(), wire.SignIn{Challenge: way.Challenge, IDToken: token})
	if err != nil {
		return p.unfit(err)
	}
	c.signedIn(w, id, l, in)
	return nil
}

// exchange turns the provider's code into its ID token.
func (c *Connect) exchange(ctx context.Context, p *provider, code, verifier string) (string, error) {
	m, err := c.metadataOf(ctx, p)
	if err != nil {
		return "", &unreached{err}
	}
	given, err := c.config(p, m).Exchange(context.WithValue(ctx, oauth2.HTTPClient, c.Client), code, oauth2.VerifierOption(verifier))
	var said *oauth2.RetrieveError
	if errors.As(err, &said) {
		return "", refuse(accessDenied, p.Title+" did not confirm the sign-in; try again")
	}
	if err != nil {
		return "", &unreached{err}
	}
	token, _ := given.Extra("id_token").(string)
	if token == "" {
		return "", refuse(accessDenied, p.Title+" sent no ID token; choose another way to sign in")
	}
	return token, nil
}

// unfit turns what the certifier says of a provider's token into what the person can do about it. That the provider's keys
// cannot be had says nothing about the token.
func (p *provider) unfit(err error) error {
	var said *wire.Fault
	if errors.As(err, &said) && (said.Code == wire.FaultKeysNeeded || said.Code == wire.FaultFetch) {
		return &unreached{err}
	}
	refusal := refused(err, accessDenied)
	var f *fault
	if errors.As(refusal, &f) {
		f.description = "what " + p.Title + " said of you does not hold (" + f.description + "); try again, or choose another way to sign in"
	}
	return refusal
}
