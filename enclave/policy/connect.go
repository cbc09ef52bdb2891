package policy

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"strings"
	"time"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/curve"
	"github.com/redoubt-kms/redoubt/internal/id"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/rule"
	"github.com/redoubt-kms/redoubt/proof"
)

// maxConnection is how long a connection lasts at most.
const maxConnection = 31 * 24 * time.Hour

// connectApp connects an app with a wallet: it becomes a user whose policy lets them use that wallet and nothing else.
func (e *Engine) connectApp(ctx context.Context, c *caller, params *api.ConnectAppParams) (answer, error) {
	d := c.ask(rule.Question{})
	if !d.Allowed {
		return e.deny(ctx, c, proof.ID{}, d)
	}
	wallet, err := parseID(params.WalletID, "params.walletId")
	if err != nil {
		return answer{}, err
	}
	held, err := e.wallet(ctx, c.organization, wallet)
	if err != nil {
		return answer{}, err
	}
	if held.value == nil {
		return answer{}, api.Errorf(api.TypeNotFound, "no such wallet")
	}
	user, err := c.connection(params)
	if err != nil {
		return answer{}, err
	}
	user.Policy.Wallet = wallet
	after, err := c.record.value.Connect(user, e.limits)
	if err != nil {
		return answer{}, err
	}
	return e.applyOrganization(ctx, c, d, c.record.value, after, connectionResult(&after.Users[after.User(user.Username)]))
}

// connection reads the user that a connection is.
func (c *caller) connection(params *api.ConnectAppParams) (org.User, error) {
	user := org.User{Username: org.Connected(params.ClientID), Created: c.now, Expires: c.now + uint64(maxConnection.Milliseconds())}
	if params.ClientID == org.ConnectClient {
		return user, api.Errorf(api.TypeInvalid, "is the name of Connect itself").At("params.clientId")
	}
	if err := checkName(params.ClientID, api.MaxName-len(org.Connected("")), "params.clientId"); err != nil {
		return user, err
	}
	if err := checkName(params.AppName, api.MaxName, "params.appName"); err != nil {
		return user, err
	}
	if err := checkOrigin(params.Origin); err != nil {
		return user, err
	}
	user.Traits = []org.Trait{{Name: org.TraitApp, Value: params.ClientID}, {Name: org.TraitAppName, Value: params.AppName}}
	if params.Origin != "" {
		user.Traits = append(user.Traits, org.Trait{Name: org.TraitOrigin, Value: params.Origin})
	}
	if params.ExpiresInMs != nil {
		if *params.ExpiresInMs <= 0 || *params.ExpiresInMs > maxConnection.Milliseconds() {
			return user, api.Errorf(api.TypeInvalid, "want 1 to %d milliseconds", maxConnection.Milliseconds()).At("params.expiresInMs")
		}
		user.Expires = c.now + uint64(*params.ExpiresInMs)
	}
	user.Policy = org.Policy{Type: org.PolicyCEL, Preset: org.PresetDappConnection, Environment: rule.Environment}
	if cents := params.UsdCentsLimitPerDay; cents != nil {
		if *cents < 0 || *cents > 1<<31-1 {
			return user, api.Errorf(api.TypeInvalid, "want 0 to 2147483647 cents").At("params.usdCentsLimitPerDay")
		}
		user.Policy.USDLimit = &org.USDLimit{CentsPerDay: uint64(*cents)}
	}
	key, err := c.connectionKey(params)
	key.Expires = user.Expires
	user.Authenticators = []org.Authenticator{key}
	return user, err
}

// connectionKey is by what an app's requests are known: tokens of the person's login to the app, for one session key, or a key
// of its own. A later connection of the same app is for other keys, so that what was disconnected stays so.
func (c *caller) connectionKey(params *api.ConnectAppParams) (org.Authenticator, error) {
	made := org.Authenticator{ID: id.Random(), Name: params.AppName, Kind: org.KindKeypair, Algorithm: params.Algorithm, Created: c.now}
	if params.PublicKey.Given() {
		key, err := publicKey(params.PublicKey)
		if err == nil {
			made.PublicKey, err = curve.CanonicalKey(params.Algorithm, key)
		}
		if err != nil {
			return made, api.Errorf(api.TypeInvalid, "not a public key of the algorithm").At("params.publicKey")
		}
		return made, nil
	}
	if c.session == "" {
		return made, api.Errorf(api.TypeInvalid, "the request is stamped without a login, so the app needs a key of its own").At("params.publicKey")
	}
	if b, err := base64.RawURLEncoding.Strict().DecodeString(params.Nonce); err != nil || len(b) != sha256.Size {
		return made, api.Errorf(api.TypeInvalid, "want the nonce of the app's session key: base64url of the SHA-256 of its public key").At("params.nonce")
	}
	var err error
	made.Kind, made.Algorithm = org.KindOIDC, ""
	made.PublicKey, err = org.OIDC{
		Version: 1, Source: org.SourceConnect, Subject: c.session, Audience: []string{params.ClientID}, Origin: params.Origin, Nonce: params.Nonce,
	}.Encode()
	return made, err
}

// checkOrigin wants a web origin in its one spelling (RFC 6454), or none.
func checkOrigin(text string) error {
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || len(text) > 4*api.MaxName || text != u.Scheme+"://"+strings.ToLower(u.Host) {
		return api.Errorf(api.TypeInvalid, "want an origin: scheme, host and port, like https://app.example").At("params.origin")
	}
	return nil
}

func (e *Engine) disconnectApp(ctx context.Context, c *caller, params *api.DisconnectAppParams) (answer, error) {
	username := org.Connected(params.ClientID)
	d := c.ask(rule.Question{Target: username})
	if !d.Allowed {
		return e.deny(ctx, c, proof.ID{}, d)
	}
	before := c.record.value
	i := before.User(username)
	if i < 0 {
		return answer{}, api.Errorf(api.TypeNotFound, "no such connection").At("params.clientId")
	}
	if _, ok := before.Users[i].Connection(); !ok {
		return answer{}, api.Errorf(api.TypeNotFound, "no such connection").At("params.clientId")
	}
	after, err := before.DeleteUser(username, c.now)
	if err != nil {
		return answer{}, err
	}
	return e.applyOrganization(ctx, c, d, before, after, connectionResult(&before.Users[i]))
}

func (e *Engine) listConnections(ctx context.Context, c *caller, _ *api.OrganizationParams) (answer, error) {
	if d := c.ask(rule.Question{}); !d.Allowed {
		return e.deny(ctx, c, proof.ID{}, d)
	}
	result := api.Connections{Connections: []api.Connection{}}
	for i := range c.record.value.Users {
		if u := &c.record.value.Users[i]; !org.Expired(u.Expires, c.now) {
			if _, ok := u.Connection(); ok {
				result.Connections = append(result.Connections, connectionResult(u))
			}
		}
	}
	return success(result), nil
}

func connectionResult(u *org.User) api.Connection {
	result := api.Connection{
		Username: u.Username, ClientID: u.Trait(org.TraitApp), AppName: u.Trait(org.TraitAppName), Origin: u.Trait(org.TraitOrigin),
		WalletID: uuid(u.Policy.Wallet), CreatedAtMs: int64(u.Created), ExpiresAtMs: int64(u.Expires),
	}
	if l := u.Policy.USDLimit; l != nil {
		cents := int64(l.CentsPerDay)
		result.UsdCentsLimitPerDay = &cents
	}
	return result
}
