package certifier

import (
	"sync/atomic"

	"github.com/redoubt-kms/redoubt/internal/wire"
)

// stats are plain counters.
type stats struct{ anchors, heads, receipts, admitted, refused atomic.Uint64 }

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

func (c *Certifier) counters(wire.Empty) (wire.CertifierCounters, error) {
	return wire.CertifierCounters{
		Anchors: c.stats.anchors.Load(), Heads: c.stats.heads.Load(), Receipts: c.stats.receipts.Load(),
		Admitted: c.stats.admitted.Load(), Refused: c.stats.refused.Load(),
	}, nil
}
