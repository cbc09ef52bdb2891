package certifier

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redoubt-kms/redoubt/internal/jose"
	"github.com/redoubt-kms/redoubt/internal/wire"
)

// A person authorizes a session; its tokens are for the app and the app's key, and fresh ones come until it ends.
func TestAuthorizeAndMint(t *testing.T) {
	r := newRig(t)
	pass := r.stopped()
	page, app := r.signedIn(t, "a@example.com"), newHolder(t)
	body := authorizeBody(t, app, nil)
	a, err := r.logins.authorize(wire.Request{Body: body, Stamp: page.stamp(t, "", body)})
	if err != nil {
		t.Fatal(err)
	}
	if a.ClientID != "app" || a.Nonce != app.nonce(t) || a.Origin != "https://app.example" || a.RedirectURI != "https://app.example/cb" || a.Transaction != "t1" ||
		a.OrganizationID != "00000000-0000-4000-8000-000000000001" || a.ExpiresAt != testTime+3*24*3_600_000 || a.Subject != subjectOf("email:", []byte("a@example.com")) {
		t.Errorf("%+v", a)
	}
	for i, step := range []struct{ pass, life time.Duration }{{0, 72 * time.Hour}, {24 * time.Hour, 48 * time.Hour}, {36 * time.Hour, 12 * time.Hour}} {
		pass(step.pass)
		now, err := r.logins.now()
		if err != nil {
			t.Fatal(err)
		}
		m, err := r.logins.mint(wire.MintRequest{Session: a.Session})
		if err != nil || m.SessionEnds != a.ExpiresAt || m.Subject != a.Subject || m.ExpiresAt != (now+uint64(step.life.Milliseconds()))/1000*1000 {
			t.Fatalf("step %d: %+v, %v", i, m, err)
		}
		access := r.verified(t, m.AccessToken, jose.TypeAccess)
		identity := r.verified(t, m.IDToken, jose.TypeID)
		if !slices.Equal(access.Audience, []string{"app", "urn:phantom:wallet-tag:app"}) || access.ClientID != "app" || access.Expires != int64(m.ExpiresAt/1000) ||
			!slices.Equal(identity.Audience, []string{"app"}) || identity.Nonce != a.Nonce || access.Subject != a.Subject || identity.Subject != a.Subject {
			t.Errorf("%+v, %+v", access, identity)
		}
		if len(m.AccessToken) > jose.MaxToken {
			t.Errorf("an access token of %d bytes", len(m.AccessToken))
		}
	}
	pass(12 * time.Hour)
	if _, err := r.logins.mint(wire.MintRequest{Session: a.Session}); codeOf(err) != "expired" {
		t.Errorf("tokens of a session that has ended: %v", err)
	}
}

// verified reads a token of ours.
func (r *rig) verified(t *testing.T, compact, kind string) jose.Claims {
	t.Helper()
	token, err := jose.Parse(compact)
	if err == nil {
		err = token.Verify(r.logins.own)
	}
	if err != nil || token.Type != kind || token.Claims.Issuer != testOrigin {
		t.Fatalf("%+v, %v", token, err)
	}
	return token.Claims
}

// The largest session that may be authorized has tokens that are not too large.
func TestLargestTokens(t *testing.T) {
	r := newRig(t)
	r.stopped()
	page, app := r.signedIn(t, "a@example.com"), newHolder(t)
	body := authorizeBody(t, app, func(_, p map[string]any) {
		p["clientId"], p["origin"] = strings.Repeat("c", maxClientID), "https://"+strings.Repeat("o", maxOrigin-8)
		p["audience"] = slices.Repeat([]string{"urn:" + strings.Repeat("a", maxAudienceEntry-4)}, maxAudience)
	})
	a, err := r.logins.authorize(wire.Request{Body: body, Stamp: page.stamp(t, "", body)})
	if err != nil {
		t.Fatal(err)
	}
	m, err := r.logins.mint(wire.MintRequest{Session: a.Session})
	if err != nil || len(m.AccessToken) > jose.MaxToken {
		t.Errorf("%d bytes, %v", len(m.AccessToken), err)
	}
}

