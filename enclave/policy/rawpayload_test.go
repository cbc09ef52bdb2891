package policy

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"math/big"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/ethereum/go-ethereum/crypto"

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

// All five algorithms sign, each checked by a verifier of its own; keys of Secp256r1 descend from a root of their own.
func TestRawPayloadAlgorithms(t *testing.T) {
	r := newRig(t)
	o := r.tenant(t)
	w := r.wallet(t, o)
	text := []byte("payload")
	digest := sha256.Sum256(text)
	for algorithm, path := range map[api.Algorithm]string{
		api.Ed25519: solanaPath, api.Secp256k1: ethereumPath, api.Secp256k1Keccak256: ethereumPath,
		api.Secp256k1Schnorr: "m/86'/0'/0'/0/0", api.Secp256r1: ethereumPath,
	} {
		made := must[api.Signature](t, r, o.key, api.SignRawPayload, rawParams(o, w.WalletID, path, string(algorithm), text))
		again := must[api.Signature](t, r, o.key, api.SignRawPayload, rawParams(o, w.WalletID, path, string(algorithm), text))
		key, err := base58.Decode(made.PublicKey)
		if err != nil || made != again {
			t.Fatalf("%s: %v, %+v, then %+v", algorithm, err, made, again)
		}
		signature, err := base64.RawURLEncoding.DecodeString(made.Signature)
		if err != nil {
			t.Fatal(err)
		}
		valid := false
		switch algorithm {
		case api.Ed25519:
			valid = ed25519.Verify(key, text, signature)
		case api.Secp256k1:
			valid = crypto.VerifySignature(key, digest[:], signature)
		case api.Secp256k1Keccak256:
			valid = crypto.VerifySignature(key, crypto.Keccak256(text), signature[:64]) && signature[64]-27 < 2
		case api.Secp256k1Schnorr:
			parsed, err := schnorr.ParseSignature(signature)
			point, err2 := schnorr.ParsePubKey(key[1:])
			valid = err == nil && err2 == nil && parsed.Verify(digest[:], point)
		case api.Secp256r1:
			x, y := elliptic.UnmarshalCompressed(elliptic.P256(), key)
			rs := [2]*big.Int{new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])}
			point := append([]byte{4}, append(x.FillBytes(make([]byte, 32)), y.FillBytes(make([]byte, 32))...)...)
			public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
			valid = err == nil && ecdsa.Verify(public, digest[:], rs[0], rs[1])
		}
		if !valid {
			t.Errorf("%s: %+v is not valid", algorithm, made)
		}
	}
	listed := must[[]api.Account](t, r, o.key, api.GetAccounts, object{"organizationId": o.id, "walletId": w.WalletID, "accounts": []object{{"derivationPath": ethereumPath, "curve": "Secp256r1"}}})
	if made := must[api.Signature](t, r, o.key, api.SignRawPayload, rawParams(o, w.WalletID, ethereumPath, "Secp256r1", text)); made.PublicKey != listed[0].PublicKey || listed[0].AddressFormat != "None" {
		t.Errorf("%+v, listed %+v", made, listed)
	}
	info := object{"derivationPath": ethereumPath, "curve": "Secp256r1"}
	for method, params := range map[api.Method]object{
		api.SignUtf8Message: {"message": "x"}, api.EthereumSignMessage: {"message": "eA"}, api.SignTransaction: {"transaction": "AAAA"},
	} {
		params["organizationId"], params["walletId"], params["derivationInfo"] = o.id, w.WalletID, info
		if a := r.call(t, o.key, method, params); a.Status != 400 {
			t.Errorf("%s by a key of Secp256r1: %d %s", method, a.Status, a.Result)
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
