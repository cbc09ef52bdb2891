package api

// ConnectAppParams connect an app with a wallet: whoever logs in to the app may use the wallet in it, within a limit, for a
// time. A connection that is there gets the new terms.
type ConnectAppParams struct {
	OrganizationID      string    `json:"organizationId"`
	ClientID            string    `json:"clientId"` // of the app
	AppName             string    `json:"appName"`
	Origin              string    `json:"origin,omitempty"` // scheme, host and port of the app's page; absent for a program without one
	WalletID            string    `json:"walletId"`
	UsdCentsLimitPerDay *int64    `json:"usdCentsLimitPerDay,omitempty"` // absent for no limit
	ExpiresInMs         *int64    `json:"expiresInMs,omitempty"`         // from now; absent for the longest, 31 days
	Nonce               string    `json:"nonce,omitempty"`               // of the app's session key, base64url(SHA-256(public key)): the one that the connection is for
	PublicKey           Raw       `json:"publicKey,omitempty"`           // in its place, of an app that stamps with a key of its own, as in NewAuthenticator
	Algorithm           Algorithm `json:"algorithm,omitempty"`
}

// Organization names the organization to act in.
func (p ConnectAppParams) Organization() string { return p.OrganizationID }

// DisconnectAppParams end the connection of an app.
type DisconnectAppParams struct {
	OrganizationID string `json:"organizationId"`
	ClientID       string `json:"clientId"`
}

// Organization names the organization to act in.
func (p DisconnectAppParams) Organization() string { return p.OrganizationID }

// Connection is an app that may use a wallet.
type Connection struct {
	Username            string `json:"username"`
	ClientID            string `json:"clientId"`
	AppName             string `json:"appName"`
	Origin              string `json:"origin,omitempty"`
	WalletID            string `json:"walletId"`
	UsdCentsLimitPerDay *int64 `json:"usdCentsLimitPerDay,omitempty"`
	CreatedAtMs         int64  `json:"createdAtMs"` // Unix milliseconds
	ExpiresAtMs         int64  `json:"expiresAtMs"` // Unix milliseconds
}

// Connections are those of an organization.
type Connections struct {
	Connections []Connection `json:"connections"`
}

// Way is a way by which a person signs in.
type Way struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Subject     string `json:"subject"`     // passkey:…, oidc:… or email:…
	Strong      bool   `json:"strong"`      // a one-time code is not
	CreatedAtMs int64  `json:"createdAtMs"` // Unix milliseconds
}

// WayChange is a change of the ways that waits.
type WayChange struct {
	ID            string `json:"id"`
	Change        string `json:"change"` // add or remove
	Way           Way    `json:"way"`
	EffectiveAtMs int64  `json:"effectiveAtMs"` // from when it can be completed, Unix milliseconds
}

// The kinds of WayChange.
const (
	ChangeAdd    = "add"
	ChangeRemove = "remove"
)

// Ways are those of an identity's organization, and the changes of them that wait.
type Ways struct {
	Ways    []Way       `json:"ways"`
	Pending []WayChange `json:"pending"`
}

// AddWayParams add a way to sign in: the token is of a login by it, with the key that stamps this request.
type AddWayParams struct {
	OrganizationID string   `json:"organizationId"`
	Name           string   `json:"name"`
	IDToken        string   `json:"idToken"`
	Proofs         []string `json:"proofs,omitempty"` // tokens of logins by other ways of the organization, with the same key
}

// Organization names the organization to act in.
func (p AddWayParams) Organization() string { return p.OrganizationID }

// RemoveWayParams take a way to sign in away.
type RemoveWayParams struct {
	OrganizationID string   `json:"organizationId"`
	WayID          string   `json:"wayId"`
	Proofs         []string `json:"proofs,omitempty"` // as in AddWayParams
}

// Organization names the organization to act in.
func (p RemoveWayParams) Organization() string { return p.OrganizationID }

// WayChangeParams complete or veto a change that waits.
type WayChangeParams struct {
	OrganizationID string `json:"organizationId"`
	ChangeID       string `json:"changeId"`
}

// Organization names the organization to act in.
func (p WayChangeParams) Organization() string { return p.OrganizationID }

// WayChanged is what became of a change: the way, if it is made, else the change that waits.
type WayChanged struct {
	Way     *Way       `json:"way,omitempty"`
	Pending *WayChange `json:"pending,omitempty"`
}
