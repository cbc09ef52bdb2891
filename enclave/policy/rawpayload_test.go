package policy

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"testing"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain/base58"
)

func rawParams(o tenant, wallet, path, algorithm string, b []byte) object {
	return object{"organizationId": o.id, "walletId": wallet, "derivationInfo": path, "algorithm": algorithm, "payload": base64.StdEncoding.EncodeToString(b)}
}

// Raw bytes are signed as they are, for those who may; denied by default.
func TestRawPayload(t *testing.T) {
	r := newRig(t)
	plain := newKey(t)
	o := r.tenant(t, user("plain", preset("LEGACY_USER_ROLE"), plain))
	w := r.wallet(t, o)
	text := []byte("some bytes\x00\xff")
	made := must[api.Signature](t, r, o.key, api.SignRawPayload, rawParams(o, w.WalletID, solanaPath, "Ed25519", text))
	key, err := base58.Decode(made.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	signature, err := base64.RawURLEncoding.DecodeString(made.Signature)
	if err != nil || !ed25519.Verify(key, text, signature) {
		t.Errorf("%+v: %v", made, err)
	}
	if a := r.call(t, plain, api.SignRawPayload, rawParams(o, w.WalletID, solanaPath, "Ed25519", text)); a.Status != 403 {
		t.Errorf("by default: %d", a.Status)
	}
	for why, c := range map[string]object{
		"another curve": rawParams(o, w.WalletID, solanaPath, "Secp256k1", text),
		"no algorithm":  rawParams(o, w.WalletID, solanaPath, "", text),
		"no bytes":      rawParams(o, w.WalletID, solanaPath, "Ed25519", nil),
	} {
		if a := r.call(t, o.key, api.SignRawPayload, c); a.Status != 400 {
			t.Errorf("%s: %d %s", why, a.Status, a.Result)
		}
	}
}

// The scope of raw payloads is no way around that of transactions, typed data and messages, nor to a blind signature.
func TestRawPayloadIsJudgedAsWhatItIs(t *testing.T) {
	r := newRig(t)
	owner, target := r.tenant(t), r.tenant(t)
	w := r.wallet(t, owner)
	unhex := func(s string) []byte {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	tx := unhex("02e683aa36a78001843b9aca0082520894000000000000000000000000000000000000dead0180c0")
	consent := unhex("05d70194000000000000000000000000000000000000dead01")
	typed := append([]byte{0x19, 0x01}, make([]byte, 64)...)
	personal := []byte("\x19Ethereum Signed Message:\n1x")
	legacy := unhex("dc80018252089400000000000000000000000000000000000000ad0180")
	for _, c := range []struct {
		what   string
		bytes  []byte
		scopes []string // beside signaturePayload
		path   string
		alg    string
	}{
		{"plain bytes", []byte("x"), nil, ethereumPath, "Secp256k1Keccak256"},
		{"a transaction", tx, []string{"signatureTransaction"}, ethereumPath, "Secp256k1Keccak256"},
		{"an authorization", consent, []string{"signatureTransaction"}, ethereumPath, "Secp256k1Keccak256"},
		{"typed data", typed, []string{"ethereumSignTypedData"}, ethereumPath, "Secp256k1Keccak256"},
		{"a personal message", personal, []string{"ethereumSignMessage"}, ethereumPath, "Secp256k1Keccak256"},
		{"32 bytes", make([]byte, 32), []string{"owner"}, ethereumPath, "Secp256k1"},
		{"32 bytes of Ed25519", make([]byte, 32), []string{"owner"}, solanaPath, "Ed25519"},
		{"a transaction for every chain", legacy, []string{"owner"}, ethereumPath, "Secp256k1Keccak256"},
	} {
		grant := func(names ...string) {
			must[api.Grant](t, r, owner.key, api.GrantOrganizationAccess, between(owner, target, w.WalletID, object{"policy": scopes(names...)}))
		}
		grant("signaturePayload")
		want := uint16(403)
		if c.scopes == nil {
			want = 200
		}
		if a := r.call(t, target.key, api.SignRawPayload, rawParams(target, w.WalletID, c.path, c.alg, c.bytes)); a.Status != want {
			t.Errorf("%s by the scope of payloads: %d %s", c.what, a.Status, a.Result)
		}
		grant(append([]string{"signaturePayload"}, c.scopes...)...)
		if a := r.call(t, target.key, api.SignRawPayload, rawParams(target, w.WalletID, c.path, c.alg, c.bytes)); a.Status != 200 {
			t.Errorf("%s with its scope: %d %s", c.what, a.Status, a.Result)
		}
		grant("signatureTransaction", "ethereumSignTypedData", "ethereumSignMessage")
		if a := r.call(t, target.key, api.SignRawPayload, rawParams(target, w.WalletID, c.path, c.alg, c.bytes)); a.Status != 403 {
			t.Errorf("%s without the scope of payloads: %d %s", c.what, a.Status, a.Result)
		}
	}
}
