package org_test

import (
	"testing"

	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/proof"
)

// A way that has expired, or whose user has, is none: it does not count, and is not wanted, for changes of the ways.
func TestExpiredWays(t *testing.T) {
	way := func(subject string, id byte, expires uint64) org.Authenticator {
		b, err := org.OIDC{Version: 1, Source: org.SourceConnect, Subject: subject, Audience: []string{org.ConnectClient}}.Encode()
		if err != nil {
			t.Fatal(err)
		}
		return org.Authenticator{ID: proof.ID{id}, Kind: org.KindOIDC, PublicKey: b, Expires: expires}
	}
	o := &org.Organization{Users: []org.User{
		{Username: "owner", Authenticators: []org.Authenticator{way("passkey:a", 1, 0), way("passkey:b", 2, 100)}},
		{Username: "guest", Expires: 200, Authenticators: []org.Authenticator{way("passkey:c", 3, 0)}},
	}}
	for now, want := range map[uint64]int{50: 3, 150: 2, 250: 1} {
		if ways := o.Ways(now); len(ways) != want || ways[0].Subject != "passkey:a" {
			t.Errorf("at %d: %+v", now, ways)
		}
		for subjects, suffices := range map[string]bool{"passkey:a": want == 1, "passkey:b": false} {
			if o.Suffice([]string{subjects}, now) != suffices {
				t.Errorf("at %d %s suffices: want %v", now, subjects, suffices)
			}
		}
		if got := o.Suffice([]string{"passkey:b", "passkey:c"}, now); got != (want == 3) {
			t.Errorf("at %d two that expire suffice: %v", now, got)
		}
	}
}
