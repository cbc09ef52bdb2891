package certifier

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redoubt-kms/redoubt/internal/jose"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

// The key that signs logins follows from the root secret, and the certifier states it under its manifest.
func TestIssuer(t *testing.T) {
	r := newRig(t)
	first, err := r.issuer(wire.Empty{})
	if err != nil {
		t.Fatal(err)
	}
	r.reopen(t)
	second, err := r.issuer(wire.Empty{})
	if err != nil || !slices.Equal(first.Statement, second.Statement) {
		t.Errorf("another key after a restart: %v", err)
	}
	var signed proof.SignedIssuer
	if err := proof.Decode(first.Statement, &signed); err != nil {
		t.Fatal(err)
	}
	if err := signed.Verify(r.manifest); err != nil || signed.Issuer.Origin != testOrigin {
		t.Errorf("%+v, %v", signed.Issuer, err)
	}
	other, err := connectKey(testRoot(t, 8))
	if err != nil || other.Equal(r.logins.key) {
		t.Errorf("another root secret has the same key: %v", err)
	}
}

// Only the policy engine passes calls of logins on, and without an origin there are none.
func TestWhoMayAskForLogins(t *testing.T) {
	r := newRig(t)
	for kind := wire.KindIssuer; kind <= wire.KindFetchStep; kind++ {
		for _, role := range []proof.Role{"", proof.RoleSigner, proof.RoleCertifier} {
			if err := r.ask(t, role, kind, wire.Empty{}); codeOf(err) != "refused" || !strings.Contains(err.Error(), "may not ask") {
				t.Errorf("kind %d by %q: %v", kind, role, err)
			}
		}
	}
	bare := newRigWith(t, proof.Connect{})
	if err := bare.ask(t, proof.RolePolicy, wire.KindIssuer, wire.Empty{}); codeOf(err) != "no-logins" {
		t.Errorf("without an origin: %v", err)
	}
}

// A code that was sent signs in once, for its challenge, within ten minutes and five tries.
func TestSignInByCode(t *testing.T) {
	r := newRig(t)
	pass := r.stopped()
	h := newHolder(t)
	begun := r.beginFor(t, h, "Some.Body@Example.com")
	if len(begun.Code) != 8 || len(begun.Challenge) != 32 {
		t.Fatalf("%+v", begun)
	}
	show := func(challenge []byte, code string) (wire.SignedIn, error) {
		return r.logins.signIn(wire.SignIn{Challenge: challenge, Code: code})
	}
	if _, err := show(begun.Challenge, "x"+begun.Code[1:]); codeOf(err) != "refused" || !strings.Contains(err.Error(), "check it, or have another one sent") {
		t.Errorf("a wrong code: %v", err)
	}
	signed, err := show(begun.Challenge, begun.Code)
	if err != nil || signed.Subject != subjectOf("email:", []byte("some.body@example.com")) || signed.ExpiresAt != testTime/1000*1000+3_600_000 {
		t.Fatalf("%+v, %v", signed, err)
	}
	token, err := jose.Parse(signed.Token)
	if err == nil {
		err = token.Verify(r.logins.own)
	}
	if c := token.Claims; err != nil || c.Nonce != h.nonce(t) || c.Subject != signed.Subject || !slices.Equal(c.Audience, []string{"connect"}) || c.AuthTime != testTime/1000 {
		t.Errorf("%+v, %v", token, err)
	}
	if _, err := show(begun.Challenge, begun.Code); codeOf(err) != "expired" {
		t.Errorf("a code a second time: %v", err)
	}
	tried := r.beginFor(t, h, "a@example.com")
	for i := range maxTries {
		_, err := show(tried.Challenge, "00000000x")
		last := i == maxTries-1
		if (codeOf(err) == "expired") != last || err == nil || strings.Contains(err.Error(), "begin again") != last {
			t.Errorf("try %d: %v", i, err)
		}
	}
	if _, err := show(tried.Challenge, tried.Code); codeOf(err) != "expired" {
		t.Errorf("the right code after %d wrong ones: %v", maxTries, err)
	}
	late := r.beginFor(t, h, "b@example.com")
	pass(challengeTime)
	if _, err := show(late.Challenge, late.Code); codeOf(err) != "expired" {
		t.Errorf("a code after ten minutes: %v", err)
	}
	if len(r.logins.open)+len(r.logins.oldest)+len(r.logins.addresses) != 0 {
		t.Errorf("left: %d, %d, %d", len(r.logins.open), len(r.logins.oldest), len(r.logins.addresses))
	}
}

