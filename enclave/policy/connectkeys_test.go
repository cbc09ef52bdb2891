package policy

import (
	"crypto/ecdsa"
	"errors"
	"maps"
	"net"
	"testing"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/jose"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

// issues has a certifier say which key logins are signed with.
func (r *keysRig) issues(t *testing.T, statement proof.SignedIssuer) {
	t.Helper()
	encoded, err := proof.Encode(statement)
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := net.Pipe()
	link := wire.NewLink(ours, func(*wire.Call) {})
	other := wire.NewLink(theirs, func(c *wire.Call) {
		go wire.Serve(c, func(wire.Empty) (wire.Issuer, error) { return wire.Issuer{Statement: encoded}, nil })
	})
	t.Cleanup(func() { link.Close(); other.Close() })
	r.Engine.certifier, r.tokens = link, newTokenCache()
}

// Logins are signed with the key that this manifest's certifier states for this manifest and its origin, and are session tokens.
func TestKeyOfLogins(t *testing.T) {
	r := deaf(t)
	hash, err := r.vault.Manifest().Hash()
	if err != nil {
		t.Fatal(err)
	}
	point, err := r.key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	right := proof.Issuer{Version: 1, Origin: testOrigin, Key: point, Manifest: hash}
	login := r.tokenOf(t, nil)
	for why, c := range map[string]struct {
		edit  func(*proof.Issuer)
		by    *keysRig
		holds bool
	}{
		"as it is":             {func(*proof.Issuer) {}, r, true},
		"by another certifier": {func(*proof.Issuer) {}, newKeysRig(t), false},
		"of another manifest":  {func(i *proof.Issuer) { i.Manifest[0] ^= 1 }, r, false},
		"of another origin":    {func(i *proof.Issuer) { i.Origin = "https://other.example" }, r, false},
		"of no key":            {func(i *proof.Issuer) { i.Key = make([]byte, 65) }, r, false},
	} {
		issuer := right
		c.edit(&issuer)
		statement, err := proof.SignIssuer(c.by.certifier, issuer)
		if err != nil {
			t.Fatal(err)
		}
		r.issues(t, statement)
		err = r.verifyLogin(t.Context(), keysTime, login.token)
		var told *api.Error
		if c.holds != (err == nil) || !c.holds && (!errors.As(err, &told) || told.Type != api.TypeUnavailable) {
			t.Errorf("a statement %s: %v", why, err)
		}
	}
	statement, err := proof.SignIssuer(r.certifier, right)
	if err != nil {
		t.Fatal(err)
	}
	r.issues(t, statement)
	now := int64(keysTime / 1000)
	const day = 24 * 3600
	for why, c := range map[string]struct {
		key   *ecdsa.PrivateKey
		typ   string
		edit  object
		holds bool
	}{
		"as it is":             {r.key, jose.TypeSession, nil, true},
		"of 31 days":           {r.key, jose.TypeSession, object{"iat": now - 31*day}, true},
		"signed by its holder": {newP256(t), jose.TypeSession, nil, false},
		"an ID token":          {r.key, jose.TypeID, nil, false},
		"an access token":      {r.key, jose.TypeAccess, nil, false},
		"of no type":           {r.key, "", nil, false},
		"of another issuer":    {r.key, jose.TypeSession, object{"iss": testOrigin + "/"}, false},
		"of nobody":            {r.key, jose.TypeSession, object{"sub": ""}, false},
		"expired":              {r.key, jose.TypeSession, object{"iat": now - day, "exp": now - 600}, false},
		"of tomorrow":          {r.key, jose.TypeSession, object{"iat": now + day, "exp": now + 2*day}, false},
		"of 32 days":           {r.key, jose.TypeSession, object{"iat": now - 32*day}, false},
		"without end":          {r.key, jose.TypeSession, object{"exp": 0}, false},
	} {
		claims := object{"iss": testOrigin, "sub": "email:x", "aud": "connect", "iat": now, "exp": now + 60}
		maps.Copy(claims, c.edit)
		text, err := jose.Sign(c.key, c.typ, claims)
		if err != nil {
			t.Fatal(err)
		}
		read, err := r.tokens.parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.verifyLogin(t.Context(), keysTime, read); c.holds != (err == nil) {
			t.Errorf("a login %s: %v", why, err)
		}
	}
}

// An authenticator takes tokens of the person, audience, issuer, origin and key that it names; one of Connect's for an app names a key
// in any case.
func TestTokensThatAreTaken(t *testing.T) {
	claims := jose.Claims{Issuer: testOrigin, Subject: "email:x", Audience: []string{"app"}, Origin: appOrigin, Nonce: "n"}
	connection := org.OIDC{Version: 1, Source: org.SourceConnect, Subject: "email:x", Audience: []string{"app"}, Origin: appOrigin, Nonce: "n"}
	for why, c := range map[string]struct {
		edit func(*org.OIDC)
		want bool
	}{
		"as it is":             {func(*org.OIDC) {}, true},
		"of any issuer":        {func(o *org.OIDC) { o.Issuer = "" }, true},
		"another version":      {func(o *org.OIDC) { o.Version = 2 }, false},
		"another person":       {func(o *org.OIDC) { o.Subject = "email:y" }, false},
		"another app":          {func(o *org.OIDC) { o.Audience = []string{"game"} }, false},
		"two apps":             {func(o *org.OIDC) { o.Audience = []string{"app", "game"} }, false},
		"no app":               {func(o *org.OIDC) { o.Audience = nil }, false},
		"another issuer":       {func(o *org.OIDC) { o.Issuer = testOrigin + "/" }, false},
		"another origin":       {func(o *org.OIDC) { o.Origin = appOrigin + ":81" }, false},
		"another key":          {func(o *org.OIDC) { o.Nonce = "m" }, false},
		"no key":               {func(o *org.OIDC) { o.Nonce = "" }, false},
		"no key, of a key set": {func(o *org.OIDC) { o.Nonce, o.Source = "", org.SourceKeySet }, true},
	} {
		auth := connection
		c.edit(&auth)
		if takes(auth, claims) != c.want {
			t.Errorf("%s: want %v", why, c.want)
		}
	}
}
