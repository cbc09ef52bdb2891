package connect

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/wire"
)

// authorizeBody is what the page stamps for the certifier. The host reads it only to find the login.
type authorizeBody struct {
	Method string `json:"method"`
	Params struct {
		OrganizationID string   `json:"organizationId"`
		ClientID       string   `json:"clientId"`
		RedirectURI    string   `json:"redirectUri"`
		Origin         string   `json:"origin"`
		Nonce          string   `json:"nonce"`
		Audience       []string `json:"audience"`
		ExpiresInMs    uint64   `json:"expiresInMs"`
		Transaction    string   `json:"transaction"`
	} `json:"params"`
	TimestampMs uint64 `json:"timestampMs"`
}

// authorize serves POST /login/authorize: the consent, which the page's session key stamped.
func (c *Connect) authorize(w http.ResponseWriter, r *http.Request) error {
	if err := c.may(r, actSignIn); err != nil {
		return err
	}
	stamps := r.Header.Values(api.HeaderStamp)
	if len(stamps) != 1 || len(stamps[0]) > api.MaxStamp {
		return refuse(invalidRequest, "the consent is not stamped")
	}
	body, err := readBody(w, r, maxBody)
	if err != nil {
		return err
	}
	var said authorizeBody
	if err := json.Unmarshal(body, &said, json.RejectUnknownMembers(true)); err != nil || said.Method != "authorizeSession" {
		return refuse(invalidRequest, "the consent is not as documented")
	}
	l, err := c.login(r, said.Params.Transaction)
	if err != nil {
		return err
	}
	if l.value.For != forApp && l.value.For != forDevice {
		return refuse(invalidRequest, "this login ends in another way")
	}
	given, err := c.Certifier.Authorize(r.Context(), wire.Request{Body: body, Stamp: stamps[0]})
	if err != nil {
		return refused(err, accessDenied)
	}
	if given.Transaction != l.row.Key || given.ClientID != l.value.ClientID || given.RedirectURI != l.value.RedirectURI || given.Origin != l.value.Origin || given.Nonce != l.value.Nonce {
		return refuse(invalidRequest, "the consent is for another login than this one")
	}
	if err := c.finish(r.Context(), l); err != nil {
		return err
	}
	location, err := c.conclude(r.Context(), l.value, given)
	if err != nil {
		return err
	}
	c.Log.LogAttrs(r.Context(), slog.LevelInfo, "login", slog.String("client", given.ClientID), slog.String("organization", given.OrganizationID))
	writeJSON(w, http.StatusOK, located{Location: location})
	return nil
}

// conclude hands a consent over to the app, and returns where the page goes.
func (c *Connect) conclude(ctx context.Context, l login, given wire.Authorized) (string, error) {
	if l.For == forDevice {
		return "/device-connect/done", c.decide(ctx, l.Device, deviceApproved, given.Session)
	}
	text, err := c.newCode(ctx, code{ClientID: l.ClientID, RedirectURI: l.RedirectURI, Challenge: l.Challenge, Session: given.Session})
	if err != nil {
		return "", err
	}
	return withQuery(l.RedirectURI, "code", text, "state", l.State), nil
}

// deny serves POST /login/deny: the person does not want it.
func (c *Connect) deny(w http.ResponseWriter, r *http.Request) error {
	var asked struct {
		Login string `json:"login"`
	}
	if err := readJSON(w, r, &asked, false); err != nil {
		return err
	}
	l, err := c.login(r, asked.Login)
	if err != nil {
		return err
	}
	if err := c.finish(r.Context(), l); err != nil {
		return err
	}
	const why = "the person did not allow it"
	location := "/account"
	switch l.value.For {
	case forApp:
		location = withQuery(l.value.RedirectURI, "error", accessDenied, "error_description", why, "state", l.value.State)
	case forLegacy:
		location = withQuery(l.value.RedirectURI, "error", accessDenied, "error_description", why, "session_id", l.value.Session)
	case forDevice:
		location = "/device-connect/done?denied=1"
		if err := c.decide(r.Context(), l.value.Device, deviceDenied, nil); err != nil {
			return err
		}
	case forAccount:
	}
	writeJSON(w, http.StatusOK, located{Location: location})
	return nil
}

// maxSession is the longest time that a person can let an app in for.
const maxSession = 31 * 24 * time.Hour

// connected serves POST /login/connected: the page let the key of an app of the first generation in, and says as what. It
// can say nothing but to the app, in the person's own browser; what the key may do is in the policy.
func (c *Connect) connected(w http.ResponseWriter, r *http.Request) error {
	var said struct {
		Login          string `json:"login"`
		OrganizationID string `json:"organizationId"`
		WalletID       string `json:"walletId"`
		Subject        string `json:"subject"`
		AccountIndex   uint32 `json:"accountIndex"`
		ExpiresInMs    int64  `json:"expiresInMs"`
	}
	if err := readJSON(w, r, &said, false); err != nil {
		return err
	}
	if !isUUID(said.OrganizationID) || !isUUID(said.WalletID) || said.Subject == "" || len(said.Subject) > 128 ||
		said.ExpiresInMs <= 0 || said.ExpiresInMs > maxSession.Milliseconds() {
		return refuse(invalidRequest, "the connection is not as documented")
	}
	l, err := c.login(r, said.Login)
	if err != nil {
		return err
	}
	if l.value.For != forLegacy {
		return refuse(invalidRequest, "this login ends in another way")
	}
	if err := c.finish(r.Context(), l); err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, located{Location: withQuery(l.value.RedirectURI, "response_type", "success", "wallet_id", said.WalletID,
		"organization_id", said.OrganizationID, "session_id", l.value.Session, "selected_account_index", strconv.FormatUint(uint64(said.AccountIndex), 10),
		"expires_in_ms", strconv.FormatInt(said.ExpiresInMs, 10), "auth_user_id", said.Subject)})
	return nil
}
