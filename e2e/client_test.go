package e2e_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"testing"
	"time"

	"github.com/redoubt-kms/redoubt/stamp"
)

// key is an authenticator that stamps.
type key struct {
	private ed25519.PrivateKey
	server  *server
}

func newKey(s *server) *key {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	return &key{private: private, server: s}
}

func (k *key) public() string {
	return base64.RawURLEncoding.EncodeToString(k.private.Public().(ed25519.PublicKey))
}

func (k *key) authenticator(name string) map[string]any {
	return map[string]any{"authenticatorName": name, "authenticatorKind": "keypair", "publicKey": k.public(), "algorithm": "Ed25519"}
}

type object = map[string]any

// body makes the bytes of a request.
func body(method string, params any, at time.Time) []byte {
	b, err := json.Marshal(struct {
		Method      string `json:"method"`
		Params      any    `json:"params"`
		TimestampMs int64  `json:"timestampMs"`
	}{method, params, at.UnixMilli()})
	if err != nil {
		panic(err)
	}
	return b
}

// answer is what came back.
type answer struct {
	status  int
	result  json.RawMessage
	raw     []byte
	kind    string // type of an error
	receipt string
}

// send sends bytes with this key's stamp.
func (k *key) send(b []byte) (answer, error) {
	status, raw, header, err := k.server.post("/kms/rpc", b, stamp.SignEd25519(k.private, b))
	if err != nil {
		return answer{}, err
	}
	var parsed struct {
		Result json.RawMessage `json:"result"`
		Type   string          `json:"type"`
	}
	_ = json.Unmarshal(raw, &parsed)
	return answer{status, parsed.Result, raw, parsed.Type, header.Get("X-Redoubt-Receipt")}, nil
}

// call sends a request and returns its answer.
func (k *key) call(t testing.TB, method string, params any) answer {
	t.Helper()
	a, err := k.send(body(method, params, time.Now()))
	if err != nil {
		t.Fatalf("%s: %v", method, err)
	}
	return a
}

// must is call for a request that has to succeed; it returns the result's member of a name.
func (k *key) must(t testing.TB, method string, params any, member string) string {
	t.Helper()
	a := k.call(t, method, params)
	if a.status != 200 {
		t.Fatalf("%s: %d %s", method, a.status, a.raw)
	}
	var result map[string]any
	_ = json.Unmarshal(a.result, &result)
	text, _ := result[member].(string)
	return text
}

// tenant is an organization with its root key and a wallet.
type tenant struct {
	root   *key
	id     string
	wallet string
}

func newTenant(t testing.TB, s *server) *tenant {
	t.Helper()
	o := &tenant{root: newKey(s)}
	o.id = o.root.must(t, "createOrganization", object{
		"organizationName": "Org", "users": []object{{"username": "admin", "policy": object{"type": "ROOT"}, "authenticators": []object{o.root.authenticator("a")}}},
	}, "organizationId")
	o.wallet = o.root.must(t, "createWallet", object{"organizationId": o.id, "walletName": "W"}, "walletId")
	return o
}

// at points the tenant at a server that was started anew.
func (o *tenant) at(s *server) *tenant {
	o.root.server = s
	return o
}

func solanaAccount() object {
	return object{"derivationPath": "m/44'/501'/0'/0'", "curve": "Ed25519", "addressFormat": "Solana"}
}

func (o *tenant) signParams(message string) object {
	return object{
		"organizationId": o.id, "walletId": o.wallet, "message": message, "algorithm": "Ed25519", "derivationInfo": solanaAccount(),
	}
}

// sign signs a message and returns the signature.
func (o *tenant) sign(t testing.TB, message string) string {
	t.Helper()
	return o.root.must(t, "signUtf8Message", o.signParams(message), "signature")
}

// memberOf is a text member of a result.
func memberOf(result, name string) string {
	var parsed map[string]any
	_ = json.Unmarshal([]byte(result), &parsed)
	text, _ := parsed[name].(string)
	return text
}

// walletIDs reads a page of wallets, with how many there are in all.
func walletIDs(t testing.TB, a answer) ([]string, int) {
	t.Helper()
	var page struct {
		Wallets    []struct{ WalletID string }
		TotalCount int
	}
	if err := json.Unmarshal(a.result, &page); err != nil || a.status != 200 {
		t.Fatalf("%d %s %v", a.status, a.raw, err)
	}
	var ids []string
	for _, w := range page.Wallets {
		ids = append(ids, w.WalletID)
	}
	return ids, page.TotalCount
}
