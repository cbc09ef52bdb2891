package bitcoin

import (
	"bytes"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain"
	"github.com/redoubt-kms/redoubt/chain/bitcoin/script"
)

// Message is text that an account proves to have agreed to by spending an output which does not exist (BIP-322). The
// digest that it signs is of a transaction that no network accepts, so the proof moves nothing. It implements
// chain.Bundle.
type Message struct {
	format api.AddressFormat
	text   []byte
}

// NewMessage makes a message for an account of an address format.
func NewMessage(format api.AddressFormat, text []byte) (*Message, error) {
	if _, err := algorithm(format); err != nil {
		return nil, err
	}
	return &Message{format: format, text: bytes.Clone(text)}, nil
}

// Algorithm is Secp256k1, or Secp256k1Schnorr for taproot.
func (m *Message) Algorithm() api.Algorithm {
	a, _ := algorithm(m.format) // checked when it was made
	return a
}

// SigningBytes is nil: what is signed depends on the account.
func (m *Message) SigningBytes() []byte { return nil }

// Effects are none: text moves nothing.
func (m *Message) Effects([]byte) chain.Effects { return chain.Effects{} }

// toSpend is the transaction that pays the account for the message; its input can be no transaction's output.
func (m *Message) toSpend(own []byte) *rawTx {
	hash := script.TaggedHash("BIP0322-signed-message", m.text)
	return &rawTx{
		inputs:  []txInput{{prev: Outpoint{Index: 0xffffffff}, script: append([]byte{0x00, 32}, hash[:]...)}},
		outputs: []Output{{Script: own}},
	}
}

// toSign is the transaction that spends it, for nothing.
func (m *Message) toSign(own []byte) *rawTx {
	return &rawTx{
		inputs:  []txInput{{prev: Outpoint{Hash: m.toSpend(own).id()}}},
		outputs: []Output{{Script: []byte{0x6a}}},
	}
}

// Digests is the one digest that the account signs.
func (m *Message) Digests(publicKey []byte) ([][]byte, error) {
	own, err := script.Output(m.format, publicKey)
	if err != nil {
		return nil, err
	}
	d := newDigester(m.toSign(own), []Output{{Script: own}})
	hashType := byte(sighashAll)
	if m.format == api.AddressBitcoinTaproot {
		hashType = sighashDefault
	}
	return [][]byte{d.digest(0, m.format, publicKey, hashType)}, nil
}

// AttachAll makes the proof: of the variant simple (the witness alone), or full (the transaction) for P2WPKH in P2SH,
// whose proof needs an input script as well. The prefixes and the base 64 of BIP-322 are left to whoever writes text.
func (m *Message) AttachAll(publicKey []byte, signatures [][]byte) ([]byte, error) {
	own, err := script.Output(m.format, publicKey)
	if err != nil {
		return nil, err
	}
	if len(signatures) != 1 {
		return nil, ErrSignature
	}
	if m.format == api.AddressBitcoinTaproot {
		if len(signatures[0]) != 64 {
			return nil, ErrSignature
		}
		return appendStack(nil, signatures), nil
	}
	der, err := encodeDER(signatures[0])
	if err != nil {
		return nil, err
	}
	witness := [][]byte{append(der, sighashAll), publicKey}
	if m.format == api.AddressBitcoinSegwit {
		return appendStack(nil, witness), nil
	}
	tx := m.toSign(own)
	tx.inputs[0].script = appendVector(nil, redeemScript(publicKey))
	tx.inputs[0].witness = witness
	return tx.serialize(), nil
}
