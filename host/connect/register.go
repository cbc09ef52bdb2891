package connect

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"

	"github.com/redoubt-kms/redoubt/host/connect/shelf"
)

// registration is the body of RFC 7591, in both directions. What is not here is not kept.
type registration struct {
	ClientID     string   `json:"client_id,omitempty"`
	IssuedAt     int64    `json:"client_id_issued_at,omitempty"` // seconds
	Name         string   `json:"client_name,omitempty"`
	RedirectURIs []string `json:"redirect_uris"`
	GrantTypes   []string `json:"grant_types"`
	Responses    []string `json:"response_types"`
	Application  string   `json:"application_type,omitempty"`
	Audience     []string `json:"audience,omitempty"`
	AuthMethod   string   `json:"token_endpoint_auth_method"`
	Scope        string   `json:"scope,omitempty"`
}

// register serves POST /oauth2/register. An app that registers itself gets device codes; redirect URIs it gets only in
// development, and only on this machine: whoever may name an address to which codes are sent may phish, so elsewhere the
// operator does that, on the machine or by a program that shows the initial access token. The client may choose its id, which must
// not be known.
func (c *Connect) register(w http.ResponseWriter, r *http.Request) error {
	if err := c.may(r, actRegister); err != nil {
		return err
	}
	operator, err := c.operator.asks(r)
	if err != nil {
		return err
	}
	var asked registration
	if err := readJSON(w, r, &asked, true); err != nil {
		var f *fault
		if errors.As(err, &f) && f.status == http.StatusBadRequest {
			f.code = invalidMetadata // RFC 7591, 3.2.2
		}
		return err
	}
	a, err := c.metadata(&asked, operator)
	if err != nil {
		return err
	}
	a.CreatedAtMs = c.Now().UnixMilli()
	err = c.add(r.Context(), shelf.Apps, a.ClientID, a, appExpiry(a, c.Now()))
	if errors.Is(err, shelf.ErrTaken) {
		a, err = c.sameApp(r, a)
	}
	if err != nil {
		return err
	}
	asked.ClientID, asked.IssuedAt, asked.AuthMethod, asked.Scope = a.ClientID, a.CreatedAtMs/1000, "none", scope
	asked.RedirectURIs = append([]string{}, asked.RedirectURIs...)
	writeJSON(w, http.StatusCreated, asked)
	return nil
}

// sameApp answers one who registers anew what it registered already: its answer may have been lost.
func (c *Connect) sameApp(r *http.Request, a App) (App, error) {
	known, err := c.app(r.Context(), a.ClientID)
	if err != nil {
		return App{}, err
	}
	was := known
	was.CreatedAtMs = a.CreatedAtMs
	one, err1 := json.Marshal(was)
	other, err2 := json.Marshal(a)
	if err := errors.Join(err1, err2); err != nil {
		return App{}, err
	}
	if string(one) != string(other) {
		return App{}, refuse(invalidMetadata, "the client_id is taken; choose another, or none")
	}
	return known, nil
}

// metadata checks what an app says about itself, and fills in what it does not say.
func (c *Connect) metadata(asked *registration, operator bool) (App, error) {
	if asked.ClientID == "" {
		asked.ClientID = uuid()
	}
	if !operator && !isUUID(asked.ClientID) {
		return App{}, refuse(invalidMetadata, "client_id: want a UUID in small letters, or none")
	}
	if asked.Name == "" {
		asked.Name = asked.ClientID
	}
	if asked.GrantTypes == nil {
		asked.GrantTypes = []string{grantCode} // RFC 7591, 2
	}
	for _, g := range asked.GrantTypes {
		if !slices.Contains([]string{grantCode, grantRefresh, grantDevice}, g) {
			return App{}, refuse(invalidMetadata, "grant_types: want "+grantCode+", "+grantRefresh+" or "+grantDevice)
		}
	}
	code := slices.Contains(asked.GrantTypes, grantCode)
	if asked.Responses == nil {
		asked.Responses = []string{}
		if code {
			asked.Responses = []string{"code"}
		}
	}
	if slices.ContainsFunc(asked.Responses, func(s string) bool { return s != "code" }) {
		return App{}, refuse(invalidMetadata, "response_types: want code, or none")
	}
	if code != (len(asked.RedirectURIs) > 0) {
		return App{}, refuse(invalidRedirectURI, "redirect_uris go with the grant "+grantCode+", and it with them")
	}
	if code && slices.Contains(asked.GrantTypes, grantDevice) {
		return App{}, refuse(invalidMetadata, "grant_types: an app has "+grantCode+" or "+grantDevice+"; register another one for the other")
	}
	for _, uri := range asked.RedirectURIs {
		if checkRedirect(uri) != nil {
			return App{}, refuse(invalidRedirectURI, errRedirect.Error())
		}
		if !operator && (!c.OpenApps || !isLoopback(uri)) {
			return App{}, refuse(invalidRedirectURI, "apps do not register redirect_uris themselves here; ask whoever runs this system")
		}
	}
	a := App{ClientID: asked.ClientID, Name: asked.Name, RedirectURIs: asked.RedirectURIs, Source: ByItself}
	if operator {
		a.Source = ByOperator
	}
	if err := a.Check(); err != nil {
		return App{}, refuse(invalidMetadata, err.Error())
	}
	if len(asked.Audience) > maxURIs || slices.ContainsFunc(asked.Audience, func(s string) bool { return len(s) > maxState }) {
		return App{}, refuse(invalidMetadata, "audience is too long")
	}
	return a, nil
}