// Guessing at one address does not pay: its codes are counted until they expire, tried out or not. Who signs in gives theirs back.
func TestCodesOfAnAddressAreBounded(t *testing.T) {
	r := newRig(t)
	pass := r.stopped()
	for range 3 * maxOpenCodes {
		r.signedIn(t, "a@example.com")
	}
	h := newHolder(t)
	for i := range maxOpenCodes + 1 {
		begun, err := r.logins.begin(wire.SignInBegin{Nonce: h.nonce(t), Email: "A@example.com"})
		if (codeOf(err) == "overloaded") != (i == maxOpenCodes) {
			t.Fatalf("code %d: %v", i, err)
		}
		for range maxTries {
			_, _ = r.logins.signIn(wire.SignIn{Challenge: begun.Challenge, Code: "wrong"})
		}
	}
	if _, err := r.logins.begin(wire.SignInBegin{Nonce: h.nonce(t), Email: "b@example.com"}); err != nil {
		t.Errorf("another address: %v", err)
	}
	pass(challengeTime)
	if _, err := r.logins.begin(wire.SignInBegin{Nonce: h.nonce(t), Email: "a@example.com"}); err != nil {
		t.Errorf("after ten minutes: %v", err)
	}
}

// A code that was used is given back once: the others of its address count on when it would have expired.
func TestUsedCodesAreGivenBackOnce(t *testing.T) {
	r := newRig(t)
	pass := r.stopped()
	r.signedIn(t, "a@example.com")
	pass(challengeTime / 2)
	h := newHolder(t)
	for range maxOpenCodes {
		r.beginFor(t, h, "a@example.com")
	}
	pass(challengeTime / 2)
	if _, err := r.logins.begin(wire.SignInBegin{Nonce: h.nonce(t), Email: "a@example.com"}); codeOf(err) != "overloaded" {
		t.Errorf("one more than %d: %v", maxOpenCodes, err)
	}
}

// What begins no login.
func TestSignInBeginRefuses(t *testing.T) {
	r := newRig(t)
	good := newHolder(t).nonce(t)
	for _, c := range []wire.SignInBegin{
		{},
		{Nonce: good[1:]},
		{Nonce: good + "A"},
		{Nonce: good[:42] + "/"},
		{Nonce: good[:42] + "\n"},
		{Nonce: good, Email: "a"},
		{Nonce: good, Email: "@example.com"},
		{Nonce: good, Email: "a@"},
		{Nonce: good, Email: "a@b@c"},
		{Nonce: good, Email: "a b@example.com"},
		{Nonce: good, Email: "a\r\nBcc: x@example.com"},
		{Nonce: good, Email: "ä@example.com"},
		{Nonce: good, Email: "a,b@example.com"},
		{Nonce: good, Email: "<a@example.com>"},
		{Nonce: good, Email: strings.Repeat("a", 251) + "@b.c"},
	} {
		if _, err := r.logins.begin(c); codeOf(err) != "refused" {
			t.Errorf("%+v: %v", c, err)
		}
	}
	r.stopped()
	r.logins.oldest = make([]*challenge, maxOpen)
	for i := range r.logins.oldest {
		r.logins.oldest[i] = &challenge{expires: 5000 * time.Hour}
	}
	if _, err := r.logins.begin(wire.SignInBegin{Nonce: good}); codeOf(err) != "overloaded" {
		t.Errorf("beyond the bound: %v", err)
	}
}

