package certifier

import (
	"encoding/hex"
	"testing"

	"github.com/redoubt-kms/redoubt/internal/jose"
	"github.com/redoubt-kms/redoubt/proof"
)

// The vectors of docs/spec/identity.md. Sessions and subjects outlive the code: if one changes, it needs a new version.
func TestIdentityVectors(t *testing.T) {
	key, err := connectKey(testRoot(t, 7))
	if err != nil {
		t.Fatal(err)
	}
	public, err := key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	plain, err := proof.Encode(session{
		Version: 1, Subject: subjectOf("email:", []byte("somebody@example.com")), ClientID: "app", Nonce: "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0",
		Origin: "https://app.example", Audience: []string{"urn:phantom:wallet-tag:app"}, Organization: proof.ID{1}, ID: proof.ID{2},
		AuthTime: 1_795_333_820, Ends: 1_795_337_420_985,
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string][2]string{
		"key":     {hex.EncodeToString(public), "0422a34bb76d0cd307064b7c100e4f8e3f7f57eb021e2b457380790be0c5f128e762c9a9f2dc344f8caac3b972bde81fadd3c5d5d388fdc02101a8e1c2f9f360d3"},
		"kid":     {jose.Thumbprint(&key.PublicKey), "jae0J5Q1WV7H28NlTBasTBnh7XyYDAFh1WTdKt8-Pp8"},
		"passkey": {subjectOf("passkey:", []byte{0xa1, 1, 2}), "passkey:6LEarzy5abiYf8sQ_bRzpvCWnHsLK_FmtHmI8TXNK04"},
		"oidc":    {subjectOf("oidc:", []byte("https://id.example"), []byte("somebody")), "oidc:yJ9XDMBBuxCjdk32kF9DmUFpXJriSkLKJbh2qTa14bk"},
		"email":   {subjectOf("email:", []byte("somebody@example.com")), "email:eH1bfAbKCiHJZDbMfIEX5v4EbQ_X3tyujJO_wUuOXfc"},
		"session": {hex.EncodeToString(plain), "8a017831656d61696c3a654831626641624b4369484a5a44624d664945583576344562515f58337479756a4a4f5f7755754f58666363617070782b756e6757763438427a2d704251554465586134694937414459614f57463371637442445f596649414661307368747470733a2f2f6170702e6578616d706c6581781a75726e3a7068616e746f6d3a77616c6c65742d7461673a617070500100000000000000000000000000000050020000000000000000000000000000001a6b029ebc1b000001a2027300b9"},
	} {
		if c[0] != c[1] {
			t.Errorf("%s is\n%s, pinned is\n%s", name, c[0], c[1])
		}
	}
}
