package certifier

import (
	"sync/atomic"

	"github.com/redoubt-kms/redoubt/internal/wire"
)

// stats are plain counters.
type stats struct {
	anchors, heads, receipts, admitted, refused atomic.Uint64

	begun, authorized, minted, keys, keysFailed atomic.Uint64
	signed                                      [ways]atomic.Uint64
	unsigned                                    atomic.Uint64
}

// way is how a person signs in.
type way uint8

// The ways; wayNone is that of a call that shows nothing which could be evidence.
const (
	wayNone way = iota
	wayPasskey
	wayOIDC
	wayEmail
	ways
)

// anchored counts a move of the anchor.
func (s *stats) anchored(heads int, err error) {
	if err == nil {
		s.anchors.Add(1)
		s.heads.Add(uint64(heads))
	}
}

// judged counts evidence.
func (s *stats) judged(err error) {
	if err != nil {
		s.refused.Add(1)
	} else {
		s.admitted.Add(1)
	}
}

// signedIn counts evidence of a person. That keys are needed first decides nothing.
func (s *stats) signedIn(by way, err error) {
	if err == nil {
		s.signed[by].Add(1)
	} else if !needsKeys(err) {
		s.unsigned.Add(1)
	}
}

// fetched counts a fetch of keys.
func (s *stats) fetched(err error) {
	if err != nil {
		s.keysFailed.Add(1)
	} else {
		s.keys.Add(1)
	}
}

func (c *Certifier) counters(wire.Empty) (wire.CertifierCounters, error) {
	s := &c.stats
	return wire.CertifierCounters{
		Anchors: s.anchors.Load(), Heads: s.heads.Load(), Receipts: s.receipts.Load(),
		Admitted: s.admitted.Load(), Refused: s.refused.Load(),
		Begun: s.begun.Load(), Passkeys: s.signed[wayPasskey].Load(), Outside: s.signed[wayOIDC].Load(), Codes: s.signed[wayEmail].Load(),
		Unsigned: s.unsigned.Load(), Authorized: s.authorized.Load(), Minted: s.minted.Load(), Keys: s.keys.Load(), KeysFailed: s.keysFailed.Load(),
	}, nil
}