// A consent is taken as it was signed, whole, now, and by the key of a login on Connect's pages.
func TestAuthorizeRefuses(t *testing.T) {
	r := newRig(t)
	pass := r.stopped()
	page, app, other := r.signedIn(t, "a@example.com"), newHolder(t), r.signedIn(t, "b@example.com")
	good := authorizeBody(t, app, nil)
	param := func(name string, value any) []byte {
		return authorizeBody(t, app, func(_, p map[string]any) { p[name] = value })
	}
	without := func(name string) []byte {
		return authorizeBody(t, app, func(_, p map[string]any) { delete(p, name) })
	}
	at := func(ms int64) []byte {
		return authorizeBody(t, app, func(b, _ map[string]any) { b["timestampMs"] = ms })
	}
	for why, c := range map[string]struct {
		body []byte
		code string
	}{
		"another method":           {authorizeBody(t, app, func(b, _ map[string]any) { b["method"] = "signUtf8Message" }), "refused"},
		"a member more":            {authorizeBody(t, app, func(b, _ map[string]any) { b["x"] = 1 }), "refused"},
		"a parameter more":         {param("x", 1), "refused"},
		"a parameter twice":        {bytes.Replace(good, []byte(`"clientId":"app"`), []byte(`"clientId":"app","clientId":"app"`), 1), "refused"},
		"another case":             {bytes.Replace(good, []byte(`"clientId"`), []byte(`"clientID"`), 1), "refused"},
		"no JSON":                  {good[1:], "refused"},
		"something behind":         {append(slices.Clone(good), '1'), "refused"},
		"stale":                    {at(testTime - 300_001), "expired"},
		"early":                    {at(testTime + 300_001), "expired"},
		"no time":                  {at(0), "expired"},
		"client connect":           {param("clientId", "connect"), "refused"},
		"no client":                {without("clientId"), "refused"},
		"a long client":            {param("clientId", strings.Repeat("c", 129)), "refused"},
		"a client with a space":    {param("clientId", "a b"), "refused"},
		"no transaction":           {without("transaction"), "refused"},
		"no nonce":                 {without("nonce"), "refused"},
		"a short nonce":            {param("nonce", "AAAA"), "refused"},
		"no organization":          {without("organizationId"), "refused"},
		"no UUID":                  {param("organizationId", "1"), "refused"},
		"no end":                   {without("expiresInMs"), "refused"},
		"a late end":               {param("expiresInMs", 31*24*3_600_000+1), "refused"},
		"a negative end":           {param("expiresInMs", -1), "refused"},
		"a fraction":               {param("expiresInMs", 1.5), "refused"},
		"an audience that is none": {param("audience", []string{"app2"}), "refused"},
		"many audiences":           {param("audience", slices.Repeat([]string{"urn:a"}, 9)), "refused"},
		"an origin with a path":    {param("origin", "https://app.example/"), "refused"},
		"a relative redirect":      {param("redirectUri", "/cb"), "refused"},
		"a fragment":               {param("redirectUri", "https://app.example/#"), "refused"},
		"huge":                     {append(slices.Clone(good), bytes.Repeat([]byte(" "), maxAuthorizeBody)...), "refused"},
	} {
		if a, err := r.logins.authorize(wire.Request{Body: c.body, Stamp: page.stamp(t, "", c.body)}); codeOf(err) != c.code || a.Session != nil {
			t.Errorf("%s: %+v, %v", why, a, err)
		}
	}
	for _, ms := range []int64{testTime - 300_000, testTime + 300_000} {
		if b := at(ms); true {
			if _, err := r.logins.authorize(wire.Request{Body: b, Stamp: page.stamp(t, "", b)}); err != nil {
				t.Errorf("at the edge: %v", err)
			}
		}
	}
	foreign := newRig(t)
	key, err := connectKey(testRoot(t, 9))
	if err != nil {
		t.Fatal(err)
	}
	foreign.logins.key = key
	foreign.stopped()
	elsewhere := foreign.signedIn(t, "a@example.com")
	signed := func(typ, audience string, edit func(*sessionClaims)) *holder {
		h := newHolder(t)
		c := sessionClaims{Issuer: testOrigin, Subject: "email:x", Audience: []string{audience}, Nonce: h.nonce(t), IssuedAt: testTime / 1000, Expires: testTime/1000 + 60}
		if edit != nil {
			edit(&c)
		}
		token, err := jose.Sign(r.logins.key, typ, c)
		if err != nil {
			t.Fatal(err)
		}
		h.token = token
		return h
	}
	for why, stamped := range map[string]string{
		"no stamp":                     "",
		"other bytes":                  page.stamp(t, "", param("clientId", "app2")),
		"a salt":                       page.stamp(t, "x", good),
		"a login of another certifier": elsewhere.stamp(t, "", good),
		"somebody else's login":        (&holder{page.key, other.token}).stamp(t, "", good),
		"another audience":             signed(jose.TypeSession, "app", nil).stamp(t, "", good),
		"two audiences":                signed(jose.TypeSession, "connect", func(c *sessionClaims) { c.Audience = append(c.Audience, "app") }).stamp(t, "", good),
		"another kind of token":        signed(jose.TypeID, "connect", nil).stamp(t, "", good),
		"another issuer":               signed(jose.TypeSession, "connect", func(c *sessionClaims) { c.Issuer = testIssuer }).stamp(t, "", good),
		"an expired login":             signed(jose.TypeSession, "connect", func(c *sessionClaims) { c.IssuedAt, c.Expires = testTime/1000-3000, testTime/1000-61 }).stamp(t, "", good),
		"a login of long ago":          signed(jose.TypeSession, "connect", func(c *sessionClaims) { c.IssuedAt = testTime/1000 - 3661 }).stamp(t, "", good),
		"nobody's login":               signed(jose.TypeSession, "connect", func(c *sessionClaims) { c.Subject = "" }).stamp(t, "", good),
		"a token that is none":         (&holder{page.key, "x.y.z"}).stamp(t, "", good),
	} {
		if a, err := r.logins.authorize(wire.Request{Body: good, Stamp: stamped}); codeOf(err) != "refused" || a.Session != nil {
			t.Errorf("%s: %+v, %v", why, a, err)
		}
	}
	if _, err := r.logins.authorize(wire.Request{Body: good, Stamp: signed(jose.TypeSession, "connect", nil).stamp(t, "", good)}); err != nil {
		t.Errorf("the one that all these differ from: %v", err)
	}
	pass(pageLifetime + 2*time.Minute)
	if later := at(testTime + (pageLifetime + 2*time.Minute).Milliseconds()); true {
		if _, err := r.logins.authorize(wire.Request{Body: later, Stamp: page.stamp(t, "", later)}); codeOf(err) != "refused" {
			t.Errorf("after the login ended: %v", err)
		}
	}
}

