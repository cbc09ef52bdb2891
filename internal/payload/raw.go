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
)

// Raw is bytes that a caller wants signed as they are. What they are on a chain is told as far as it can be known, so that
// they are judged as that.
type Raw struct {
	message
	// As is the method whose business the bytes are: of a transaction, an authorization, typed data or a personal
	// message. It is empty for what is nothing of these.
	As api.Method
	// Blind is true of 32 bytes that may be the digest of anything, which no screen can know.
	Blind bool
	// EveryNetwork is true of what is valid on every network.
	EveryNetwork bool

	seen chain.Payload // what they are, when they parse as it
}

func newRaw(algorithm api.Algorithm, b []byte) (*Raw, error) {
	if len(b) == 0 {
		return nil, fmt.Errorf("%w: there is nothing to sign", chain.ErrMalformed)
	}
	r := &Raw{message: message{algorithm: algorithm, text: b}}
	switch algorithm {
	case api.Ed25519:
		r.screenEd25519(b)
		r.Blind = len(b) == sha256.Size // Sui signs digests
	case api.Secp256k1Keccak256:
		r.screenEVM(b)
	case api.Secp256k1, api.Secp256k1Schnorr:
		if bitcoin.IsPreimage(b) || bitcoin.IsPSBT(b) {
			r.As = api.SignTransaction
		}
		r.Blind = len(b) == sha256.Size // Bitcoin signs the hash of a hash
	case api.Secp256r1: // no chain of ours takes it
	default:
		return nil, fmt.Errorf("%w: unknown algorithm %q", chain.ErrMalformed, algorithm)
	}
	return r, nil
}

func (r *Raw) screenEd25519(b []byte) {
	if !solana.IsMessage(b) && !sui.IsIntentMessage(b) {
		return
	}
	r.As = api.SignTransaction
	if tx, err := solana.Parse(b); err == nil {
		r.seen = tx
	}
}

func (r *Raw) screenEVM(b []byte) {
	if !evm.IsPreimage(b) {
		return
	}
	r.As = api.SignTransaction
	switch {
	case b[0] == 0x19 && b[1] == 0x45: // EIP-191
		r.As = api.EthereumSignMessage
		r.seen = &r.message
		return
	case b[0] == 0x19: // EIP-712 and the like, of which only hashes are here
		r.As = api.EthereumSignTypedData
		return
	}
	r.EveryNetwork = true // until it is known: a network may take what we do not read
	if tx, err := evm.ParseUnsigned(b); err == nil {
		r.seen, r.EveryNetwork = tx, tx.EveryNetwork()
	}
	if consent, err := evm.ParseConsent(b); err == nil {
		r.seen, r.EveryNetwork = consent, consent.EveryNetwork()
	}
}

// Effects implements chain.Payload: those of what the bytes are, and unknown when that is not known.
func (r *Raw) Effects(publicKey []byte) chain.Effects {
	if r.seen != nil {
		return r.seen.Effects(publicKey)
	}
	return chain.Effects{Unknown: true}
}

// Seen is what the bytes were found to be, nil when that is not known.
func (r *Raw) Seen() chain.Payload { return r.seen }
