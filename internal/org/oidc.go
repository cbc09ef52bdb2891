package org

import (
	"bytes"
	"slices"

	"github.com/redoubt-kms/redoubt/proof"
)

// The kinds of authenticators.
const (
	KindKeypair = "keypair"
	KindPasskey = "passkey"
	KindOIDC    = "oidc"
)

// Where the keys come from that sign the tokens of an authenticator of kind oidc.
const (
	SourceConnect = "connect"   // the deployment's own login: the certifier's key
	SourceKeySet  = "jwkSet"    // written with the authenticator
	SourceURL     = "jwksUrl"   // behind a URL
	SourceIssuer  = "issuerUrl" // behind the URL that an issuer's discovery document names
)

// OIDC is what an authenticator of kind oidc holds in place of a public key, as CBOR: whose tokens may vouch for a key.
type OIDC struct {
	_        struct{} `cbor:",toarray"`
	Version  uint8    // 1
	Source   string
	Keys     string   // JSON of the key set, or a URL; empty for SourceConnect
	Issuer   string   // claim iss; empty for any, which only a key set of one's own allows, and for SourceConnect
	Subject  string   // claim sub
	Audience []string // of which the claim aud must name one; empty for any, as above
	Origin   string   // claim origin that the token must have; empty for any
	Nonce    string   // claim nonce, which names the one session key of an app that is connected; empty for any
}

// Encode gives the bytes that an authenticator keeps.
func (o OIDC) Encode() ([]byte, error) { return proof.Encode(o) }

// OIDC reads whose tokens an authenticator of kind oidc takes.
func (a *Authenticator) OIDC() (OIDC, error) {
	var o OIDC
	err := proof.Decode(a.PublicKey, &o)
	return o, err
}

// Way says whether an authenticator is a way by which a person signs in to Connect, and gives its subject.
func (a *Authenticator) Way() (subject string, ok bool) {
	if a.Kind != KindOIDC {
		return "", false
	}
	o, err := a.OIDC()
	return o.Subject, err == nil && o.Source == SourceConnect && slices.Equal(o.Audience, []string{ConnectClient})
}

// ConnectClient is the audience of tokens for the pages of Connect itself. No app can have it.
const ConnectClient = "connect"

// Tokened lists the members whose authenticators are of kind oidc and name a subject, whether or not they expired.
func (o *Organization) Tokened(subject string) []Member {
	var all []Member
	for i := range o.Users {
		u := &o.Users[i]
		for j := range u.Authenticators {
			// Its bytes hold the subject as it is, so most others are passed over without being read.
			if a := &u.Authenticators[j]; a.Kind == KindOIDC && bytes.Contains(a.PublicKey, []byte(subject)) {
				all = append(all, Member{User: u, Authenticator: a})
			}
		}
	}
	return all
}

// Identity says which organization a person's way to sign in leads to, where that does not follow from the way itself.
type Identity struct {
	_            struct{} `cbor:",toarray"`
	Version      uint8    // SchemaVersion
	Organization proof.ID // zero after the way was taken out of one
	Generation   uint32   // how often it was taken out: it then leads to a new organization
}

// Led returns the record of a way that leads to an organization from now on; nil counts as one that follows from the way.
func (i *Identity) Led(organization proof.ID) *Identity {
	next := Identity{Version: SchemaVersion}
	if i != nil {
		next = *i
	}
	next.Organization = organization
	return &next
}

// Left returns the record of a way that was taken out of its organization.
func (i *Identity) Left() *Identity {
	next := i.Led(proof.ID{})
	next.Generation++
	return next
}
