// Package webauthn verifies passkeys: what an authenticator says when one is made, and its signatures afterwards (W3C Web
// Authentication, Level 3, sections 7.1 and 7.2). It reads strictly what browsers write, and nothing else: bytes that two
// readers could understand differently are refused.
//
// Statements of attestation are read and not trusted, whatever their format: which make an authenticator is plays no part
// here. So a registration is evidence of nothing but what it says; whoever hands one in must be known otherwise.
package webauthn

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// Bounds, in bytes.
const (
	MaxAttestation  = 16 << 10 // of an attestation object, and of the data of an authenticator
	MaxClientData   = 4 << 10
	MaxCredentialID = 1023 // section 7.1, step 25
	MinChallenge    = 16   // section 13.4.3
	maxOrigin       = 255
)

// ErrPasskey says that a registration or an assertion does not hold. Its text is for people and quotes nothing of it.
var ErrPasskey = errors.New("passkey refused")

// Expect is what a registration or an assertion must say.
type Expect struct {
	RPIDHash         [32]byte // SHA-256 of the RP ID; zero to take that of the credential
	Origins          []string // one of them, exactly; nil to take that of the credential
	Challenge        []byte   // nil, at registration only, for any of at least MinChallenge bytes
	UserVerification bool     // the person showed who they are (PIN, finger, face), and not only that somebody is there
}

// Credential is what is kept of a registration.
type Credential struct {
	ID             []byte   // up to MaxCredentialID bytes
	PublicKey      []byte   // COSE_Key (RFC 9052, section 7), canonical CBOR
	RPIDHash       [32]byte // SHA-256 of the RP ID
	Origin         string   // of the page that made it
	Challenge      []byte   // of the registration
	Count          uint32   // of signatures so far; 0 from authenticators that do not count
	BackupEligible bool     // may be synchronised between devices
	BackedUp       bool
	UserVerified   bool // at registration
}

// Assertion is a signature by a passkey.
type Assertion struct {
	CredentialID      []byte
	AuthenticatorData []byte
	ClientDataJSON    []byte
	Signature         []byte // ES256: DER; EdDSA: 64 bytes; RS256: PKCS #1 v1.5
}

// Result is what an assertion says beyond that it holds.
type Result struct {
	Count        uint32 // to be kept in place of the credential's
	UserVerified bool
}

// Register reads a registration. The RP and the origin that e leaves open are taken as they are, if they fit each other.
func Register(attestationObject, clientDataJSON []byte, e Expect) (Credential, error) {
	client, err := readClientData(clientDataJSON, "webauthn.create")
	if err != nil {
		return Credential{}, err
	}
	data, err := readAttestation(attestationObject)
	if err != nil {
		return Credential{}, err
	}
	if err := e.check(client, data); err != nil {
		return Credential{}, err
	}
	if len(client.challenge) < MinChallenge {
		return Credential{}, refused("the challenge is shorter than 16 bytes")
	}
	if e.RPIDHash == [32]byte{} && !fits(data.rpIDHash, client.origin) {
		return Credential{}, refused("the RP is not one of the origin")
	}
	return Credential{
		ID: data.credentialID, PublicKey: data.publicKey, RPIDHash: data.rpIDHash, Origin: client.origin, Challenge: client.challenge, Count: data.count,
		BackupEligible: data.has(flagBackupEligible), BackedUp: data.has(flagBackedUp), UserVerified: data.has(flagUserVerified),
	}, nil
}

