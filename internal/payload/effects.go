package payload

import (
	"github.com/redoubt-kms/redoubt/chain"
	"github.com/redoubt-kms/redoubt/chain/evm/eip55"
)

// accounted is a payload of EVM, whose effects depend on the account only.
type accounted interface {
	EffectsOf(account [20]byte) chain.Effects
}

// Effects are those of a payload that is signed by the account of a public key and an address, which belong together:
// the address must come from whoever derived the key. To find an address of EVM again means to decompress the key, which
// takes ten times as long as all the rest.
func Effects(p chain.Payload, publicKey []byte, address string) chain.Effects {
	seen := p
	if raw, ok := p.(*Raw); ok {
		seen = raw.seen
	}
	if e, ok := seen.(accounted); ok {
		if account, err := eip55.Parse(address); err == nil {
			return e.EffectsOf(account)
		}
	}
	return p.Effects(publicKey)
}
