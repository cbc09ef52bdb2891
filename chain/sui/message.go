package sui

import (
	"bytes"

	"golang.org/x/crypto/blake2b"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain"
)

// An intent says in three bytes what is signed: its scope, a version and an application, of which only 0 exist.
const (
	intentSize            = 3
	scopeTransaction byte = 0
	scopePersonal    byte = 3
)

// intentDigest is what every signature of Sui is over.
func intentDigest(scope byte, value []byte) []byte {
	sum := blake2b.Sum256(append([]byte{scope, 0, 0}, value...))
	return sum[:]
}

// Message is a personal message. It implements chain.Payload.
type Message struct{ text []byte }

// PersonalMessage prepares a message, any bytes, for signing under the intent that keeps it apart from transactions.
func PersonalMessage(msg []byte) *Message { return &Message{text: bytes.Clone(msg)} }

// Algorithm is Ed25519.
func (m *Message) Algorithm() api.Algorithm { return api.Ed25519 }

// SigningBytes are the BLAKE2b-256 digest of the intent and the message as a BCS vector of bytes.
func (m *Message) SigningBytes() []byte {
	return intentDigest(scopePersonal, append(appendLength(nil, len(m.text)), m.text...))
}

// Effects are none: no network acts on a personal message.
func (m *Message) Effects([]byte) chain.Effects { return chain.Effects{} }

// IsIntentMessage says whether bytes could be what a Sui signature is over before it is hashed: an intent with
// transaction data or a personal message. It screens raw payloads, so it errs on the side of yes: the data need only
// begin like a programmable transaction, the length of a message may be any. It cannot know the digest of one: every 32
// bytes may be that.
func IsIntentMessage(b []byte) bool {
	if len(b) < intentSize+2 || b[1] != 0 || b[2] != 0 {
		return false
	}
	switch b[0] {
	case scopeTransaction:
		return b[3] == 0 && b[4] == 0
	case scopePersonal:
		return true
	}
	return false
}