// A sealed session opens whole, unchanged, and under the root secret and the origin that it was made with.
func TestSealedSessions(t *testing.T) {
	r := newRig(t)
	r.stopped()
	page, app := r.signedIn(t, "a@example.com"), newHolder(t)
	body := authorizeBody(t, app, nil)
	a, err := r.logins.authorize(wire.Request{Body: body, Stamp: page.stamp(t, "", body)})
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(a.Session, []byte("app")) {
		t.Error("it can be read")
	}
	refuses := func(why string, sealed []byte) {
		t.Helper()
		if m, err := r.logins.mint(wire.MintRequest{Session: sealed}); codeOf(err) != "refused" || m.AccessToken != "" {
			t.Errorf("%s: %+v, %v", why, m, err)
		}
	}
	for i := range a.Session {
		flipped := bytes.Clone(a.Session)
		flipped[i] ^= 1
		refuses("a flipped bit", flipped)
		refuses("cut", a.Session[:i])
	}
	refuses("longer", append(bytes.Clone(a.Session), 0))
	good := r.logins.connect.Origin
	r.logins.connect.Origin = "http://localhost:8485"
	refuses("of another origin", a.Session)
	r.logins.connect.Origin = good
	r.logins.sealing = testRoot(t, 9).Key("session")
	refuses("of another root secret", a.Session)
	r.logins.sealing = r.root.Key("session")
	if _, err := r.logins.mint(wire.MintRequest{Session: a.Session}); err != nil {
		t.Errorf("the one that all these differ from: %v", err)
	}
}