// Verify checks an assertion by a credential. What the credential was registered with must be as it was, and what e says
// must hold too. A credential without ID is a bare key: of such a one neither the ID, nor whether it may be backed up, nor
// the count is known, so they are not compared, and e must name the RP and the origins.
func Verify(a Assertion, c Credential, e Expect) (Result, error) {
	if len(e.Challenge) < MinChallenge {
		return Result{}, refused("no challenge was given")
	}
	client, err := readClientData(a.ClientDataJSON, "webauthn.get")
	if err != nil {
		return Result{}, err
	}
	data, err := readAssertion(a.AuthenticatorData)
	if err != nil {
		return Result{}, err
	}
	if err := c.bound(e); err != nil {
		return Result{}, err
	}
	if err := e.check(client, data); err != nil {
		return Result{}, err
	}
	if err := c.check(a, client, data); err != nil {
		return Result{}, err
	}
	key, err := parseKey(c.PublicKey)
	if err != nil {
		return Result{}, err
	}
	hash := sha256.Sum256(a.ClientDataJSON)
	if !key.verify(append(slices.Clone(a.AuthenticatorData), hash[:]...), a.Signature) {
		return Result{}, refused("the signature is not by this credential")
	}
	return Result{Count: data.count, UserVerified: data.has(flagUserVerified)}, nil
}

// check compares what both ceremonies say. Presence of a person is always wanted.
func (e Expect) check(client clientData, data authData) error {
	switch {
	case e.RPIDHash != [32]byte{} && e.RPIDHash != data.rpIDHash:
		return refused("for another RP")
	case e.Origins != nil && !slices.Contains(e.Origins, client.origin):
		return refused("from another origin")
	case e.Challenge != nil && subtle.ConstantTimeCompare(e.Challenge, client.challenge) != 1:
		return refused("for another challenge")
	case !data.has(flagUserPresent):
		return refused("nobody was present")
	case e.UserVerification && !data.has(flagUserVerified):
		return refused("the person was not verified")
	}
	return nil
}

// bound wants RP and origin to be settled by somebody: the zero value of neither is "any".
func (c Credential) bound(e Expect) error {
	if c.RPIDHash == [32]byte{} && e.RPIDHash == [32]byte{} || c.Origin == "" && len(e.Origins) == 0 {
		return refused("neither the credential nor the caller names RP and origin")
	}
	if len(c.ID) == 0 && (e.RPIDHash == [32]byte{} || len(e.Origins) == 0) {
		return refused("a bare key needs a caller that names RP and origin")
	}
	return nil
}

// check compares an assertion with what is known of the credential. A count that does not grow means that there are two of
// it; authenticators that do not count always say 0.
func (c Credential) check(a Assertion, client clientData, data authData) error {
	switch {
	case c.RPIDHash != [32]byte{} && c.RPIDHash != data.rpIDHash:
		return refused("for another RP than at registration")
	case c.Origin != "" && c.Origin != client.origin:
		return refused("from another origin than at registration")
	case len(c.ID) == 0:
		return nil
	case !bytes.Equal(a.CredentialID, c.ID):
		return refused("by another credential")
	case c.BackupEligible != data.has(flagBackupEligible):
		return refused("whether it may be backed up is not as at registration")
	case !Grows(c.Count, data.count):
		return refused("its count did not grow: there may be a copy of it")
	}
	return nil
}

// Grows says whether a count of signatures may follow another.
func Grows(before, after uint32) bool { return before == 0 && after == 0 || after > before }

// Registration gives what a credential was registered with in its shortest form: without the statement of attestation, the
// make of the authenticator, and what the browser said beyond need. Register reads the same credential from it.
func (c Credential) Registration() (attestationObject, clientDataJSON []byte, err error) {
	flags := byte(flagUserPresent | flagAttested)
	for flag, is := range map[byte]bool{flagUserVerified: c.UserVerified, flagBackupEligible: c.BackupEligible, flagBackedUp: c.BackedUp} {
		if is {
			flags |= flag
		}
	}
	data := binary.BigEndian.AppendUint32(append(slices.Clone(c.RPIDHash[:]), flags), c.Count)
	data = append(data, make([]byte, aaguid)...)
	data = binary.BigEndian.AppendUint16(data, uint16(len(c.ID))) //nolint:gosec // at most MaxCredentialID
	data = append(append(data, c.ID...), c.PublicKey...)
	attestationObject, err = encode(attestation{Format: "none", Statement: map[string]any{}, AuthData: data})
	return attestationObject, writeClientData("webauthn.create", clientData{challenge: c.Challenge, origin: c.Origin}), err
}

func refused(reason string) error { return fmt.Errorf("%w: %s", ErrPasskey, reason) }
