// Package payload reads the bytes that a permit names. The policy engine and the signer both read them here, so that
// what was authorised and what is signed cannot be two things.
package payload

import (
	"crypto/sha256"
	"fmt"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain"
	"github.com/redoubt-kms/redoubt/chain/bitcoin"
	"github.com/redoubt-kms/redoubt/chain/evm"
	"github.com/redoubt-kms/redoubt/chain/solana"
	"github.com/redoubt-kms/redoubt/chain/sui"
	"github.com/redoubt-kms/redoubt/internal/curve"
	"github.com/redoubt-kms/redoubt/internal/permit"
)

// Read parses a payload of a kind, whole. The address format matters for Bitcoin, the algorithm for plain messages.
func Read(kind permit.PayloadKind, format api.AddressFormat, algorithm api.Algorithm, b []byte) (chain.Payload, error) {
	switch kind {
	case permit.PayloadUTF8:
		return newMessage(algorithm, b)
	case permit.PayloadPersonal:
		return evm.PersonalMessage(b), nil
	case permit.PayloadTypedData:
		return evm.DecodeTypedData(b)
	case permit.PayloadSolana:
		return solana.Parse(b)
	case permit.PayloadEVM:
		return evm.ParseUnsigned(b)
	case permit.PayloadPSBT:
		return bitcoin.ParseSpend(format, b)
	case permit.PayloadBIP322:
		return bitcoin.NewMessage(format, b)
	case permit.PayloadSui:
		return sui.Parse(b)
	case permit.PayloadSuiText:
		return sui.PersonalMessage(b), nil
	case permit.PayloadRaw:
		return newRaw(algorithm, b)
	case permit.PayloadExport: // there is nothing to sign
	}
	return nil, fmt.Errorf("%w: kind %d", chain.ErrMalformed, kind)
}

// Fits says whether accounts of an address format sign payloads of a kind. Sui and Solana share their curve: a key that
// signed for both could be made to sign the digest of one as a text of the other. So do Bitcoin and EVM networks.
func Fits(kind permit.PayloadKind, format api.AddressFormat) bool {
	if format == api.AddressNone {
		return kind == permit.PayloadRaw
	}
	if kind == permit.PayloadRaw {
		return true // it is not read as a payload of any chain, and screened for those of all
	}
	switch format {
	case api.AddressBitcoinSegwit, api.AddressBitcoinNestedSegwit, api.AddressBitcoinTaproot:
		return kind == permit.PayloadPSBT || kind == permit.PayloadBIP322
	case api.AddressSolana, api.AddressEthereum, api.AddressSui, api.AddressNone:
		if kind == permit.PayloadPSBT || kind == permit.PayloadBIP322 {
			return false
		}
	}
	ofSui := kind == permit.PayloadSui || kind == permit.PayloadSuiText
	return ofSui == (format == api.AddressSui)
}

// message is text that is signed as it is, hashed only as the algorithm needs.
type message struct {
	algorithm api.Algorithm
	text      []byte
}

// newMessage refuses text that is itself something to sign: it would be signed without being seen for what it is.
func newMessage(algorithm api.Algorithm, text []byte) (chain.Payload, error) {
	switch algorithm {
	case api.Ed25519:
		if solana.IsMessage(text) {
			return nil, fmt.Errorf("%w: this text is a Solana transaction; use signTransaction", chain.ErrMalformed)
		}
	case api.Secp256k1Keccak256:
		if evm.IsPreimage(text) {
			return nil, fmt.Errorf("%w: this text is an EVM transaction, authorization or typed message; use the method for it", chain.ErrMalformed)
		}
	case api.Secp256k1:
		if len(text) == sha256.Size {
			return nil, fmt.Errorf("%w: 32 bytes may be the digest of a transaction", chain.ErrMalformed)
		}
		if bitcoin.IsPreimage(text) || bitcoin.IsPSBT(text) {
			return nil, fmt.Errorf("%w: this text is a Bitcoin transaction; use signTransaction", chain.ErrMalformed)
		}
	case api.Secp256r1, api.Secp256k1Schnorr:
		return nil, fmt.Errorf("%w: a message cannot be signed with %q", chain.ErrMalformed, algorithm)
	default:
		return nil, fmt.Errorf("%w: unknown algorithm %q", chain.ErrMalformed, algorithm)
	}
	return &message{algorithm: algorithm, text: text}, nil
}

// Algorithm implements chain.Payload.
func (m *message) Algorithm() api.Algorithm { return m.algorithm }

// SigningBytes implements chain.Payload.
func (m *message) SigningBytes() []byte {
	switch m.algorithm {
	case api.Secp256k1, api.Secp256k1Schnorr, api.Secp256r1:
		digest := sha256.Sum256(m.text)
		return digest[:]
	case api.Secp256k1Keccak256:
		return curve.Keccak256(m.text)
	case api.Ed25519:
	}
	return m.text
}

// Effects implements chain.Payload: plain text moves nothing.
func (m *message) Effects([]byte) chain.Effects { return chain.Effects{} }
