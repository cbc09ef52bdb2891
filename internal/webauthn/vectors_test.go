package webauthn_test

import (
	"bytes"
	"crypto/sha256"
	"testing"

	"github.com/redoubt-kms/redoubt/internal/vectors"
	"github.com/redoubt-kms/redoubt/internal/webauthn"
)

// vector is a registration of section 16 of the specification. That of an Android key comes without its client data.
type vector struct {
	Name              string
	RPID              string `json:"rpId"`
	Origin            string
	AttestationObject vectors.Hex `json:"attObjHex"`
	ClientDataJSON    vectors.Hex `json:"clientDataJSONHex"`
	CredentialID      vectors.Hex `json:"credentialId"`
}

func readVectors(t testing.TB) []vector {
	t.Helper()
	var all []vector
	vectors.ReadJSON(t, &all, "webauthn-L3", "registration.json")
	if len(all) != 7 {
		t.Fatalf("%d vectors, want 7", len(all))
	}
	return all
}

// Each vector is accepted as it is and pinned, and no format of attestation is trusted or needed. The one without client
// data gets some.
func TestVectors(t *testing.T) {
	own := 0
	for _, v := range readVectors(t) {
		if len(v.ClientDataJSON) == 0 {
			v.ClientDataJSON = []byte(clientData("webauthn.create", make([]byte, 32), v.Origin))
			own++
		}
		rp := sha256.Sum256([]byte(v.RPID))
		c, err := webauthn.Register(v.AttestationObject, v.ClientDataJSON, webauthn.Expect{RPIDHash: rp, Origins: []string{v.Origin}})
		if err != nil {
			t.Errorf("%s: %v", v.Name, err)
			continue
		}
		if !bytes.Equal(c.ID, v.CredentialID) || c.RPIDHash != rp || c.Origin != v.Origin {
			t.Errorf("%s: %+v", v.Name, c)
		}
		if err := webauthn.CheckKey(c.PublicKey); err != nil {
			t.Errorf("%s: %v", v.Name, err)
		}
		pinned, err := webauthn.Register(v.AttestationObject, v.ClientDataJSON, webauthn.Expect{})
		if err != nil || pinned.RPIDHash != rp || pinned.Origin != v.Origin {
			t.Errorf("%s, as it is: %+v, %v", v.Name, pinned, err)
		}
	}
	if own != 1 {
		t.Errorf("%d vectors without client data, want 1", own)
	}
}
