package policy

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"testing"
	"time"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/jose"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/stamp"
)

func newP256(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// session is a session key with a token that vouches for it.
type session struct {
	key   ed25519.PrivateKey
	token string
}

func (s session) nonce() string {
	return stamp.Stamp{PublicKey: s.key.Public().(ed25519.PublicKey)}.Nonce()
}

// stamped signs a body as a session.
func (s session) stamped(body []byte) string {
	return stamp.Stamp{
		Kind: stamp.OIDC, Algorithm: api.Ed25519, PublicKey: s.key.Public().(ed25519.PublicKey), IDToken: s.token, Signature: ed25519.Sign(s.key, body),
	}.Encode()
}

func (r *rig) as(t *testing.T, s session, method api.Method, params object) wire.Answer {
	t.Helper()
	body := r.body(t, method, params)
	return r.stamped(t, body, s.stamped(body))
}

// issuer is somebody else's identity provider.
type issuer struct {
	key  *ecdsa.PrivateKey
	name string
}

func (i issuer) keySet() json.RawMessage { return jose.SingleKey(&i.key.PublicKey).JSON() }

// login makes a session whose token has the given claims besides what every token has.
func (i issuer) login(t *testing.T, r *rig, more object) session {
	t.Helper()
	s := session{key: newKey(t)}
	now := r.now().Unix()
	claims := object{"iss": i.name, "sub": "alice", "aud": "app", "nonce": s.nonce(), "iat": now, "exp": now + 3600}
	for name, value := range more {
		claims[name] = value
	}
	var err error
	if s.token, err = jose.Sign(i.key, "JWT", claims); err != nil {
		t.Fatal(err)
	}
	return s
}

// A person of another issuer acts by its tokens, as the authenticator says, and by no others.
func TestTokensOfAnotherIssuer(t *testing.T) {
	r := newRig(t)
	there := issuer{newP256(t), "https://issuer.example"}
	authenticator := object{
		"authenticatorName": "login", "authenticatorKind": "oidc", "jwkSet": there.keySet(),
		"idTokenClaims": object{"sub": "alice", "iss": there.name, "aud": []string{"app", "other-app"}},
	}
	o := r.tenant(t, object{"username": "alice", "policy": preset("LEGACY_USER_ROLE"), "authenticators": []object{authenticator}})
	ask := object{"organizationId": o.id}
	if a := r.as(t, there.login(t, r, nil), api.GetOrganization, ask); a.Status != 200 {
		t.Fatalf("%d %s", a.Status, a.Result)
	}
	now := r.now().Unix()
	for why, claims := range map[string]object{
		"another person": {"sub": "Alice"}, "no person": {"sub": ""}, "another issuer": {"iss": there.name + "/"}, "another app": {"aud": "app2"}, "no app": {"aud": []string{}},
		"an app's beginning": {"aud": "ap"}, "expired": {"exp": now - 120}, "of tomorrow": {"iat": now + 120}, "not yet": {"nbf": now + 120}, "an old one": {"iat": now - 7200},
		"another key": {"nonce": session{key: newKey(t)}.nonce()}, "no nonce": {"nonce": ""}, "no expiry": {"exp": nil}, "no time of issue": {"iat": nil},
	} {
		if claims["exp"] == nil && why == "no expiry" {
			claims["exp"] = 0
		}
		if why == "no time of issue" {
			claims["iat"] = 0
		}
		if a := r.as(t, there.login(t, r, claims), api.GetOrganization, ask); a.Status != 401 {
			t.Errorf("a token for %s: %d %s", why, a.Status, a.Result)
		}
	}
	if a := r.as(t, issuer{newP256(t), there.name}.login(t, r, nil), api.GetOrganization, ask); a.Status != 401 {
		t.Errorf("a token signed by another key: %d", a.Status)
	}
	s := there.login(t, r, nil)
	s.token = s.token[:len(s.token)-8] + "AAAAAAAA"
	if a := r.as(t, s, api.GetOrganization, ask); a.Status != 401 {
		t.Errorf("a token with another signature: %d", a.Status)
	}
	s = there.login(t, r, nil)
	if a := r.as(t, session{newKey(t), s.token}, api.GetOrganization, ask); a.Status != 401 {
		t.Errorf("somebody else's token: %d", a.Status)
	}
	for range 2 { // what was refused or verified before is no different the second time
		if a := r.as(t, s, api.AddUserToOrganization, object{"organizationId": o.id, "user": user("x", preset("DENY_ALL"))}); a.Status != 403 {
			t.Errorf("beyond the policy: %d", a.Status)
		}
	}
	for _, method := range []api.Method{api.GetOrCreatePhantomOrganization, api.GetPhantomOrganization} {
		if a := r.as(t, s, method, object{}); a.Status != 401 {
			t.Errorf("%s: %d %s", method, a.Status, a.Result) // only Connect's logins lead to organizations
		}
	}
	if a := r.as(t, s, api.CreateOrganization, object{"organizationName": "n", "users": []object{user("u", object{"type": "ROOT"}, newKey(t))}}); a.Status != 400 {
		t.Errorf("founding: %d", a.Status)
	}
	must[api.Organization](t, r, o.key, api.DeleteUserFromOrganization, object{"organizationId": o.id, "username": "alice"})
	if a := r.as(t, s, api.GetOrganization, ask); a.Status != 401 {
		t.Errorf("after the user is gone: %d", a.Status)
	}
}

// What an authenticator of kind oidc may say.
func TestAuthenticatorsOfKindOIDC(t *testing.T) {
	r := newRig(t)
	o := r.tenant(t)
	keys := issuer{key: newP256(t)}.keySet()
	claims := object{"sub": "a", "iss": "https://i.example", "aud": []string{"app"}}
	for _, c := range []struct {
		why    string
		edit   object
		status uint16
	}{
		{"keys of its own", object{"jwkSet": keys, "idTokenClaims": object{"sub": "a"}}, 200},
		{"a URL", object{"jwksUrl": "https://i.example/keys", "idTokenClaims": claims}, 200},
		{"an issuer", object{"issuerUrl": "https://i.example", "idTokenClaims": claims}, 200},
		{"the same again", object{"issuerUrl": "https://i.example", "idTokenClaims": claims}, 400},
		{"a URL without iss", object{"jwksUrl": "https://i.example/keys", "idTokenClaims": object{"sub": "a", "aud": []string{"app"}}}, 400},
		{"a URL without aud", object{"jwksUrl": "https://i.example/keys", "idTokenClaims": object{"sub": "a", "iss": "i"}}, 400},
		{"another issuer than that of the tokens", object{"issuerUrl": "https://j.example", "idTokenClaims": claims}, 400},
		{"no person", object{"jwkSet": keys}, 400},
		{"an empty person", object{"jwkSet": keys, "idTokenClaims": object{"sub": ""}}, 400},
		{"no keys", object{"idTokenClaims": claims}, 400},
		{"two sources", object{"jwkSet": keys, "jwksUrl": "https://i.example/keys", "idTokenClaims": claims}, 400},
		{"no key set", object{"jwkSet": object{"keys": []object{}}, "idTokenClaims": claims}, 400},
		{"a secret key", object{"jwkSet": object{"keys": []object{{"kty": "oct", "k": "AAAA"}}}, "idTokenClaims": claims}, 400},
		{"http", object{"jwksUrl": "http://i.example/keys", "idTokenClaims": claims}, 400},
		{"a user", object{"jwksUrl": "https://a:b@i.example/keys", "idTokenClaims": claims}, 400},
		{"a public key", object{"jwkSet": keys, "idTokenClaims": claims, "publicKey": "AAAA"}, 400},
	} {
		a := object{"authenticatorName": c.why, "authenticatorKind": "oidc"}
		for name, value := range c.edit {
			a[name] = value
		}
		got := r.call(t, o.key, api.CreateAuthenticator, object{"organizationId": o.id, "username": "root", "authenticator": a})
		if got.Status != c.status {
			t.Errorf("%s: %d %s", c.why, got.Status, got.Result)
		}
	}
	made := must[api.Organization](t, r, o.key, api.GetOrganization, object{"organizationId": o.id})
	last := made.Users[0].Authenticators[3]
	if last.IssuerURL != "https://i.example" || last.PublicKey != "" || last.IDTokenClaims == nil || last.IDTokenClaims.Audience[0] != "app" {
		t.Errorf("%+v", last)
	}
}

func (r *rig) now() time.Time { return r.wall() }
