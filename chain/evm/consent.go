package evm

import (
	"bytes"
	"math/big"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain"
	"github.com/redoubt-kms/redoubt/chain/evm/eip55"
	"github.com/redoubt-kms/redoubt/chain/evm/rlp"
)

// Consent is what an authority signs for EIP-7702, before there is a signature: 0x05 and the list of chain id, address
// and nonce. It is immutable.
type Consent struct {
	of  Authorization
	raw []byte
}

// ParseConsent reads a consent, whole and in its only encoding.
func ParseConsent(b []byte) (*Consent, error) {
	if len(b) == 0 || b[0] != authorizationMagic {
		return nil, chain.Malformed(0, "an authorization begins with 0x05")
	}
	r := rlp.NewReaderAt(b, 1)
	list, err := r.List()
	if err != nil {
		return nil, err
	}
	of, err := readConsent(list)
	if err != nil {
		return nil, err
	}
	if err := list.End(); err != nil {
		return nil, err
	}
	if err := r.End(); err != nil {
		return nil, err
	}
	if of.ChainID.Cmp(big.NewInt(maxChainID)) > 0 || of.Nonce > maxNonce {
		return nil, chain.Malformed(0, "chain id or nonce is too large")
	}
	return &Consent{of: of, raw: bytes.Clone(b)}, nil
}

// Authorization is what is consented to, without a signature: R and S are nil.
func (c *Consent) Authorization() Authorization {
	of := c.of
	of.ChainID = clone(of.ChainID)
	return of
}

// EveryNetwork says that the consent holds on every network.
func (c *Consent) EveryNetwork() bool { return c.of.EveryNetwork() }

// Algorithm implements chain.Payload.
func (c *Consent) Algorithm() api.Algorithm { return api.Secp256k1Keccak256 }

// SigningBytes implements chain.Payload.
func (c *Consent) SigningBytes() []byte {
	digest := keccak(c.raw)
	return digest[:]
}

// Effects implements chain.Payload: the account of publicKey goes to the code.
func (c *Consent) Effects(publicKey []byte) chain.Effects {
	authority, err := eip55.FromPublicKey(publicKey)
	if err != nil {
		return chain.Effects{Unknown: true}
	}
	change := c.of.change(eip55.Encode(authority))
	effects := chain.Effects{AuthorityChanges: []chain.AuthorityChange{change}}
	if change.To != "" {
		effects.Programs = []string{change.To}
	}
	return effects
}
