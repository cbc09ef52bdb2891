package policy

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/stamp"
)

// timestamp gives each request a time of its own, so that no two bodies are equal unless they are meant to be.
func (r *rig) timestamp() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last = max(r.last+1, r.wall().UnixMilli())
	return r.last
}

type object = map[string]any

func (r *rig) body(t testing.TB, method api.Method, params object) []byte {
	t.Helper()
	b, err := json.Marshal(object{"method": method, "params": params, "timestampMs": r.timestamp()})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// request stamps a body.
func (r *rig) request(key ed25519.PrivateKey, body []byte) wire.Request {
	if key == nil {
		return wire.Request{Body: body}
	}
	return wire.Request{Body: body, Stamp: stamp.SignEd25519(key, body)}
}

// send sends a body, stamped by a key unless it is nil.
func (r *rig) send(t testing.TB, key ed25519.PrivateKey, body []byte) wire.Answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 15*time.Second)
	defer cancel()
	answer, err := r.desk.Request(ctx, wire.KindRequest, r.request(key, body))
	if err != nil {
		t.Errorf("no answer: %v", err)
	}
	return answer
}

func (r *rig) call(t testing.TB, key ed25519.PrivateKey, method api.Method, params object) wire.Answer {
	t.Helper()
	return r.send(t, key, r.body(t, method, params))
}

// must calls and reads the result of what must succeed.
func must[Result any](t testing.TB, r *rig, key ed25519.PrivateKey, method api.Method, params object) Result {
	t.Helper()
	answer := r.call(t, key, method, params)
	var result Result
	if answer.Status != 200 {
		t.Fatalf("%s: %d %s", method, answer.Status, answer.Result)
	}
	if err := json.Unmarshal(answer.Result, &result); err != nil {
		t.Fatal(err)
	}
	return result
}

// errorType reads the type of an error.
func errorType(answer wire.Answer) string {
	var e api.Error
	if answer.Status == 200 || json.Unmarshal(answer.Result, &e) != nil {
		return ""
	}
	return e.Type
}

func errorPath(answer wire.Answer) string {
	var e api.Error
	if json.Unmarshal(answer.Result, &e) != nil {
		return ""
	}
	return e.Path
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// tenant is an organization with one user of policy ROOT.
type tenant struct {
	id  string
	key ed25519.PrivateKey
}

func keypair(name string, key ed25519.PrivateKey) object {
	return object{"authenticatorName": name, "authenticatorKind": "keypair", "publicKey": b64(public(key)), "algorithm": "Ed25519"}
}

func user(name string, policy object, keys ...ed25519.PrivateKey) object {
	all := []object{}
	for i, k := range keys {
		all = append(all, keypair(name+strings.Repeat("'", i), k))
	}
	return object{"username": name, "policy": policy, "authenticators": all}
}

func preset(name string) object { return object{"type": "CEL", "preset": name} }

func (r *rig) tenant(t testing.TB, users ...object) tenant {
	t.Helper()
	key := newKey(t)
	all := append([]object{user("root", object{"type": "ROOT"}, key)}, users...)
	made := must[api.Organization](t, r, nil, api.CreateOrganization, object{"organizationName": "org", "users": all})
	return tenant{made.OrganizationID, key}
}

const solanaPath = "m/44'/501'/0'/0'"

func (r *rig) wallet(t testing.TB, o tenant) api.Wallet {
	t.Helper()
	return must[api.Wallet](t, r, o.key, api.CreateWallet, object{"organizationId": o.id, "walletName": "w", "accounts": []string{solanaPath}})
}

func utf8Params(o tenant, wallet, text string) object {
	return object{"organizationId": o.id, "walletId": wallet, "message": text, "derivationInfo": solanaPath}
}
