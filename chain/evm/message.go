package evm

import (
	"bytes"
	"strconv"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain"
)

// Message is a personal message of EIP-191, version 0x45. It implements chain.Payload.
type Message struct{ text []byte }

// PersonalMessage prepares a message, any bytes, for signing under the prefix that keeps it apart from transactions.
func PersonalMessage(msg []byte) *Message { return &Message{text: bytes.Clone(msg)} }

// Text is the message without the prefix.
func (m *Message) Text() []byte { return bytes.Clone(m.text) }

// Algorithm is ECDSA on secp256k1 over Keccak-256.
func (m *Message) Algorithm() api.Algorithm { return api.Secp256k1Keccak256 }

// SigningBytes are the Keccak-256 digest of the prefix, the length in bytes and the message.
func (m *Message) SigningBytes() []byte {
	digest := keccak([]byte("\x19Ethereum Signed Message:\n"+strconv.Itoa(len(m.text))), m.text)
	return digest[:]
}

// Effects are none: no network acts on a personal message.
func (m *Message) Effects([]byte) chain.Effects { return chain.Effects{} }
