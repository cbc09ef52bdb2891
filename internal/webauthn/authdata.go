package webauthn

import (
	"encoding/binary"
	"slices"
)

// Flags of authenticator data (section 6.1). The other two bits are reserved.
const (
	flagUserPresent    = 1 << 0
	flagUserVerified   = 1 << 2
	flagBackupEligible = 1 << 3
	flagBackedUp       = 1 << 4
	flagAttested       = 1 << 6
	flagExtensions     = 1 << 7

	reservedFlags = 1<<1 | 1<<5
)

const (
	headSize = 32 + 1 + 4 // hash of the RP ID, flags, count
	aaguid   = 16         // bytes of the identifier of the authenticator's make, which is passed over
)

// authData is the data of an authenticator, taken apart.
type authData struct {
	rpIDHash     [32]byte
	flags        byte
	count        uint32
	credentialID []byte // at registration
	publicKey    []byte // at registration
}

func (d authData) has(flag byte) bool { return d.flags&flag != 0 }

// attestation is an attestation object (section 6.5).
type attestation struct {
	Format    string `cbor:"fmt"`
	Statement any    `cbor:"attStmt"`
	AuthData  []byte `cbor:"authData"`
}

// readAttestation reads what an authenticator says of a new credential.
func readAttestation(b []byte) (authData, error) {
	var a attestation
	if err := decode(b, &a); err != nil {
		return authData{}, refused("the attestation object is not the strict CBOR that authenticators write")
	}
	if a.Format == "" || len(a.Format) > 32 || a.Statement == nil {
		return authData{}, refused("the attestation object lacks a member")
	}
	if statement, ok := a.Statement.(map[any]any); a.Format == "none" && (!ok || len(statement) > 0) {
		return authData{}, refused("attestation of format none with a statement")
	}
	d, rest, err := readHead(a.AuthData)
	if err != nil {
		return authData{}, err
	}
	if !d.has(flagAttested) {
		return authData{}, refused("without a credential")
	}
	if rest, err = d.readCredential(rest); err != nil {
		return authData{}, err
	}
	return d, d.readExtensions(rest)
}

// readAssertion reads what an authenticator signed; there is no credential in it.
func readAssertion(b []byte) (authData, error) {
	d, rest, err := readHead(b)
	if err != nil {
		return authData{}, err
	}
	if d.has(flagAttested) {
		return authData{}, refused("with a credential, which belongs to registrations")
	}
	return d, d.readExtensions(rest)
}

// readHead reads what authenticator data begins with.
func readHead(b []byte) (authData, []byte, error) {
	if len(b) < headSize || len(b) > MaxAttestation {
		return authData{}, nil, refused("authenticator data of a wrong size")
	}
	d := authData{rpIDHash: [32]byte(b), flags: b[32], count: binary.BigEndian.Uint32(b[33:headSize])}
	if d.has(reservedFlags) || d.has(flagBackedUp) && !d.has(flagBackupEligible) {
		return authData{}, nil, refused("flags that mean nothing")
	}
	return d, b[headSize:], nil
}

// readCredential reads ID and key of a new credential (section 6.5.1).
func (d *authData) readCredential(b []byte) ([]byte, error) {
	if len(b) < aaguid+2 {
		return nil, refused("a credential that is cut off")
	}
	size := int(binary.BigEndian.Uint16(b[aaguid:]))
	if b = b[aaguid+2:]; size == 0 || size > MaxCredentialID || len(b) < size {
		return nil, refused("a credential ID of a wrong size")
	}
	d.credentialID, b = slices.Clone(b[:size]), b[size:]
	rest, err := first(b)
	if err != nil {
		return nil, refused("the key is not the strict CBOR that authenticators write")
	}
	d.publicKey = slices.Clone(b[:len(b)-len(rest)])
	_, err = parseKey(d.publicKey)
	return rest, err
}

// readExtensions passes over the outputs of extensions: one map of names, if the flag says so, and nothing else. We ask
// for none, and some authenticators have something to say all the same.
func (d *authData) readExtensions(b []byte) error {
	if !d.has(flagExtensions) {
		if len(b) > 0 {
			return refused("bytes after the authenticator data")
		}
		return nil
	}
	var outputs map[string]any
	if err := decode(b, &outputs); err != nil || len(outputs) == 0 {
		return refused("the outputs of extensions are not the strict CBOR that authenticators write")
	}
	return nil
}
