package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/cmd/redoubt/visit"
)

// loginRow is how long logins take: what the server takes from the page that an app sends a browser to, to the app's first
// signature, in all its answers together. People and their devices take longer.
type loginRow struct {
	Who    string  `json:"who"` // new, who makes a passkey, an organization and a wallet; or known
	Logins int     `json:"logins"`
	P50    float64 `json:"p50_ms"`
	Max    float64 `json:"max_ms"`
}

// tokenRow is the throughput of signatures for an app that stamps with a token, beside that of an app whose key is known, in
// the same run. Both may do the same with the same wallet.
type tokenRow struct {
	Connections int     `json:"connections"`
	RPS         float64 `json:"rps"`
	P99         float64 `json:"p99_ms"`
	KeyRPS      float64 `json:"key_rps"`
	OfKey       float64 `json:"of_key"` // ratio
}

type loginReport struct {
	Logins []loginRow `json:"logins"`
	Tokens []tokenRow `json:"tokens"`
}

// benchPeople is how many people log in, twice each: one address may do no more of it in a minute.
const benchPeople = 7

// logins measures how long people wait for the server, and what the tokens of apps cost.
func (o benchOptions) logins(ctx context.Context, system *spawned, progress io.Writer) (*loginReport, error) {
	fmt.Fprintln(progress, "logins")
	u, err := url.Parse(system.url)
	if err != nil {
		return nil, err
	}
	origin := "http://localhost:" + u.Port()
	var first, again []time.Duration
	var person *visit.Person
	var app *visit.App
	for range benchPeople {
		if person, err = visit.NewPerson(origin); err != nil {
			return nil, err
		}
		for _, took := range []*[]time.Duration{&first, &again} {
			before := person.Waited()
			if app, err = letIn(ctx, origin, person); err != nil {
				return nil, err
			}
			*took = append(*took, person.Waited()-before+app.Waited())
		}
	}
	report := &loginReport{Logins: []loginRow{newLoginRow("new", first), newLoginRow("known", again)}}
	byToken, byKey, err := appLoads(ctx, system.url, person, app)
	if err != nil {
		return nil, err
	}
	for _, connections := range o.connections {
		fmt.Fprintf(progress, "tokens, %d connections\n", connections)
		row, err := o.tokenRow(ctx, byToken, byKey, connections)
		if err != nil {
			return nil, err
		}
		report.Tokens = append(report.Tokens, row)
	}
	return report, nil
}

func newLoginRow(who string, took []time.Duration) loginRow {
	s := samples{took: took}
	return loginRow{Who: who, Logins: len(took), P50: s.quantile(0.5), Max: s.quantile(1)}
}

// letIn takes a person from an app to its first signature.
func letIn(ctx context.Context, origin string, person *visit.Person) (*visit.App, error) {
	app, err := visit.NewApp(origin, "bench", "http://127.0.0.1:1/back")
	if err != nil {
		return nil, err
	}
	asked, err := app.Ask()
	if err != nil {
		return nil, err
	}
	login, err := person.SignIn(ctx, asked)
	if err != nil {
		return nil, err
	}
	location, err := person.Allow(ctx, login, time.Hour)
	if err != nil {
		return nil, err
	}
	if err := app.Arrive(ctx, location); err != nil {
		return nil, err
	}
	var wallet struct{ OrganizationID, WalletID string }
	if err := app.Call(ctx, api.GetOrCreatePhantomOrganization, map[string]any{}, &wallet); err != nil {
		return nil, err
	}
	params := map[string]any{"organizationId": wallet.OrganizationID, "tag": app.ClientID, "walletName": "App Wallet", "accounts": []any{}, "mnemonicLength": 24}
	if err := app.Call(ctx, api.GetOrCreateWalletWithTag, params, &wallet); err != nil {
		return nil, err
	}
	var signature json.RawMessage
	return app, app.Call(ctx, api.SignUtf8Message, appMessage(person.Organization(), wallet.WalletID, 0), &signature)
}

func appMessage(organization, wallet string, n uint64) map[string]any {
	return map[string]any{
		"organizationId": organization, "walletId": wallet, "message": fmt.Sprint("bench message ", n), "algorithm": "Ed25519",
		"derivationInfo": map[string]any{"derivationPath": "m/44'/501'/0'/0'", "curve": "Ed25519", "addressFormat": "Solana"},
	}
}

// appLoads are the requests of two apps of one person, with the same wallet and policy: one stamps with the token of its
// login, the other with a key that the person let in as it is.
func appLoads(ctx context.Context, system string, person *visit.Person, app *visit.App) (byToken, byKey *load, err error) {
	wallet, err := person.Wallet(ctx, app.ClientID)
	if err != nil {
		return nil, nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	point, err := key.PublicKey.Bytes()
	if err != nil {
		return nil, nil, err
	}
	var connection map[string]any
	if err := person.Call(ctx, api.ConnectApp, map[string]any{
		"organizationId": person.Organization(), "clientId": "bench-key", "appName": "bench", "origin": "", "walletId": wallet,
		"publicKey": base64.RawURLEncoding.EncodeToString(point), "algorithm": api.Secp256r1, "expiresInMs": time.Hour.Milliseconds(),
	}, &connection); err != nil {
		return nil, nil, err
	}
	made := func(key *ecdsa.PrivateKey, token string) *load {
		l := &load{
			name: caseP256, system: system, p256: key, token: token, organization: person.Organization(), wallet: wallet,
			client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1024}},
		}
		l.make = func(n uint64) []byte { // appMessage, written out: the load must cost little
			return fmt.Appendf(nil, `{"method":"signUtf8Message","params":{"organizationId":"%s","walletId":"%s","message":"bench message %d","algorithm":"Ed25519","derivationInfo":`+
				`{"derivationPath":"m/44'/501'/0'/0'","curve":"Ed25519","addressFormat":"Solana"}},"timestampMs":%d}`, l.organization, l.wallet, n, time.Now().UnixMilli())
		}
		return l
	}
	return made(app.Key, app.Token), made(key, ""), nil
}

// tokenRow drives both in turns.
func (o benchOptions) tokenRow(ctx context.Context, byToken, byKey *load, connections int) (tokenRow, error) {
	slice := time.Duration(o.seconds / turns * float64(time.Second))
	measured := map[*load]*samples{byToken: {}, byKey: {}}
	for range turns {
		for _, l := range []*load{byToken, byKey} {
			measured[l].add(l.closedLoop(ctx, l.system, connections, slice))
		}
	}
	for _, s := range measured {
		if s.failed > 0 {
			return tokenRow{}, fmt.Errorf("%d requests of apps failed: %w", s.failed, s.err)
		}
	}
	row := tokenRow{Connections: connections, RPS: measured[byToken].rate(), P99: measured[byToken].quantile(0.99), KeyRPS: measured[byKey].rate()}
	row.OfKey = row.RPS / row.KeyRPS
	return row, nil
}

func (r *loginReport) print(w io.Writer) {
	for _, l := range r.Logins {
		fmt.Fprintf(w, "%d logins of people who are %s: the server takes p50 %.0f ms, at most %.0f ms\n", l.Logins, l.Who, l.P50, l.Max)
	}
	for _, t := range r.Tokens {
		fmt.Fprintf(w, "tokens, %3d connections: %6.0f rps, p99 %.2f ms, %.2f of the same by a known key\n", t.Connections, t.RPS, t.P99, t.OfKey)
	}
}
