package connect

import (
	"context"
	"encoding/binary"
	"errors"
	"net/http"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/redoubt-kms/redoubt/host/connect/shelf"
	"github.com/redoubt-kms/redoubt/internal/wire"
)

// credential is the public key of a passkey, by its id. It proves nothing: the certifier verifies with it what it is shown,
// and a person's identity is the key's hash. Who hides it keeps the person out, no more.
type credential struct {
	PublicKey   []byte `json:"publicKey"` // COSE_Key as the authenticator made it
	CreatedAtMs int64  `json:"createdAtMs"`
}

// assertion is what a passkey made over a challenge. All members are base64url.
type assertion struct {
	CredentialID      string `json:"credentialId"`
	AuthenticatorData string `json:"authenticatorData"`
	ClientDataJSON    string `json:"clientDataJSON"`
	Signature         string `json:"signature"`
}

// Bounds of passkeys.
const (
	maxCredentialID = 340 // bytes; 1023 by WebAuthn, but none is longer than this in practice, and it is a key of the shelf
	maxCOSE         = 1 << 10
	maxAttestation  = 16 << 10

	// unusedCredential is how long a passkey that was made has for its first use.
	unusedCredential = 30 * time.Minute
)

// addPasskey serves POST /login/passkey: a passkey that the browser just made. It is no evidence, since nothing signs it:
// the page has it sign a challenge next.
func (c *Connect) addPasskey(w http.ResponseWriter, r *http.Request) error {
	if err := c.may(r, actSignIn); err != nil {
		return err
	}
	var made struct {
		Login             string `json:"login"`
		AttestationObject string `json:"attestationObject"`
	}
	if err := readJSON(w, r, &made, false); err != nil {
		return err
	}
	if _, err := c.attempt(r, made.Login); err != nil {
		return err
	}
	raw, err := unb64(made.AttestationObject)
	if err != nil {
		return errPasskey()
	}
	id, key, err := readAttestation(raw)
	if err != nil {
		return err
	}
	now := c.Now()
	err = c.add(r.Context(), shelf.Credentials, b64(id), credential{PublicKey: key, CreatedAtMs: now.UnixMilli()}, now.Add(unusedCredential))
	if errors.Is(err, shelf.ErrTaken) {
		return refuse(invalidRequest, "this passkey is there already; sign in with it")
	}
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusCreated, map[string]string{"credentialId": b64(id)})
	return nil
}

func errPasskey() *fault {
	return refuse(invalidRequest, "the passkey that this browser made cannot be read; try another one")
}

// attested is an attestation object (WebAuthn 3, 6.5.4). The statement is not looked at: we take passkeys of any maker.
type attested struct {
	Format    string          `cbor:"fmt"`
	Data      []byte          `cbor:"authData"`
	Statement cbor.RawMessage `cbor:"attStmt"`
}

// Authenticator data before the credential id: hash of the RP, flags, count, AAGUID, length of the id.
const (
	atFlags      = 32
	atCredential = 53
	flagAttested = 0x40
)

// readAttestation finds id and key of the passkey in an attestation object.
func readAttestation(b []byte) (id, key []byte, err error) {
	mode, err := cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsForbidden, MaxNestedLevels: 8,
		MaxArrayElements: 64, MaxMapPairs: 64, ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
	}.DecMode()
	if err != nil {
		return nil, nil, err
	}
	var a attested
	if len(b) > maxAttestation || mode.Unmarshal(b, &a) != nil || len(a.Data) < atCredential+2 || a.Data[atFlags]&flagAttested == 0 {
		return nil, nil, errPasskey()
	}
	length := int(binary.BigEndian.Uint16(a.Data[atCredential:]))
	rest := a.Data[atCredential+2:]
	if length == 0 || length > maxCredentialID || len(rest) < length {
		return nil, nil, errPasskey()
	}
	id, rest = rest[:length], rest[length:]
	var cose map[int64]cbor.RawMessage
	after, err := mode.UnmarshalFirst(rest, &cose)
	if key = rest[:len(rest)-len(after)]; err != nil || len(cose) == 0 || len(key) > maxCOSE {
		return nil, nil, errPasskey()
	}
	return id, key, nil
}

// bring adds a passkey's assertion, and the key that it was registered with, to the evidence.
func (c *Connect) bring(ctx context.Context, a assertion, evidence *wire.SignIn) (*record[credential], error) {
	id, err1 := unb64(a.CredentialID)
	data, err2 := unb64(a.AuthenticatorData)
	client, err3 := unb64(a.ClientDataJSON)
	signature, err4 := unb64(a.Signature)
	if errors.Join(err1, err2, err3, err4) != nil || len(id) == 0 || len(id) > maxCredentialID {
		return nil, refuse(invalidRequest, "the passkey's answer cannot be read")
	}
	known, err := load[credential](ctx, c, shelf.Credentials, b64(id))
	if errors.Is(err, shelf.ErrNone) {
		return nil, refuse(accessDenied, "this passkey is not known here; sign in in another way, or make a new one")
	}
	if err != nil {
		return nil, err
	}
	evidence.Passkey = &wire.PasskeyAssertion{
		CredentialID: id, PublicKey: known.value.PublicKey, AuthenticatorData: data, ClientDataJSON: client, Signature: signature,
	}
	return &known, nil
}
