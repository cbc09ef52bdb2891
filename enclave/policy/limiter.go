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
		return l.exceeded()
	}
	b.tokens--
	l.buckets[organization] = b
	return nil
}

// charge counts n more requests, for what one asks the signer to do many times. It may leave a debt, which the
// organization waits for; who has one already is turned away.
func (l *limiter) charge(organization proof.ID, n int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	b, ok := l.buckets[organization]
	if l.rate == 0 || n <= 0 || !ok {
		return nil
	}
	if b.tokens < 0 {
		return l.exceeded()
	}
	b.tokens -= float64(n)
	l.buckets[organization] = b
	return nil
}

func (l *limiter) exceeded() error {
	return api.Errorf(api.TypeRateLimited, "the organization sends more than %.0f requests, or asks for more signatures, a second; wait a second and try again", l.rate)
}

// sweep forgets full buckets when there are many.
func (l *limiter) sweep(now uint64) {
	if len(l.buckets) < 1<<16 {
		return
	}
	for organization, b := range l.buckets {
		if b.tokens >= 0 && now >= b.at+1000 {
			delete(l.buckets, organization)
		}
	}
}
