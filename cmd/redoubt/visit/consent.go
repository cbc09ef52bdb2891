package visit

import (
	"context"
	"encoding/json"
	"time"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/stamp"
)

// Asked is what a login is begun with: one of the members.
type Asked struct {
	JAR      string `json:"jar,omitempty"`      // request object of an app
	UserCode string `json:"userCode,omitempty"` // of a program
	Key      string `json:"key,omitempty"`      // with UserCode, as the program's link has it
}

// accounts are those of a wallet that is made for an app.
func accounts() []map[string]string {
	return []map[string]string{
		{"curve": "Ed25519", "derivationPath": "m/44'/501'/0'/0'", "addressFormat": "Solana"},
		{"curve": "Secp256k1", "derivationPath": "m/44'/60'/0'/0/0", "addressFormat": "Ethereum"},
	}
}

// Wallet returns the identifier of the wallet that an app has for itself, which is made when there is none.
func (p *Person) Wallet(ctx context.Context, clientID string) (string, error) {
	var made struct{ OrganizationID, WalletID string }
	if err := p.Call(ctx, api.GetOrCreatePhantomOrganization, map[string]any{}, &made); err != nil {
		return "", err
	}
	p.organization = made.OrganizationID
	err := p.Call(ctx, api.GetOrCreateWalletWithTag, map[string]any{
		"organizationId": p.organization, "walletName": "App Wallet", "tag": clientID, "accounts": accounts(), "mnemonicLength": 24,
	}, &made)
	return made.WalletID, err
}

// Allow opens the page of consent and lets the app in, with its own wallet and without a limit. It returns where the browser
// goes next: to the app, with an authorization code.
func (p *Person) Allow(ctx context.Context, login string, life time.Duration) (string, error) {
	page, err := p.page(ctx, "/login/consent?login="+login)
	if err != nil {
		return "", err
	}
	asked := dataset(page)
	wallet, err := p.Wallet(ctx, asked["client"])
	if err != nil {
		return "", err
	}
	var connection json.RawMessage
	if err := p.Call(ctx, api.ConnectApp, map[string]any{
		"organizationId": p.organization, "clientId": asked["client"], "appName": asked["app"], "origin": asked["origin"], "walletId": wallet,
		"nonce": asked["nonce"], "expiresInMs": life.Milliseconds(),
	}, &connection); err != nil {
		return "", err
	}
	body, err := json.Marshal(map[string]any{
		"method": "authorizeSession", "timestampMs": time.Now().UnixMilli(),
		"params": map[string]any{
			"organizationId": p.organization, "clientId": asked["client"], "redirectUri": asked["redirect"], "origin": asked["origin"],
			"nonce": asked["nonce"], "audience": []string{"urn:phantom:wallet-tag:" + asked["client"]}, "expiresInMs": life.Milliseconds(), "transaction": login,
		},
	})
	if err != nil {
		return "", err
	}
	header, err := stamp.SignOIDC(p.key, p.token, "", body)
	if err != nil {
		return "", err
	}
	var next struct{ Location string }
	err = p.post(ctx, "/login/authorize", header, body, &next)
	return next.Location, err
}

// Deny tells the app that the person does not want it.
func (p *Person) Deny(ctx context.Context, login string) error {
	var next struct{ Location string }
	return p.ask(ctx, "/login/deny", map[string]string{"login": login}, &next)
}
