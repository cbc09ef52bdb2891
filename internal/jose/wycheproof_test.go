package jose_test

import (
	"encoding/json"
	"testing"

	"github.com/redoubt-kms/redoubt/internal/jose"
	"github.com/redoubt-kms/redoubt/internal/vectors"
)

// wycheproofGroup is a key or a set of keys with tokens under it.
type wycheproofGroup struct {
	Comment string
	Public  json.RawMessage
	Private json.RawMessage // where there is no public key: secrets of HS256, and of encryption
	Tests   []struct {
		ID      int             `json:"tcId"`
		Comment string          `json:"comment"`
		JWS     json.RawMessage `json:"jws"` // text, or an object, which is no compact token
		JWE     json.RawMessage `json:"jwe"` // encryption, which we do not have
		Result  string          `json:"result"`
	}
}

// keySet makes a set of a group's key.
func (g wycheproofGroup) keySet() (jose.KeySet, error) {
	keys := g.Public
	if len(keys) == 0 {
		keys = g.Private
	}
	var set struct{ Keys []json.RawMessage }
	if json.Unmarshal(keys, &set) == nil && set.Keys != nil {
		return jose.ParseKeySet(keys)
	}
	return jose.ParseKeySet([]byte(`{"keys":[` + string(keys) + `]}`))
}

// Nothing that Wycheproof calls invalid is accepted. Of what it calls valid, we accept what is signed with RS256 or ES256 by a
// public key that names no other algorithm.
func TestWycheproof(t *testing.T) {
	for _, file := range []struct {
		name                            string
		cases, accepted, otherwise, jwe int
	}{
		{"json_web_signature", 401, 10, 36, 0}, // the others are of HS256, PS*, RS384, RS512 and P-521
		{"json_web_key", 26, 1, 4, 0},          // the others are of HS256 or have private keys in the set
		{"json_web_crypto", 83, 2, 2, 34},      // the others are of HS256, alone and in a set
	} {
		ran, accepted, otherwise, jwe := 0, 0, 0, 0
		for _, g := range vectors.Wycheproof[wycheproofGroup](t, file.name, file.cases) {
			keys, keysErr := g.keySet()
			for _, c := range g.Tests {
				ran++
				if c.JWE != nil {
					jwe++
					continue
				}
				var compact string
				if json.Unmarshal(c.JWS, &compact) != nil {
					compact = string(c.JWS)
				}
				token, err := jose.ParseAny(compact)
				if err == nil && keysErr == nil {
					err = token.Verify(keys)
				}
				ok := err == nil && keysErr == nil
				switch {
				case ok && c.Result != "valid":
					t.Errorf("%s case %d (%s, %s): accepted", file.name, c.ID, g.Comment, c.Comment)
				case ok:
					accepted++
				case c.Result == "valid":
					otherwise++
				}
			}
		}
		if ran != file.cases || accepted != file.accepted || otherwise != file.otherwise || jwe != file.jwe {
			t.Errorf("%s: ran %d, accepted %d, refused %d valid ones, passed over %d encrypted ones; want %+v", file.name, ran, accepted, otherwise, jwe, file)
		}
	}
}
