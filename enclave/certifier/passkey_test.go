package certifier

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"testing"

	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

// passkeyDevice is an authenticator in software, with a P-256 key.
type passkeyDevice struct {
	key    *ecdsa.PrivateKey
	rp     string
	origin string
	kind   string
	flags  byte // 1: present, 4: verified
}

func newPasskeyDevice(t testing.TB) *passkeyDevice {
	t.Helper()
	return &passkeyDevice{newHolder(t).key, "localhost", testOrigin, "webauthn.get", 5}
}

// public is the device's COSE_Key.
func (d *passkeyDevice) public(t testing.TB) []byte {
	t.Helper()
	point, err := d.key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	b, err := proof.Encode(map[int]any{1: 2, 3: -7, -1: 1, -2: point[1:33], -3: point[33:]})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// sign is an assertion over a challenge.
func (d *passkeyDevice) sign(t testing.TB, challenge []byte) *wire.PasskeyAssertion {
	t.Helper()
	rp := sha256.Sum256([]byte(d.rp))
	data := append(rp[:], d.flags, 0, 0, 0, 0)
	client := fmt.Appendf(nil, `{"type":"%s","challenge":"%s","origin":"%s","crossOrigin":false}`, d.kind, base64.RawURLEncoding.EncodeToString(challenge), d.origin)
	hash := sha256.Sum256(client)
	digest := sha256.Sum256(append(slices.Clone(data), hash[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, d.key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	return &wire.PasskeyAssertion{CredentialID: []byte("id"), PublicKey: d.public(t), AuthenticatorData: data, ClientDataJSON: client, Signature: signature}
}

// An assertion over the challenge signs in whoever has the passkey; the person is its key.
func TestSignInByPasskey(t *testing.T) {
	r := newRig(t)
	r.stopped()
	h, device := newHolder(t), newPasskeyDevice(t)
	begun := r.beginFor(t, h, "")
	good := device.sign(t, begun.Challenge)
	signed, err := r.logins.signIn(wire.SignIn{Challenge: begun.Challenge, Passkey: good})
	if err != nil || signed.Subject != subjectOf("passkey:", device.public(t)) {
		t.Fatalf("%+v, %v", signed, err)
	}
	if _, err := r.logins.signIn(wire.SignIn{Challenge: begun.Challenge, Passkey: good}); codeOf(err) != "expired" {
		t.Errorf("a challenge a second time: %v", err)
	}
	edited := func(edit func(*passkeyDevice)) func([]byte) *wire.PasskeyAssertion {
		other := *device
		edit(&other)
		return func(challenge []byte) *wire.PasskeyAssertion { return other.sign(t, challenge) }
	}
	for why, sign := range map[string]func([]byte) *wire.PasskeyAssertion{
		"for another challenge":  func([]byte) *wire.PasskeyAssertion { return good },
		"without verification":   edited(func(d *passkeyDevice) { d.flags = 1 }),
		"without presence":       edited(func(d *passkeyDevice) { d.flags = 4 }),
		"from another origin":    edited(func(d *passkeyDevice) { d.origin = "http://localhost:8485" }),
		"from another site":      edited(func(d *passkeyDevice) { d.origin = "https://evil.example" }),
		"for another RP":         edited(func(d *passkeyDevice) { d.rp = "evil.example" }),
		"that is a registration": edited(func(d *passkeyDevice) { d.kind = "webauthn.create" }),
		"by another key": func(c []byte) *wire.PasskeyAssertion {
			a := device.sign(t, c)
			a.PublicKey = newPasskeyDevice(t).public(t)
			return a
		},
		"by a key of no kind": func(c []byte) *wire.PasskeyAssertion { a := device.sign(t, c); a.PublicKey = nil; return a },
		"with a key spelled twice": func(c []byte) *wire.PasskeyAssertion {
			a := device.sign(t, c)
			a.PublicKey = append(a.PublicKey, 0)
			return a
		},
		"with other data":      func(c []byte) *wire.PasskeyAssertion { a := device.sign(t, c); a.AuthenticatorData[36]++; return a },
		"with a cut signature": func(c []byte) *wire.PasskeyAssertion { a := device.sign(t, c); a.Signature = a.Signature[1:]; return a },
	} {
		begun := r.beginFor(t, h, "")
		if answer, err := r.logins.signIn(wire.SignIn{Challenge: begun.Challenge, Passkey: sign(begun.Challenge)}); codeOf(err) != "refused" || answer.Token != "" {
			t.Errorf("an assertion %s: %+v, %v", why, answer, err)
		}
	}
	mail := r.beginFor(t, h, "a@example.com")
	if _, err := r.logins.signIn(wire.SignIn{Challenge: mail.Challenge, Passkey: device.sign(t, mail.Challenge)}); codeOf(err) != "refused" {
		t.Errorf("a passkey for a login by mail: %v", err)
	}
	if n, unsigned := r.stats.signed[wayPasskey].Load(), r.stats.unsigned.Load(); n != 1 || unsigned != 14 {
		t.Errorf("%d passkeys and %d refusals are counted", n, unsigned)
	}
}

// One piece of evidence is wanted, not the better of two; and then the challenge is good still.
func TestOnePieceOfEvidence(t *testing.T) {
	r := newRig(t)
	r.stopped()
	h, device := newHolder(t), newPasskeyDevice(t)
	begun := r.beginFor(t, h, "")
	good := device.sign(t, begun.Challenge)
	for _, more := range []wire.SignIn{{Code: "12345678"}, {IDToken: "a.b.c"}} {
		more.Challenge, more.Passkey = begun.Challenge, good
		if _, err := r.logins.signIn(more); codeOf(err) != "refused" {
			t.Errorf("with more evidence: %v", err)
		}
	}
	if _, err := r.logins.signIn(wire.SignIn{Challenge: begun.Challenge, Passkey: good}); err != nil {
		t.Error(err)
	}
}