// The ID token of a provider of the manifest is evidence, for the session key whose nonce is in it.
func TestSignInByIDToken(t *testing.T) {
	r := newRig(t)
	pass := r.stopped()
	provider, other := newOutside(t, testIssuer, "at-example"), newOutside(t, otherIssuer, "at-other")
	h := newHolder(t)
	nonce := h.nonce(t)
	show := func(token string) (wire.SignedIn, error) {
		return r.logins.signIn(wire.SignIn{Challenge: r.beginFor(t, h, "").Challenge, IDToken: token})
	}
	begun := r.beginFor(t, h, "")
	if _, err := r.logins.signIn(wire.SignIn{Challenge: begun.Challenge, IDToken: provider.token(t, nonce, nil)}); codeOf(err) != wire.FaultKeysNeeded || err.Error() != testIssuer {
		t.Fatalf("without keys: %v", err)
	}
	r.logins.fetched(testIssuer, provider.keys())
	r.logins.fetched(otherIssuer, other.keys())
	signed, err := r.logins.signIn(wire.SignIn{Challenge: begun.Challenge, IDToken: provider.token(t, nonce, nil)})
	if err != nil || signed.Subject != subjectOf("oidc:", []byte(testIssuer), []byte("somebody")) {
		t.Fatalf("the same challenge after the keys came: %+v, %v", signed, err)
	}
	if token, err := jose.Parse(signed.Token); err != nil || token.Claims.AuthTime != testTime/1000-60 {
		t.Errorf("the time is not that of the provider: %+v, %v", token.Claims, err)
	}
	if _, err := r.logins.signIn(wire.SignIn{Challenge: begun.Challenge, IDToken: provider.token(t, nonce, nil)}); codeOf(err) != "expired" {
		t.Errorf("a challenge a second time: %v", err)
	}
	forged := newOutside(t, testIssuer, "at-example")
	edit := func(name string, value any) string {
		return provider.token(t, nonce, func(c map[string]any) { c[name] = value })
	}
	pass(2 * time.Minute) // so that keys are not wanted again for a token that is signed by none
	r.logins.beginsFetch(testIssuer)
	for why, token := range map[string]string{
		"signed by somebody else":   forged.token(t, nonce, nil),
		"signed by the other":       (&outside{other.key, testIssuer, "at-example"}).token(t, nonce, nil),
		"of an unknown provider":    newOutside(t, "https://evil.example", "at-example").token(t, nonce, nil),
		"of an issuer with a slash": edit("iss", testIssuer+"/"),
		"for another client":        edit("aud", "at-other"),
		"for several without azp":   edit("aud", []string{"at-example", "x"}),
		"for another party":         edit("azp", "x"),
		"for another session key":   provider.token(t, newHolder(t).nonce(t), nil),
		"without nonce":             provider.token(t, "", nil),
		"without subject":           edit("sub", ""),
		"with a huge subject":       edit("sub", strings.Repeat("x", 256)),
		"expired":                   edit("exp", testTime/1000-61),
		"old":                       edit("iat", testTime/1000-700),
		"of the future":             edit("iat", testTime/1000+200),
		"without time":              edit("iat", 0),
		"cut":                       provider.token(t, nonce, nil)[1:],
	} {
		if answer, err := show(token); codeOf(err) != "refused" || answer.Token != "" {
			t.Errorf("a token %s: %+v, %v", why, answer, err)
		}
	}
	typed, err := jose.Sign(provider.key, jose.TypeAccess, map[string]any{
		"iss": testIssuer, "sub": "somebody", "aud": "at-example", "nonce": nonce, "iat": testTime / 1000, "exp": testTime/1000 + 300,
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := show(typed); codeOf(err) != "refused" {
		t.Errorf("an access token: %v", err)
	}
	if _, err := show(signed.Token); codeOf(err) != "refused" {
		t.Errorf("our own token as evidence: %v", err)
	}
	for why, s := range map[string]wire.SignIn{
		"nothing": {}, "a code and a token": {Code: "12345678", IDToken: provider.token(t, nonce, nil)}, "a code for no mail": {Code: "12345678"},
	} {
		s.Challenge = r.beginFor(t, h, "").Challenge
		if _, err := r.logins.signIn(s); codeOf(err) != "refused" {
			t.Errorf("%s: %v", why, err)
		}
	}
	mail := r.beginFor(t, h, "a@example.com")
	if _, err := r.logins.signIn(wire.SignIn{Challenge: mail.Challenge, IDToken: provider.token(t, nonce, nil)}); codeOf(err) != "refused" {
		t.Errorf("a token for a login by mail: %v", err)
	}
}

// Keys of a provider are wanted anew after an hour, do without for a day when there are none to be had, and not longer.
func TestProviderKeysAge(t *testing.T) {
	r := newRig(t)
	pass := r.stopped()
	provider := newOutside(t, testIssuer, "at-example")
	r.logins.fetched(testIssuer, provider.keys())
	r.logins.fetched("https://evil.example", provider.keys())
	if len(r.logins.providers) != 1 {
		t.Error("keys of an issuer are kept that is no provider")
	}
	verify := func(o *outside) string {
		token, err := jose.Parse(o.token(t, "", nil))
		if err != nil {
			t.Fatal(err)
		}
		return codeOf(r.logins.verifyOutside(token, testIssuer))
	}
	steps := []struct {
		pass time.Duration
		want string
	}{{0, ""}, {keysFresh, ""}, {time.Second, wire.FaultKeysNeeded}}
	for i, s := range steps {
		if pass(s.pass); verify(provider) != s.want {
			t.Errorf("step %d: %q", i, verify(provider))
		}
	}
	r.logins.beginsFetch(testIssuer) // which brings nothing
	if verify(provider) != "" {
		t.Error("an outage ends what holds still")
	}
	if pass(keysRetry + time.Second); verify(provider) != wire.FaultKeysNeeded {
		t.Error("nobody tries again")
	}
	pass(keysHold)
	r.logins.beginsFetch(testIssuer)
	if verify(provider) != wire.FaultKeysNeeded {
		t.Error("keys hold for longer than a day")
	}
	r.logins.fetched(testIssuer, provider.keys())
	rotated := newOutside(t, testIssuer, "at-example")
	if verify(rotated) != "refused" {
		t.Error("an unknown key has keys fetched within a minute")
	}
	if pass(2 * keysAgain); verify(rotated) != wire.FaultKeysNeeded {
		t.Error("an unknown key has no keys fetched")
	}
}
