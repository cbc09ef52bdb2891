package certifier

import (
	"github.com/redoubt-kms/redoubt/internal/webauthn"
	"github.com/redoubt-kms/redoubt/internal/wire"
)

// passkey verifies an assertion over the challenge. The key is whatever the host kept: another key is another person.
func (l *logins) passkey(p wire.PasskeyAssertion, c challenge) (string, error) {
	_, err := webauthn.Verify(
		webauthn.Assertion{CredentialID: p.CredentialID, AuthenticatorData: p.AuthenticatorData, ClientDataJSON: p.ClientDataJSON, Signature: p.Signature},
		webauthn.Credential{PublicKey: p.PublicKey},
		webauthn.Expect{RPIDHash: l.rp, Origins: []string{l.connect.Origin}, Challenge: c.id[:], UserVerification: true},
	)
	if err != nil {
		return "", refused("%v", err)
	}
	return subjectOf("passkey:", p.PublicKey), nil
}
