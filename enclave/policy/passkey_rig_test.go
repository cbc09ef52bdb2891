package policy

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	big "encoding/binary"
	"encoding/json"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/stamp"
)

// device is an authenticator in software, on the page of an origin. What it says of itself can be changed.
type device struct {
	key    *ecdsa.PrivateKey
	id     []byte
	origin string
	rp     string
	flags  byte
	count  uint32 // of the next assertion; 0 when it does not count
}

func newDevice(t testing.TB) *device {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id := make([]byte, 20)
	_, _ = rand.Read(id)
	return &device{key: key, id: id, origin: "https://wallet.example.org", rp: "example.org", flags: 0x05}
}

func (d *device) head(flags byte) []byte {
	rp := sha256.Sum256([]byte(d.rp))
	return big.BigEndian.AppendUint32(append(rp[:], flags), d.count)
}

func (d *device) client(kind string, challenge []byte) []byte {
	return []byte(`{"type":"webauthn.` + kind + `","challenge":"` + b64(challenge) + `","origin":"` + d.origin + `","crossOrigin":false}`)
}

// passkey is what the contract wants of a registration.
func (d *device) passkey(t testing.TB, name string) object {
	t.Helper()
	mode, err := cbor.CTAP2EncOptions().EncMode()
	if err != nil {
		t.Fatal(err)
	}
	data := append(d.head(d.flags|0x40), make([]byte, 16)...)
	data = append(append(big.BigEndian.AppendUint16(data, uint16(len(d.id))), d.id...), d.cose(t)...)
	made, err := mode.Marshal(map[string]any{"fmt": "none", "attStmt": map[string]any{}, "authData": data})
	if err != nil {
		t.Fatal(err)
	}
	return object{
		"authenticatorName": name, "authenticatorKind": "passkey", "credentialId": b64(d.id), "attestationObject": b64(made),
		"clientDataJSON": b64(d.client("create", make([]byte, 32))), "transports": []string{"internal"},
	}
}

// stamp stamps a body.
func (d *device) stamp(t testing.TB, body []byte) string {
	t.Helper()
	data, client := d.head(d.flags), d.client("get", stamp.Challenge(body))
	hash := sha256.Sum256(client)
	digest := sha256.Sum256(append(append([]byte{}, data...), hash[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, d.key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	return stamp.Stamp{Kind: stamp.Passkey, Passkey: stamp.Assertion{
		CredentialID: d.id, AuthenticatorData: data, ClientDataJSON: client, Signature: signature,
	}}.Encode()
}

func (r *rig) sendStamped(t testing.TB, header string, body []byte) wire.Answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 15*time.Second)
	defer cancel()
	answer, err := r.desk.Request(ctx, wire.KindRequest, wire.Request{Body: body, Stamp: header})
	if err != nil {
		t.Errorf("no answer: %v", err)
	}
	return answer
}

// by calls a method with the stamp of a device.
func (r *rig) by(t testing.TB, d *device, method api.Method, params object) wire.Answer {
	t.Helper()
	body := r.body(t, method, params)
	return r.sendStamped(t, d.stamp(t, body), body)
}

// passkeyUser adds a user with one passkey.
func (r *rig) passkeyUser(t testing.TB, o tenant, name string, d *device, policy object) {
	t.Helper()
	must[api.Organization](t, r, o.key, api.AddUserToOrganization, object{"organizationId": o.id, "user": object{
		"username": name, "authenticators": []any{d.passkey(t, "phone")}, "policy": policy,
	}})
}

func reasonOf(answer wire.Answer) string {
	var e api.Error
	_ = json.Unmarshal(answer.Result, &e)
	return e.Message
}
