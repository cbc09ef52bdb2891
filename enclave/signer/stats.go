package signer

import (
	"sync/atomic"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/wire"
)

// stats are plain counters. All that goes into them of an order is that there was one, and its algorithm.
type stats struct {
	ed25519, secp256k1, keccak, schnorr, p256, unsigned atomic.Uint64
	seedHits, seedMisses                                atomic.Uint64
}

// signed counts a signature that was made.
func (s *stats) signed(algorithm api.Algorithm, err error) {
	if err != nil {
		return
	}
	switch algorithm {
	case api.Ed25519:
		s.ed25519.Add(1)
	case api.Secp256k1:
		s.secp256k1.Add(1)
	case api.Secp256k1Keccak256:
		s.keccak.Add(1)
	case api.Secp256k1Schnorr:
		s.schnorr.Add(1)
	case api.Secp256r1:
		s.p256.Add(1)
	}
}

// ordered counts an order that ended without a signature.
func (s *stats) ordered(err error) {
	if err != nil {
		s.unsigned.Add(1)
	}
}

func (s *Signer) counters(wire.Empty) (wire.SignerCounters, error) {
	return wire.SignerCounters{
		Ed25519: s.stats.ed25519.Load(), Secp256k1: s.stats.secp256k1.Load(), Secp256k1Keccak256: s.stats.keccak.Load(), Secp256k1Schnorr: s.stats.schnorr.Load(),
		Secp256r1: s.stats.p256.Load(),
		Unsigned:  s.stats.unsigned.Load(), SeedHits: s.stats.seedHits.Load(), SeedMisses: s.stats.seedMisses.Load(),
		Held: s.cache.held(),
	}, nil
}

// held is how many wallets the cache holds.
func (c *cache) held() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return uint64(c.order.Len())
}
