package stamp

import (
	"crypto/sha256"
	"encoding/base64"

	"github.com/redoubt-kms/redoubt/api"
)

// Assertion is what a stamp of kind PASSKEY holds: a signature by an authenticator of Web Authentication. It does not name
// its key, so Verify refuses it: who knows the credential verifies it, with Challenge as the challenge.
type Assertion struct {
	CredentialID      []byte
	AuthenticatorData []byte
	ClientDataJSON    []byte
	Signature         []byte // as the credential's algorithm has it
}

// Bounds of the members of an assertion, in bytes: those of Web Authentication, of its reader, and of an RSA key.
const (
	maxCredentialID      = 1023
	minAuthenticatorData = 37
	maxAuthenticatorData = 4 << 10
	maxClientData        = 4 << 10
	maxSignature         = 1 << 10
)

// Challenge is what the authenticator must have been asked to sign for a body: its SHA-256.
func Challenge(body []byte) []byte {
	sum := sha256.Sum256(body)
	return sum[:]
}

// readAssertion reads the members of a PASSKEY stamp. All of them are needed, and no other.
func readAssertion(m map[string]string) (Stamp, error) {
	s := Stamp{Kind: Passkey}
	for name, into := range map[string]*[]byte{
		"credentialId": &s.Passkey.CredentialID, "authenticatorData": &s.Passkey.AuthenticatorData,
		"clientDataJSON": &s.Passkey.ClientDataJSON, "signature": &s.Passkey.Signature,
	} {
		var err error
		if *into, err = decode(base64.RawURLEncoding, m[name]); err != nil {
			return Stamp{}, malformed(name + " is not base64url")
		}
	}
	if len(m) != 5 {
		return Stamp{}, malformed("a passkey stamp has a member too many or too few")
	}
	return s, s.check()
}

func (a Assertion) check() error {
	switch {
	case len(a.CredentialID) == 0 || len(a.CredentialID) > maxCredentialID:
		return malformed("wrong length of credentialId")
	case len(a.AuthenticatorData) < minAuthenticatorData || len(a.AuthenticatorData) > maxAuthenticatorData:
		return malformed("wrong length of authenticatorData")
	case len(a.ClientDataJSON) == 0 || len(a.ClientDataJSON) > maxClientData:
		return malformed("wrong length of clientDataJSON")
	case len(a.Signature) == 0 || len(a.Signature) > maxSignature:
		return malformed("wrong length of signature")
	}
	return nil
}

// checkAssertion refuses a passkey stamp with members of the other kinds, and those with its.
func (s Stamp) checkAssertion() error {
	if s.Algorithm != api.Algorithm("") || len(s.PublicKey) > 0 || len(s.Signature) > 0 || s.IDToken != "" || s.Salt != "" {
		return malformed("a passkey stamp carries neither key nor token")
	}
	return s.Passkey.check()
}

func (a Assertion) write(w *memberWriter) {
	w.add("kind", string(Passkey))
	w.add("credentialId", base64.RawURLEncoding.EncodeToString(a.CredentialID))
	w.add("authenticatorData", base64.RawURLEncoding.EncodeToString(a.AuthenticatorData))
	w.add("clientDataJSON", base64.RawURLEncoding.EncodeToString(a.ClientDataJSON))
	w.add("signature", base64.RawURLEncoding.EncodeToString(a.Signature))
}
