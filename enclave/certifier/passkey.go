package certifier

import "github.com/redoubt-kms/redoubt/internal/wire"

// passkey verifies an assertion over the challenge.
func (l *logins) passkey(_ wire.PasskeyAssertion, _ challenge) (string, error) {
	return "", refused("passkeys are not taken")
}
