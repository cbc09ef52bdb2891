package connect

import (
	"errors"
	"net/http"
	"strings"

	"github.com/mr-tron/base58"

	"github.com/redoubt-kms/redoubt/host/connect/shelf"
)

// startRequest is what a page posts to begin a login: one of the members.
type startRequest struct {
	JAR      string            `json:"jar"`      // request object
	Legacy   map[string]string `json:"legacy"`   // query of the first generation
	From     string            `json:"from"`     // with Legacy: the page that led here, as the browser says; may be empty
	UserCode string            `json:"userCode"` // of a device
	Key      string            `json:"key"`      // with UserCode: the program's key as its link gives it, base58; may be empty
	Account  bool              `json:"account"`
}

// located is where a page goes next.
type located struct {
	Location string `json:"location"`
}

// startLogin serves POST /login/start.
func (c *Connect) startLogin(w http.ResponseWriter, r *http.Request) error {
	if err := c.may(r, actStart); err != nil {
		return err
	}
	var asked startRequest
	if err := readJSON(w, r, &asked, false); err != nil {
		return err
	}
	var l login
	var err error
	switch {
	case asked.JAR != "":
		l, err = c.appLogin(r, asked.JAR)
	case asked.Legacy != nil:
		l, err = c.legacyLogin(r, asked.Legacy, asked.From)
	case asked.UserCode != "":
		l, err = c.deviceLogin(r, asked.UserCode, asked.Key)
	case asked.Account:
		l = login{For: forAccount}
	default:
		err = refuse(invalidRequest, "nothing says which login this is for; go back to the app and log in again")
	}
	if err != nil {
		return err
	}
	id, err := c.begin(w, r, l)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, located{Location: withQuery("/login/sign-in", "login", id)})
	return nil
}

// appLogin begins the login that a request object asks for.
func (c *Connect) appLogin(r *http.Request, compact string) (login, error) {
	j, err := parseJAR(compact)
	if err == nil {
		err = j.check(c.Now(), c.Origin+"/login/start", c.Origin)
	}
	if err != nil {
		return login{}, refuse(invalidRequest, err.Error())
	}
	a, err := c.visitor(r.Context(), j.clientID, j.redirectURI)
	if err != nil {
		return login{}, err
	}
	// Once, whoever signed it: the signature could be made anew, so that what is in it counts, under the key that it names.
	once := digest(strings.Join([]string{j.nonce, j.challenge, j.state}, "\n"))
	switch err := c.add(r.Context(), shelf.Used, once, true, c.Now().Add(maxJARLife+2*clockSkew)); {
	case errors.Is(err, shelf.ErrTaken):
		return login{}, refuse(invalidRequest, "this login was begun already; go back to the app and log in again")
	case err != nil:
		return login{}, err
	}
	hint, _, _ := strings.Cut(j.hint, ":")
	return login{
		For: forApp, ClientID: a.ClientID, AppName: a.Name, Vouched: a.Source == ByOperator, RedirectURI: j.redirectURI,
		Origin: originOf(j.redirectURI), Nonce: j.nonce, Challenge: j.challenge, State: j.state, Hint: hint,
	}, nil
}

// legacyLogin begins a login of the first generation. Nothing proves that the app has the key, and the key may use the wallet
// wherever the answer goes. So a web app must have led the browser here itself: another page, or a link in a message, could bring a
// key of its own in the app's name. Of an app without web pages nothing is known.
func (c *Connect) legacyLogin(r *http.Request, query map[string]string, from string) (login, error) {
	a, err := c.visitor(r.Context(), query["app_id"], query["redirect_uri"])
	if err != nil {
		return login{}, err
	}
	if !a.leads(from, query["redirect_uri"]) {
		return login{}, refuse(invalidRequest, "the app itself did not send you here; go to the app and log in from there")
	}
	key, err := readLegacyKey(query["public_key"], query["algorithm"])
	if err != nil {
		return login{}, err
	}
	if query["session_id"] == "" || len(query["session_id"]) > maxState {
		return login{}, refuse(invalidRequest, "the parameter session_id is missing or too long")
	}
	if len(query["provider"]) > maxState {
		return login{}, refuse(invalidRequest, "the parameter provider is too long")
	}
	return login{
		For: forLegacy, ClientID: a.ClientID, AppName: a.Name, Vouched: a.Source == ByOperator, RedirectURI: query["redirect_uri"],
		Origin: originOf(query["redirect_uri"]), Legacy: &key, Session: query["session_id"], Hint: query["provider"],
	}, nil
}

// readLegacyKey reads a public key in base58. The first clients named no algorithm, and had Ed25519 alone.
func readLegacyKey(text, algorithm string) (legacyKey, error) {
	bad := refuse(invalidRequest, "the parameter public_key is no key of Ed25519 or Secp256r1 in base58")
	if len(text) > 128 {
		return legacyKey{}, bad
	}
	raw, err := base58.Decode(text)
	if err != nil {
		return legacyKey{}, bad
	}
	if algorithm == "" {
		algorithm = "Ed25519"
	}
	if algorithm == "Ed25519" && len(raw) == 32 || algorithm == "Secp256r1" && len(raw) == 65 && raw[0] == 4 {
		return legacyKey{PublicKey: b64(raw), Algorithm: algorithm}, nil
	}
	return legacyKey{}, bad
}

// deviceLogin begins the login of a device whose code a person typed.
func (c *Connect) deviceLogin(r *http.Request, typed, key string) (login, error) {
	if err := c.may(r, actUserCode); err != nil {
		return login{}, err
	}
	d, err := c.deviceOf(r.Context(), typed)
	if err != nil {
		return login{}, err
	}
	if key != "" && len(key) <= 128 {
		raw, err := base58.Decode(key)
		if err != nil || nonceOf(raw) != d.value.Nonce {
			return login{}, refuse(invalidRequest, "the link names another key than the program that made the code; start again, and use the new link")
		}
	}
	a, err := c.app(r.Context(), d.value.ClientID)
	if err != nil {
		return login{}, err
	}
	return login{
		For: forDevice, ClientID: a.ClientID, AppName: a.Name, Vouched: a.Source == ByOperator, Nonce: d.value.Nonce, Device: d.row.Key,
	}, nil
}
