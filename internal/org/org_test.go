package org_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/proof"
)

func key(id byte, created, expires uint64) org.Authenticator {
	return org.Authenticator{ID: proof.ID{id}, Algorithm: api.Ed25519, PublicKey: append(make([]byte, 31), id), Created: created, Expires: expires}
}

func user(name, policy string, keys ...org.Authenticator) org.User {
	return org.User{Username: name, Policy: org.Policy{Type: policy}, Authenticators: keys}
}

func make1(t *testing.T, users ...org.User) *org.Organization {
	t.Helper()
	o, err := org.Create(org.Organization{Users: users}, org.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func kind(err error) string {
	var e *api.Error
	if errors.As(err, &e) {
		return e.Type
	}
	return ""
}

// An organization that nobody could ever change, or in which a name or a key says two things, is never made.
func TestCreate(t *testing.T) {
	many := []org.User{user("root", org.PolicyRoot, key(1, 0, 0))}
	for i := range api.MaxUsers {
		many = append(many, user(fmt.Sprint(i), org.PolicyCEL))
	}
	keys := make([]org.Authenticator, api.MaxKeys+1)
	for i := range keys {
		keys[i] = key(byte(i), 0, 0)
	}
	for why, c := range map[string]struct {
		users []org.User
		want  string
	}{
		"nobody":             {nil, api.TypeInvalid},
		"no root":            {[]org.User{user("a", org.PolicyCEL, key(1, 0, 0))}, api.TypeInvalid},
		"a root without":     {[]org.User{user("a", org.PolicyRoot)}, api.TypeInvalid},
		"a root":             {[]org.User{user("a", org.PolicyRoot, key(1, 0, 0))}, ""},
		"one name twice":     {[]org.User{user("a", org.PolicyRoot, key(1, 0, 0)), user("a", org.PolicyCEL)}, api.TypeConflict},
		"one key twice":      {[]org.User{user("a", org.PolicyRoot, key(1, 0, 0)), user("b", org.PolicyCEL, key(1, 0, 0))}, api.TypeConflict},
		"a key of one twice": {[]org.User{user("a", org.PolicyRoot, key(1, 0, 0), key(1, 0, 0))}, api.TypeConflict},
		"too many users":     {many, api.TypeLimit},
		"as many as may be":  {many[:api.MaxUsers], ""},
		"too many keys":      {[]org.User{user("a", org.PolicyRoot, keys...)}, api.TypeLimit},
		"keys as may be":     {[]org.User{user("a", org.PolicyRoot, keys[1:]...)}, ""},
	} {
		if _, err := org.Create(org.Organization{Users: c.users}, org.Limits{}); kind(err) != c.want || (err != nil) != (c.want != "") {
			t.Errorf("%s: %v, want %q", why, err, c.want)
		}
	}
}

// The last key that can change the organization stays, and so does the last one that does not expire.
func TestLastRootStays(t *testing.T) {
	lasting, passing := key(1, 0, 0), key(2, 0, 99)
	for why, c := range map[string]struct {
		users   []org.User
		gone    proof.ID
		of      string
		allowed bool
	}{
		"the only one":                 {[]org.User{user("r", org.PolicyRoot, lasting)}, lasting.ID, "r", false},
		"one of two":                   {[]org.User{user("r", org.PolicyRoot, lasting, key(3, 0, 0))}, lasting.ID, "r", true},
		"one of two users":             {[]org.User{user("r", org.PolicyRoot, lasting), user("s", org.PolicyRoot, key(3, 0, 0))}, lasting.ID, "r", true},
		"the last lasting one":         {[]org.User{user("r", org.PolicyRoot, lasting, passing)}, lasting.ID, "r", false},
		"one that passes":              {[]org.User{user("r", org.PolicyRoot, lasting, passing)}, passing.ID, "r", true},
		"the last, which passes":       {[]org.User{user("r", org.PolicyRoot, passing)}, passing.ID, "r", false},
		"beside one who is not root":   {[]org.User{user("r", org.PolicyRoot, lasting), user("u", org.PolicyCEL, key(3, 0, 0))}, lasting.ID, "r", false},
		"that of one who is not root":  {[]org.User{user("r", org.PolicyRoot, lasting), user("u", org.PolicyCEL, key(3, 0, 0))}, proof.ID{3}, "u", true},
		"another user's by its number": {[]org.User{user("r", org.PolicyRoot, lasting), user("u", org.PolicyCEL, key(3, 0, 0))}, lasting.ID, "u", false},
		"of nobody":                    {[]org.User{user("r", org.PolicyRoot, lasting)}, lasting.ID, "x", false},
	} {
		o := make1(t, c.users...)
		after, gone, err := o.DeleteAuthenticator(c.of, c.gone, 1)
		if (err == nil) != c.allowed {
			t.Errorf("%s: %v", why, err)
		}
		if err == nil {
			if _, still := after.Find(gone.Algorithm, gone.PublicKey); still || gone.ID != c.gone {
				t.Errorf("%s: it is still there", why)
			}
		}
		for _, u := range c.users {
			for _, a := range u.Authenticators {
				if _, there := o.Find(a.Algorithm, a.PublicKey); !there {
					t.Errorf("%s: the state before was changed", why)
				}
			}
		}
	}
}

// Whoever can change the organization last stays, user by user as key by key, and so does what does not expire.
func TestDeleteUser(t *testing.T) {
	lasting, passing := key(1, 0, 0), key(2, 0, 99)
	root := func(name string, keys ...org.Authenticator) org.User { return user(name, org.PolicyRoot, keys...) }
	leaving := root("s", key(4, 0, 0))
	leaving.Expires = 99
	gone := root("s", key(4, 0, 0))
	gone.Expires = 1
	for why, c := range map[string]struct {
		users []org.User
		name  string
		want  string // type of the error
	}{
		"the only one":                 {[]org.User{root("r", lasting)}, "r", api.TypeInvalid},
		"one of two":                   {[]org.User{root("r", lasting), root("s", key(3, 0, 0))}, "r", ""},
		"beside one without a key":     {[]org.User{root("r", lasting), root("s")}, "r", api.TypeInvalid},
		"one without a key":            {[]org.User{root("r", lasting), root("s")}, "s", ""},
		"beside a key that passes":     {[]org.User{root("r", lasting), root("s", passing)}, "r", api.TypeInvalid},
		"beside a user who passes":     {[]org.User{root("r", lasting), leaving}, "r", api.TypeInvalid},
		"beside a user who has passed": {[]org.User{root("r", passing), gone}, "r", api.TypeInvalid},
		"one who passes":               {[]org.User{root("r", lasting), leaving}, "s", ""},
		"beside one who is not root":   {[]org.User{root("r", lasting), user("u", org.PolicyCEL, key(3, 0, 0))}, "r", api.TypeInvalid},
		"one who is not root":          {[]org.User{root("r", lasting), user("u", org.PolicyCEL, key(3, 0, 0))}, "u", ""},
		"nobody":                       {[]org.User{root("r", lasting)}, "x", api.TypeNotFound},
		"no name":                      {[]org.User{root("r", lasting)}, "", api.TypeNotFound},
	} {
		o := make1(t, c.users...)
		after, err := o.DeleteUser(c.name, 1)
		if kind(err) != c.want || (err == nil) != (c.want == "") {
			t.Errorf("%s: %v, want %q", why, err, c.want)
		}
		if err == nil && (after.User(c.name) >= 0 || len(after.Users) != len(c.users)-1) {
			t.Errorf("%s: the user is still there, or more are gone", why)
		}
		if len(o.Users) != len(c.users) || o.User(c.users[0].Username) != 0 {
			t.Errorf("%s: the state before was changed", why)
		}
	}
}

// A full user gives up the key that expires and was created first, ties by identifier, and only when asked to.
func TestReplaceExpirableKey(t *testing.T) {
	full := func(edit func([]org.Authenticator)) *org.Organization {
		keys := make([]org.Authenticator, api.MaxKeys)
		for i := range keys {
			keys[i] = key(byte(10+i), uint64(100+i), 0)
		}
		edit(keys)
		return make1(t, user("r", org.PolicyRoot, key(1, 0, 0)), user("u", org.PolicyCEL, keys...))
	}
	for why, c := range map[string]struct {
		edit func([]org.Authenticator)
		gone byte // identifier, 0 when refused
	}{
		"none expires":       {func([]org.Authenticator) {}, 0},
		"one expires":        {func(k []org.Authenticator) { k[7].Expires = 500 }, 17},
		"the older of two":   {func(k []org.Authenticator) { k[7].Expires, k[3].Expires = 200, 900 }, 13},
		"of two of one time": {func(k []org.Authenticator) { k[7].Expires, k[3].Expires, k[7].Created, k[3].Created = 9, 9, 5, 5 }, 13},
		"the oldest of all": {func(k []org.Authenticator) {
			for i := range k {
				k[i].Expires = 1
			}
		}, 10},
		"an expired one last": {func(k []org.Authenticator) { k[9].Expires = 1 }, 19},
	} {
		o := full(c.edit)
		if _, err := o.AddAuthenticator("u", key(99, 0, 0), false, org.Limits{}); kind(err) != api.TypeLimit {
			t.Errorf("%s: without being asked to: %v", why, err)
		}
		after, err := o.AddAuthenticator("u", key(99, 0, 0), true, org.Limits{})
		if c.gone == 0 {
			if kind(err) != api.TypeLimit {
				t.Errorf("%s: %v", why, err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", why, err)
		}
		for id := byte(10); id < 20; id++ {
			_, there := after.Find(api.Ed25519, append(make([]byte, 31), id))
			if there == (id == c.gone) {
				t.Errorf("%s: key %d there: %v, want %d gone", why, id, there, c.gone)
			}
		}
	}
}

// The same for the users of a full organization; the last root is not given up, whoever asks.
func TestReplaceExpirableUser(t *testing.T) {
	users := []org.User{user("root", org.PolicyRoot, key(1, 0, 0))}
	for i := 1; i < api.MaxUsers; i++ {
		u := user(fmt.Sprintf("u%02d", i), org.PolicyCEL)
		u.Created = uint64(1000 - i)
		users = append(users, u)
	}
	if _, err := make1(t, users...).AddUser(user("new", org.PolicyCEL), true, org.Limits{}); kind(err) != api.TypeLimit {
		t.Errorf("nobody expires: %v", err)
	}
	users[5].Expires, users[8].Expires = 1, 9999
	o := make1(t, users...)
	if _, err := o.AddUser(user("new", org.PolicyCEL), false, org.Limits{}); kind(err) != api.TypeLimit {
		t.Errorf("without being asked to: %v", err)
	}
	after, err := o.AddUser(user("new", org.PolicyCEL), true, org.Limits{})
	if err != nil || after.User("u08") >= 0 || after.User("u05") < 0 || after.User("new") < 0 || len(after.Users) != api.MaxUsers {
		t.Errorf("the user who expires and came first is not the one who went: %v", err)
	}
	if _, err := o.AddUser(user("u07", org.PolicyCEL), true, org.Limits{}); kind(err) != api.TypeConflict {
		t.Errorf("a name twice: %v", err)
	}
	users[0].Expires = 5
	users[5].Expires, users[8].Expires = 0, 0
	if after, err := make1(t, users...).AddUser(user("new", org.PolicyCEL), true, org.Limits{}); err == nil {
		t.Errorf("the only root was given up; %d users are left", len(after.Users))
	}
}

// A key is found under its own algorithm only, and lives until its time and that of its user.
func TestFind(t *testing.T) {
	o := make1(t, user("r", org.PolicyRoot, key(1, 0, 100)))
	if _, ok := o.Find(api.Secp256k1Schnorr, o.Users[0].Authenticators[0].PublicKey); ok {
		t.Error("found under another algorithm")
	}
	m, ok := o.Find(api.Ed25519, o.Users[0].Authenticators[0].PublicKey)
	if !ok || !m.Live(99) || m.Live(100) || m.Live(101) {
		t.Error("a key that expires at 100 does not live until then, and no longer")
	}
	o.Users[0].Expires = 50
	if m.Live(50) || !m.Live(49) {
		t.Error("a key outlives its user")
	}
	if org.KeyHash("a", []byte("bc")) == org.KeyHash("ab", []byte("c")) {
		t.Error("algorithm and key shift against each other")
	}
}

// Tags and holders are named so that no two share a record.
func TestNames(t *testing.T) {
	one, two := [32]byte{1}, [32]byte{2}
	ids := map[proof.ID]string{}
	for name, id := range map[string]proof.ID{
		"tag":                  org.TagID(one, proof.ID{1}, "tag"),
		"another tag":          org.TagID(one, proof.ID{1}, "tags"),
		"another organization": org.TagID(one, proof.ID{2}, "tag"),
		"another key":          org.TagID(two, proof.ID{1}, "tag"),
		"holder":               org.HolderID(api.Ed25519, []byte{1}),
		"holder by another":    org.HolderID(api.Secp256r1, []byte{1}),
	} {
		if other, taken := ids[id]; taken {
			t.Errorf("%s and %s share a name", name, other)
		}
		ids[id] = name
	}
}

// Limits are as the operator sets them; one that is lowered lets what is there stay.
func TestLimits(t *testing.T) {
	o := make1(t, user("r", org.PolicyRoot, key(1, 0, 0), key(2, 0, 0)), user("u", org.PolicyCEL))
	tight := org.Limits{Users: 2, Keys: 1}
	if _, err := o.AddUser(user("v", org.PolicyCEL), false, tight); kind(err) != api.TypeLimit {
		t.Errorf("a third user of two: %v", err)
	}
	if _, err := o.AddUser(user("v", org.PolicyCEL), false, org.Limits{Users: 3}); err != nil {
		t.Errorf("a third user of three: %v", err)
	}
	if _, err := o.AddUser(user("v", org.PolicyCEL, key(3, 0, 0), key(4, 0, 0)), false, org.Limits{Users: 3, Keys: 1}); kind(err) != api.TypeLimit {
		t.Errorf("two keys of one: %v", err)
	}
	if _, err := o.AddAuthenticator("r", key(3, 0, 0), false, tight); kind(err) != api.TypeLimit {
		t.Errorf("a third key of one: %v", err)
	}
	if _, err := o.AddAuthenticator("u", key(3, 0, 0), false, tight); err != nil {
		t.Errorf("a first key, beside one who has more than may be: %v", err)
	}
	if _, err := org.Create(*o, tight); kind(err) != api.TypeLimit {
		t.Errorf("made with more than may be: %v", err)
	}
}

// A full organization gives up its oldest connection for a new one, and nobody else: whoever may connect an app need not be who
// may delete users.
func TestConnectionsMakeRoomForEachOther(t *testing.T) {
	connection := func(client string, created uint64) org.User {
		u := user(org.Connected(client), org.PolicyCEL, key(byte(10+created), created, 99))
		u.Policy.Preset, u.Created, u.Expires = org.PresetDappConnection, created, 99
		u.Traits = []org.Trait{{Name: org.TraitApp, Value: client}}
		return u
	}
	guest := user("guest", org.PolicyRoot, key(2, 0, 0))
	guest.Expires = 99 // and older than any connection
	o := make1(t, user("owner", org.PolicyRoot, key(1, 0, 0)), guest, connection("a", 5), connection("b", 4))
	next, err := o.Connect(connection("c", 6), org.Limits{Users: 4})
	if err != nil {
		t.Fatal(err)
	}
	if next.User("guest") < 0 || next.User("app-b") >= 0 || next.User("app-a") < 0 || next.User("app-c") < 0 || o.User("app-b") < 0 {
		t.Errorf("%+v", next.Users)
	}
	o = make1(t, user("owner", org.PolicyRoot, key(1, 0, 0)), guest)
	if _, err := o.Connect(connection("c", 6), org.Limits{Users: 2}); kind(err) != api.TypeLimit {
		t.Errorf("somebody who is no connection made room: %v", err)
	}
}

// Who makes room is not the last one who can change the organization.
func TestReplaceExpirableLeavesRoot(t *testing.T) {
	passing := user("root", org.PolicyRoot, key(1, 0, 99))
	gone := user("old", org.PolicyRoot, key(2, 1, 2)) // whose key expired
	gone.Created, gone.Expires, passing.Expires = 1, 2, 99
	o := make1(t, passing, gone)
	added := user("new", org.PolicyCEL, key(3, 50, 0))
	added.Created = 50
	if _, err := o.AddUser(added, true, org.Limits{Users: 2}); kind(err) != api.TypeInvalid {
		t.Errorf("the last root made room: %v", err)
	}
	added.Policy.Type = org.PolicyRoot
	if _, err := o.AddUser(added, true, org.Limits{Users: 2}); err != nil {
		t.Errorf("for another root: %v", err)
	}
	o = make1(t, user("root", org.PolicyRoot, key(1, 0, 99)), gone)
	if _, err := o.AddAuthenticator("root", key(3, 50, 51), true, org.Limits{Keys: 1}); err != nil {
		t.Errorf("a key for another of the same user: %v", err)
	}
	o = make1(t, user("root", org.PolicyRoot, key(1, 0, 99)), user("other", org.PolicyCEL, key(4, 0, 99)))
	if _, err := o.AddAuthenticator("root", key(3, 50, 50), true, org.Limits{Keys: 1}); kind(err) != api.TypeInvalid {
		t.Errorf("a key that expired already took the last one's place: %v", err)
	}
}

// The authenticators of an organization hold so much together; what is there already can still go.
func TestKeyBytes(t *testing.T) {
	large := func(id byte, size int) org.Authenticator {
		return org.Authenticator{ID: proof.ID{id}, Kind: org.KindOIDC, PublicKey: append(make([]byte, size-1), id)}
	}
	root := user("root", org.PolicyRoot, key(1, 0, 0), large(2, org.MaxKeyBytes-32))
	o := make1(t, root)
	if _, err := o.AddAuthenticator("root", large(3, 1), false, org.Limits{}); kind(err) != api.TypeLimit {
		t.Errorf("a byte more: %v", err)
	}
	if _, err := o.AddUser(user("u", org.PolicyCEL, large(3, 1)), false, org.Limits{}); kind(err) != api.TypeLimit {
		t.Errorf("a byte more, of another user: %v", err)
	}
	if next, _, err := o.DeleteAuthenticator("root", proof.ID{2}, 1); err != nil || len(next.Users[0].Authenticators) != 1 {
		t.Errorf("deleting it: %v", err)
	}
	root.Authenticators[1] = large(2, org.MaxKeyBytes-31)
	if _, err := org.Create(org.Organization{Users: []org.User{root}}, org.Limits{}); kind(err) != api.TypeLimit {
		t.Errorf("from the beginning: %v", err)
	}
}

// A passkey is found by its whole ID.
func TestCredential(t *testing.T) {
	passkey := func(id byte, credential string) org.Authenticator {
		b, err := org.Passkey{Version: 1, Credential: []byte(credential), Key: []byte{id}, Origin: "https://a.example"}.Encode()
		if err != nil {
			t.Fatal(err)
		}
		return org.Authenticator{ID: proof.ID{id}, Kind: org.KindPasskey, PublicKey: b}
	}
	o := make1(t, user("root", org.PolicyRoot, passkey(1, "abc"), passkey(2, "abcd"), passkey(3, "b")))
	for credential, want := range map[string]byte{"abc": 1, "abcd": 2, "b": 3, "ab": 0, "bc": 0, "": 0, "https://a.example": 0} {
		m, p, ok := o.Credential([]byte(credential))
		if ok != (want != 0) || ok && (m.Authenticator.ID != proof.ID{want} || string(p.Credential) != credential) {
			t.Errorf("%q: %+v, %v", credential, p, ok)
		}
	}
}
