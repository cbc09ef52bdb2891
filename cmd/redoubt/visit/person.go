package visit

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"time"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/stamp"
)

// Person is somebody in front of a browser, with a passkey.
type Person struct {
	*browser
	passkey *passkey
	known   bool // the passkey was registered

	key          *ecdsa.PrivateKey // of the page
	token        string            // that vouches for it
	organization string            // UUID
}

// NewPerson is somebody who was never here. origin is that of Connect.
func NewPerson(origin string) (*Person, error) {
	b, err := newBrowser(origin)
	if err != nil {
		return nil, err
	}
	p := &Person{browser: b}
	p.passkey, err = newPasskey(origin)
	return p, err
}

// Waited is how long the server took for all that the person's browser asked, together.
func (p *Person) Waited() time.Duration { return p.waited }

// Organization is the identifier of the person's organization, after the first consent.
func (p *Person) Organization() string { return p.organization }

// SignIn begins the login that an app or a program asks for and signs in by the passkey, which a new person makes first. It
// returns the identifier of the login.
func (p *Person) SignIn(ctx context.Context, asked Asked) (string, error) {
	var next struct{ Location string }
	if err := p.ask(ctx, "/login/start", asked, &next); err != nil {
		return "", err
	}
	page, err := p.page(ctx, next.Location)
	if err != nil {
		return "", err
	}
	login := dataset(page)["login"]
	if p.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return "", err
	}
	if !p.known {
		if err := p.register(ctx, login); err != nil {
			return "", err
		}
	}
	nonce, err := nonceOf(p.key)
	if err != nil {
		return "", err
	}
	var begun struct{ Challenge string }
	if err := p.ask(ctx, "/login/begin", map[string]string{"login": login, "nonce": nonce}, &begun); err != nil {
		return "", err
	}
	assertion, err := p.passkey.assert(begun.Challenge)
	if err != nil {
		return "", err
	}
	var done struct{ Token, Location string }
	err = p.ask(ctx, "/login/finish", map[string]any{"login": login, "challenge": begun.Challenge, "passkey": assertion}, &done)
	p.token = done.Token
	return login, err
}

func (p *Person) register(ctx context.Context, login string) error {
	object, err := p.passkey.attestation()
	if err != nil {
		return err
	}
	var made struct{ CredentialID string }
	err = p.ask(ctx, "/login/passkey", map[string]string{"login": login, "attestationObject": b64(object)}, &made)
	p.known = err == nil
	return err
}

// Call asks the key-management system for a method, as the page does for the person.
func (p *Person) Call(ctx context.Context, method api.Method, params map[string]any, into any) error {
	return call(ctx, p.browser, p.key, p.token, method, params, into)
}

// rpcPath is where servers have the contract.
const rpcPath = "/v1/wallets/kms/rpc"

// call stamps a request with a key and the token that vouches for it.
func call(ctx context.Context, b *browser, key *ecdsa.PrivateKey, token string, method api.Method, params map[string]any, into any) error {
	body, err := json.Marshal(map[string]any{"method": method, "params": params, "timestampMs": time.Now().UnixMilli()})
	if err != nil {
		return err
	}
	header, err := stamp.SignOIDC(key, token, "", body)
	if err != nil {
		return err
	}
	var envelope struct{ Result json.RawMessage }
	if err := b.post(ctx, rpcPath, header, body, &envelope); err != nil {
		return err
	}
	return json.Unmarshal(envelope.Result, into)
}

func nonceOf(key *ecdsa.PrivateKey) (string, error) {
	point, err := key.PublicKey.Bytes()
	return stamp.Stamp{PublicKey: point}.Nonce(), err
}
