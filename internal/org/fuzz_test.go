package org_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/proof"
)

// authenticatorSeeds are what authenticators without a public key hold, and one value each in a second spelling.
func authenticatorSeeds(f *testing.F) {
	f.Helper()
	for _, o := range []org.OIDC{
		{Version: 1, Source: org.SourceConnect, Subject: "passkey:" + strings.Repeat("A", 43), Audience: []string{org.ConnectClient}},
		{Version: 1, Source: org.SourceConnect, Subject: "email:x", Audience: []string{"app"}, Origin: "https://app.example", Nonce: strings.Repeat("n", 43)},
		{Version: 1, Source: org.SourceKeySet, Keys: `{"keys":[{"kty":"EC"}]}`, Subject: "somebody"},
		{Version: 1, Source: org.SourceURL, Keys: "https://id.example/jwks", Issuer: "https://id.example", Subject: "s", Audience: []string{"a", "b"}},
		{Version: 1, Source: org.SourceIssuer, Keys: "https://id.example", Issuer: "https://id.example", Subject: "s", Audience: []string{"a"}},
	} {
		addSpellings(f, o.Encode)
	}
	key := append([]byte{0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 32}, make([]byte, 32)...) // a COSE key of P-256 (RFC 9053, 7.1.1)
	key = append(append(key, 0x22, 0x58, 32), make([]byte, 32)...)
	for _, p := range []org.Passkey{
		{Version: 1, Credential: []byte{1, 2, 3}, Key: key, RPIDHash: proof.Hash{1}, Origin: "https://app.example", Challenge: make([]byte, 32)},
		{Version: 1, Credential: make([]byte, 64), Key: key, Count: 1 << 31, BackupEligible: true, BackedUp: true, Verified: true, Transports: []string{"internal", "hybrid"}},
	} {
		addSpellings(f, p.Encode)
	}
	f.Add([]byte{})
	f.Add([]byte{0x80})
}

// addSpellings adds an encoding, half of it, and one whose version is written in two bytes.
func addSpellings(f *testing.F, encode func() ([]byte, error)) {
	f.Helper()
	b, err := encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(b[:len(b)/2])
	f.Add(append([]byte{b[0], 0x18, b[1]}, b[2:]...))
}

// What an authenticator holds has one encoding, and who comes by it is found by what is read from it: the search looks for
// that in the bytes first.
func FuzzAuthenticator(f *testing.F) {
	authenticatorSeeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		oidc := org.Authenticator{Kind: org.KindOIDC, PublicKey: b}
		o := org.Organization{Users: []org.User{{Username: "a", Authenticators: []org.Authenticator{oidc}}}}
		subject, isWay := oidc.Way()
		if read, err := oidc.OIDC(); err == nil {
			if again, err := read.Encode(); err != nil || !bytes.Equal(again, b) {
				t.Fatalf("%x is read and written as %x, %v", b, again, err)
			}
			if len(o.Tokened(read.Subject)) != 1 {
				t.Errorf("%q is not found in %x", read.Subject, b)
			}
			if isWay && (subject != read.Subject || read.Source != org.SourceConnect) {
				t.Errorf("%x is a way of %q", b, subject)
			}
		} else if isWay || len(o.Ways(0)) != 0 {
			t.Errorf("%x is no token's, and a way", b)
		}
		passkey := org.Authenticator{Kind: org.KindPasskey, PublicKey: b}
		o.Users[0].Authenticators[0] = passkey
		if read, err := passkey.Passkey(); err == nil {
			if again, err := read.Encode(); err != nil || !bytes.Equal(again, b) {
				t.Fatalf("%x is read and written as %x, %v", b, again, err)
			}
			if _, found, ok := o.Credential(read.Credential); !ok || !bytes.Equal(found.Key, read.Key) {
				t.Errorf("credential %x is not found in %x", read.Credential, b)
			}
		}
	})
}
