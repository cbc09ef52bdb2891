package policy

import (
	"math"
	"sync"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/proof"
)

// limiter holds a token bucket for each organization: so many requests a second, as many at once. It counts
// authenticated requests only, so that nobody can use up another's.
type limiter struct {
	mu      sync.Mutex
	rate    float64 // tokens a second; 0 for no limit
	buckets map[proof.ID]bucket
}

type bucket struct {
	tokens float64
	at     uint64 // Unix milliseconds
}

func newLimiter(rate uint32) *limiter {
	return &limiter{rate: float64(rate), buckets: map[proof.ID]bucket{}}
}

func (l *limiter) allow(organization proof.ID, now uint64) error {
	if l.rate == 0 {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	b, ok := l.buckets[organization]
	if !ok {
		l.sweep(now)
		b = bucket{tokens: l.rate, at: now}
	}
	if now > b.at {
		b.tokens, b.at = math.Min(l.rate, b.tokens+l.rate*float64(now-b.at)/1000), now
	}
	if b.tokens < 1 {
		return api.Errorf(api.TypeRateLimited, "the organization sends more than %.0f requests a second; wait a second and try again", l.rate)
	}
	b.tokens--
	l.buckets[organization] = b
	return nil
}

// sweep forgets full buckets when there are many.
func (l *limiter) sweep(now uint64) {
	if len(l.buckets) < 1<<16 {
		return
	}
	for organization, b := range l.buckets {
		if now >= b.at+1000 {
			delete(l.buckets, organization)
		}
	}
}
