package webauthn_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"github.com/redoubt-kms/redoubt/internal/webauthn"
)

const (
	rpID   = "example.org"
	origin = "https://login.example.org"
)

func clientData(kind string, challenge []byte, origin string) string {
	return fmt.Sprintf(`{"type":%q,"challenge":%q,"origin":%q,"crossOrigin":false}`, kind, base64.RawURLEncoding.EncodeToString(challenge), origin)
}

// device is an authenticator in software. Its fields are what it says, so that a test can have it say something else.
type device struct {
	id     []byte
	cose   []byte
	sign   func(message []byte) []byte
	rp     [32]byte
	flags  byte // of assertions; registrations set AT as well
	count  uint32
	origin string
}

func cose(t testing.TB, params map[int]any) []byte {
	t.Helper()
	mode, err := cbor.CTAP2EncOptions().EncMode()
	if err != nil {
		t.Fatal(err)
	}
	b, err := mode.Marshal(params)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func newDevice(t testing.TB, algorithm string) *device {
	t.Helper()
	d := &device{id: make([]byte, 16), rp: sha256.Sum256([]byte(rpID)), flags: 0x05, count: 1, origin: origin}
	if _, err := rand.Read(d.id); err != nil {
		t.Fatal(err)
	}
	switch algorithm {
	case "ES256":
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		point, err := k.PublicKey.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		d.cose = cose(t, map[int]any{1: 2, 3: -7, -1: 1, -2: point[1:33], -3: point[33:]})
		d.sign = func(m []byte) []byte {
			digest := sha256.Sum256(m)
			s, _ := ecdsa.SignASN1(rand.Reader, k, digest[:])
			return s
		}
	case "EdDSA":
		public, private, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		d.cose = cose(t, map[int]any{1: 1, 3: -8, -1: 6, -2: []byte(public)})
		d.sign = func(m []byte) []byte { return ed25519.Sign(private, m) }
	case "RS256":
		k, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		d.cose = cose(t, map[int]any{1: 3, 3: -257, -1: k.N.Bytes(), -2: []byte{1, 0, 1}})
		d.sign = func(m []byte) []byte {
			digest := sha256.Sum256(m)
			s, _ := rsa.SignPKCS1v15(nil, k, crypto.SHA256, digest[:])
			return s
		}
	}
	return d
}

func (d *device) head(flags byte) []byte {
	return binary.BigEndian.AppendUint32(append(append([]byte{}, d.rp[:]...), flags), d.count)
}

// authData is that of a registration.
func (d *device) authData() []byte {
	b := append(d.head(d.flags|0x40), make([]byte, 16)...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(d.id)))
	return append(append(b, d.id...), d.cose...)
}

