package connect

import (
	"fmt"
	"strings"
	"testing"
)

const operatorToken = "0123456789abcdef0123456789abcdef"

// A program of the operator registers apps with the addresses that they have, under names that people are not warned of.
func TestOperatorRegisters(t *testing.T) {
	b := newBench(t, func(o *Options) { o.OperatorToken = operatorToken })
	body := `{"client_id":"the-game","client_name":"The Game","redirect_uris":["https://game.example/back","game:/back"],"grant_types":["authorization_code","refresh_token"]}`
	bearer := func(token string) map[string]string { return map[string]string{"Authorization": token} }
	got := b.raw("/oauth2/register", body, bearer("bearer "+operatorToken))
	if got.status != 201 || got.text("client_id") != "the-game" {
		t.Fatalf("%d %s", got.status, got.body)
	}
	a, err := b.Registry().App(t.Context(), "the-game")
	if err != nil || a.Source != ByOperator || len(a.RedirectURIs) != 2 || a.Name != "The Game" {
		t.Errorf("%+v, %v", a, err)
	}
	if again := b.raw("/oauth2/register", body, bearer("Bearer "+operatorToken)); again.status != 201 {
		t.Errorf("the same again: %d %s", again.status, again.body)
	}
	for what, c := range map[string]struct {
		token  string
		body   string
		status int
		code   string
	}{
		"another token":     {"Bearer " + operatorToken + "x", body, 401, "invalid_token"},
		"a part of it":      {"Bearer " + operatorToken[1:], body, 401, "invalid_token"},
		"no token":          {"Bearer ", body, 401, "invalid_token"},
		"another scheme":    {"Basic " + operatorToken, body, 401, "invalid_token"},
		"other contents":    {"Bearer " + operatorToken, strings.Replace(body, "The Game", "Game", 1), 400, invalidMetadata},
		"the pages' own id": {"Bearer " + operatorToken, strings.Replace(body, "the-game", "Connect", 1), 400, invalidMetadata},
		"plain http":        {"Bearer " + operatorToken, strings.NewReplacer("the-game", "g2", "https://game", "http://game").Replace(body), 400, invalidRedirectURI},
	} {
		got := b.raw("/oauth2/register", c.body, bearer(c.token))
		got.fails(t, what, c.status, c.code)
		if c.status == 401 && !strings.HasPrefix(got.header.Get("WWW-Authenticate"), "Bearer") {
			t.Errorf("%s: no challenge", what)
		}
	}
	b.raw("/oauth2/register", strings.Replace(body, "the-game", "g3", 1), nil).fails(t, "nobody's", 400, invalidMetadata)
	if printed := fmt.Sprintf("%+v %+v", b.Options, b.Connect); strings.Contains(printed, operatorToken) {
		t.Error("the token is printed")
	}
}

// Without a token nobody is the operator, and a short one is none.
func TestOperatorTokens(t *testing.T) {
	b := newBench(t)
	for _, token := range []string{"Bearer ", "Bearer x", "Bearer " + operatorToken} {
		b.raw("/oauth2/register", `{}`, map[string]string{"Authorization": token}).fails(t, token, 401, "invalid_token")
	}
	if _, err := newOperator(operatorToken[1:]); err == nil {
		t.Error("a short token is taken")
	}
}
