package policy

import (
	"errors"
	"slices"
	"testing"

	"github.com/redoubt-kms/redoubt/internal/jose"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

// A person signs in, an app gets tokens: all of it through the host, which has no channel to the certifier.
func TestLoginsReachTheCertifier(t *testing.T) {
	r := newRig(t)
	answer, err := r.desk.Issuer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var issuer proof.SignedIssuer
	if err := errors.Join(proof.Decode(answer.Statement, &issuer), issuer.Verify(r.verified)); err != nil {
		t.Fatal(err)
	}
	key, err := jose.ParseP256(issuer.Issuer.Key)
	if err != nil {
		t.Fatal(err)
	}
	page, app, subject := r.login(t, "Somebody@Example.com", consent{organization: proof.ID{1}, client: "app", origin: "https://app.example"})
	for _, c := range []struct {
		key      *sessionKey
		audience string
		origin   string
	}{{page, "connect", ""}, {app, "app", "https://app.example"}} {
		token, err := jose.Parse(c.key.token)
		if err == nil {
			err = token.Verify(jose.SingleKey(key))
		}
		claims := token.Claims
		if err != nil || claims.Issuer != testOrigin || claims.Subject != subject || !slices.Equal(claims.Audience, []string{c.audience}) ||
			claims.Nonce != c.key.nonce(t) || claims.Origin != c.origin || token.Type != jose.TypeSession {
			t.Errorf("%s: %+v, %v", c.audience, token, err)
		}
	}
	other, _ := r.signIn(t, "somebody@example.COM")
	token, err := jose.Parse(other.token)
	if err != nil || token.Claims.Subject != subject {
		t.Errorf("another spelling of the address is another person: %v", err)
	}
	var fault *wire.Fault
	if _, err := r.desk.Mint(t.Context(), wire.MintRequest{Session: make([]byte, maxRelayed)}); !errors.As(err, &fault) || fault.Code != "size" {
		t.Errorf("a huge message: %v", err)
	}
	if _, err := r.desk.Mint(t.Context(), wire.MintRequest{}); !errors.As(err, &fault) || fault.Code != "refused" {
		t.Errorf("no session: %v", err)
	}
}
