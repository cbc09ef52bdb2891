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

// The last way stays, also where somebody else could administer: nobody would sign in to the organization any more.
func TestLastWayStays(t *testing.T) {
	way := func(subject string, id byte) org.Authenticator {
		b, err := org.OIDC{Version: 1, Source: org.SourceConnect, Subject: subject, Audience: []string{org.ConnectClient}}.Encode()
		if err != nil {
			t.Fatal(err)
		}
		return org.Authenticator{ID: proof.ID{id}, Kind: org.KindOIDC, PublicKey: b}
	}
	key := org.Authenticator{ID: proof.ID{9}, Kind: org.KindKeypair, Algorithm: "Ed25519", PublicKey: make([]byte, 32)}
	root := org.Policy{Type: org.PolicyRoot}
	o := &org.Organization{Users: []org.User{
		{Username: "owner", Policy: root, Authenticators: []org.Authenticator{way("passkey:a", 1), way("passkey:b", 2), key}},
		{Username: "other", Policy: root, Authenticators: []org.Authenticator{key}},
	}}
	next, subject, err := o.RemoveWay(proof.ID{1}, 1)
	if err != nil || subject != "passkey:a" || len(next.Ways(1)) != 1 {
		t.Fatalf("%s, %v", subject, err)
	}
	if _, _, err := next.RemoveWay(proof.ID{2}, 1); err == nil {
		t.Error("the last way goes")
	}
	if _, _, err := next.RemoveWay(proof.ID{9}, 1); err == nil {
		t.Error("a key is taken for a way")
	}
}

// A user is the connection of an app by name, trait and preset together.
func TestConnection(t *testing.T) {
	connection := func(edit func(*org.User)) *org.User {
		u := &org.User{Username: "app-shop", Traits: []org.Trait{{Name: org.TraitApp, Value: "shop"}}, Policy: org.Policy{Type: org.PolicyCEL, Preset: org.PresetDappConnection}}
		edit(u)
		return u
	}
	for why, c := range map[string]struct {
		edit func(*org.User)
		want bool
	}{
		"as it is":         {func(*org.User) {}, true},
		"another name":     {func(u *org.User) { u.Username = "app-game" }, false},
		"another app":      {func(u *org.User) { u.Traits[0].Value = "game" }, false},
		"no app":           {func(u *org.User) { u.Traits = nil }, false},
		"a policy of ROOT": {func(u *org.User) { u.Policy = org.Policy{Type: org.PolicyRoot} }, false},
		"rules":            {func(u *org.User) { u.Policy.Preset = "" }, false},
	} {
		if client, ok := connection(c.edit).Connection(); ok != c.want || ok && client != "shop" {
			t.Errorf("%s: %q, %v", why, client, ok)
		}
	}
}
