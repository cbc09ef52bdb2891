package org

import (
	"bytes"

	"github.com/redoubt-kms/redoubt/proof"
)

// Passkey is what an authenticator of kind passkey holds in place of a public key, as CBOR: what was registered.
type Passkey struct {
	_              struct{} `cbor:",toarray"`
	Version        uint8    // 1
	Credential     []byte   // ID of the credential
	Key            []byte   // COSE_Key, canonical
	RPIDHash       proof.Hash
	Origin         string // of the page that made it, and that alone may use it
	Challenge      []byte // of the registration
	Count          uint32 // of signatures at registration; PasskeyCount has the newer one
	BackupEligible bool
	BackedUp       bool // at registration
	Verified       bool // the person was verified at registration
	Transports     []string
}

// Encode gives the bytes that an authenticator keeps.
func (p Passkey) Encode() ([]byte, error) { return proof.Encode(p) }

// Passkey reads what was registered of an authenticator of kind passkey.
func (a *Authenticator) Passkey() (Passkey, error) {
	var p Passkey
	err := proof.Decode(a.PublicKey, &p)
	return p, err
}

// PasskeyCount is the record of how often a passkey has signed, by its own word. It is no part of the organization, which
// would otherwise change with every signature.
type PasskeyCount struct {
	_       struct{} `cbor:",toarray"`
	Version uint8    // SchemaVersion
	Count   uint32
}

// Credential returns who holds a passkey, whether or not they expired.
func (o *Organization) Credential(credential []byte) (Member, Passkey, bool) {
	written, err := proof.Encode(credential)
	if err != nil {
		return Member{}, Passkey{}, false
	}
	for i := range o.Users {
		u := &o.Users[i]
		for j := range u.Authenticators {
			a := &u.Authenticators[j]
			// Its bytes hold the ID and its length as they are, so others are passed over without being read: strangers name IDs, and
			// one of a byte is a part of many.
			if a.Kind != KindPasskey || !bytes.Contains(a.PublicKey, written) {
				continue
			}
			if p, err := a.Passkey(); err == nil && bytes.Equal(p.Credential, credential) {
				return Member{User: u, Authenticator: a}, p, true
			}
		}
	}
	return Member{}, Passkey{}, false
}

// names lists what must be one authenticator's alone within an organization.
func (a *Authenticator) names() []proof.Hash {
	if a.Kind != KindPasskey {
		return []proof.Hash{KeyHash(a.Algorithm, a.PublicKey)}
	}
	p, err := a.Passkey()
	if err != nil {
		return nil
	}
	return []proof.Hash{KeyHash("credential", p.Credential), KeyHash("COSE", p.Key)}
}