func attestation(t testing.TB, format string, statement any, authData []byte) []byte {
	t.Helper()
	mode, err := cbor.CTAP2EncOptions().EncMode()
	if err != nil {
		t.Fatal(err)
	}
	b, err := mode.Marshal(map[string]any{"fmt": format, "attStmt": statement, "authData": authData})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (d *device) register(t testing.TB) ([]byte, []byte) {
	t.Helper()
	return attestation(t, "none", map[string]any{}, d.authData()), []byte(clientData("webauthn.create", make([]byte, 32), d.origin))
}

func (d *device) credential(t testing.TB) webauthn.Credential {
	t.Helper()
	object, client := d.register(t)
	c, err := webauthn.Register(object, client, webauthn.Expect{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// assert signs authenticator data and client data, whatever they are.
func (d *device) assert(authData []byte, client string) webauthn.Assertion {
	hash := sha256.Sum256([]byte(client))
	return webauthn.Assertion{
		CredentialID: d.id, AuthenticatorData: authData, ClientDataJSON: []byte(client),
		Signature: d.sign(append(append([]byte{}, authData...), hash[:]...)),
	}
}

func (d *device) good(challenge []byte) webauthn.Assertion {
	return d.assert(d.head(d.flags), clientData("webauthn.get", challenge, d.origin))
}

// Each kind of key registers and signs, and a changed bit anywhere is refused.
func TestAssertions(t *testing.T) {
	challenge := sha256.Sum256([]byte("body"))
	for _, algorithm := range []string{"ES256", "EdDSA", "RS256"} {
		d := newDevice(t, algorithm)
		c := d.credential(t)
		if string(c.PublicKey) != string(d.cose) || c.Count != 1 || !c.UserVerified || c.BackupEligible || c.Origin != origin {
			t.Fatalf("%s: %+v", algorithm, c)
		}
		e := webauthn.Expect{Challenge: challenge[:], UserVerification: true}
		d.count = 2
		a := d.good(challenge[:])
		if r, err := webauthn.Verify(a, c, e); err != nil || r != (webauthn.Result{Count: 2, UserVerified: true}) {
			t.Errorf("%s: %+v, %v", algorithm, r, err)
		}
		bare := webauthn.Credential{PublicKey: c.PublicKey}
		if _, err := webauthn.Verify(a, bare, webauthn.Expect{Challenge: challenge[:], RPIDHash: d.rp, Origins: []string{"https://x", origin}}); err != nil {
			t.Errorf("%s, a bare key: %v", algorithm, err)
		}
		if _, err := webauthn.Verify(a, bare, e); err == nil {
			t.Errorf("%s: a bare key for any origin", algorithm)
		}
		for name, part := range map[string][]byte{"ID": a.CredentialID, "data": a.AuthenticatorData, "client data": a.ClientDataJSON, "signature": a.Signature, "key": c.PublicKey} {
			for i := range part {
				part[i] ^= 1
				if name == "ID" { // the device's own memory
					c.ID = append([]byte{}, c.ID...)
				}
				if _, err := webauthn.Verify(a, c, e); err == nil {
					t.Errorf("%s: accepted with byte %d of the %s changed", algorithm, i, name)
				} else if !errors.Is(err, webauthn.ErrPasskey) {
					t.Errorf("%s: %v", algorithm, err)
				}
				part[i] ^= 1
			}
		}
		if _, err := webauthn.Verify(a, c, e); err != nil {
			t.Errorf("%s: %v", algorithm, err)
		}
	}
}

// Of a bare key nothing is known but the key, as when somebody signs in with a passkey that an organization has never seen: RP and
// origin are the caller's to name, and are compared. Both are compared with what the caller names where the credential names them, too.
func TestWhatTheCallerNames(t *testing.T) {
	challenge := sha256.Sum256([]byte("body"))
	d := newDevice(t, "ES256")
	whole := d.credential(t)
	right := webauthn.Expect{Challenge: challenge[:], RPIDHash: d.rp, Origins: []string{"https://first.example", origin}}
	for name, credential := range map[string]webauthn.Credential{"bare": {PublicKey: d.cose}, "known": whole} {
		d.count = whole.Count + 1
		shown := d.assert(d.head(0x05), clientData("webauthn.get", challenge[:], origin))
		for why, c := range map[string]struct {
			edit  func(*webauthn.Expect)
			holds bool
		}{
			"as it is":       {func(*webauthn.Expect) {}, true},
			"another RP":     {func(e *webauthn.Expect) { e.RPIDHash[0] ^= 1 }, false},
			"another origin": {func(e *webauthn.Expect) { e.Origins = e.Origins[:1] }, false},
			"no RP":          {func(e *webauthn.Expect) { e.RPIDHash = [32]byte{} }, name == "known"},
			"no origin":      {func(e *webauthn.Expect) { e.Origins = nil }, name == "known"},
		} {
			e := right
			c.edit(&e)
			if _, err := webauthn.Verify(shown, credential, e); c.holds != (err == nil) {
				t.Errorf("%s, %s: %v", name, why, err)
			}
		}
	}
}

// Where the caller names neither, RP and origin are those of the registration.
func TestWhatTheCredentialNames(t *testing.T) {
	challenge := sha256.Sum256([]byte("body"))
	d := newDevice(t, "ES256")
	known := d.credential(t)
	d.count = known.Count + 1
	e := webauthn.Expect{Challenge: challenge[:]}
	if _, err := webauthn.Verify(d.assert(d.head(0x05), clientData("webauthn.get", challenge[:], origin)), known, e); err != nil {
		t.Error(err)
	}
	if _, err := webauthn.Verify(d.assert(d.head(0x05), clientData("webauthn.get", challenge[:], "https://example.org")), known, e); err == nil {
		t.Error("another origin than at registration")
	}
	d.rp[0] ^= 1
	if _, err := webauthn.Verify(d.assert(d.head(0x05), clientData("webauthn.get", challenge[:], origin)), known, e); err == nil {
		t.Error("another RP than at registration")
	}
}

// Counts grow, unless the authenticator never counts.
func TestCounts(t *testing.T) {
	for _, c := range []struct {
		before, after uint32
		want          bool
	}{{0, 0, true}, {0, 1, true}, {1, 0, false}, {1, 1, false}, {1, 2, true}, {2, 1, false}, {1<<32 - 1, 0, false}, {1<<32 - 2, 1<<32 - 1, true}} {
		if webauthn.Grows(c.before, c.after) != c.want {
			t.Errorf("%d after %d: want %v", c.after, c.before, c.want)
		}
	}
}
