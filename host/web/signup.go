package web

import (
	"net/netip"
	"sync"
	"time"
)

// signUpsPerMinute bounds unstamped createOrganization calls from one address.
const signUpsPerMinute = 20

const (
	maxSignUps  = 1 << 14            // addresses that are remembered
	keptSignUps = maxSignUps / 4 * 3 // as keptCallers
)

// signUps counts unstamped createOrganization calls in the last minute, by address.
type signUps struct {
	mu sync.Mutex
	by map[netip.Prefix][]time.Time
}

func newSignUps() *signUps { return &signUps{by: map[netip.Prefix][]time.Time{}} }

func (s *signUps) allow(address netip.Prefix, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.by[address] == nil && len(s.by) >= maxSignUps {
		s.forget(now)
	}
	times := s.by[address]
	for len(times) > 0 && now.Sub(times[0]) > time.Minute {
		times = times[1:]
	}
	if len(times) >= signUpsPerMinute {
		s.by[address] = times
		return false
	}
	s.by[address] = append(times, now)
	return true
}

// forget drops addresses that did nothing for a minute, and if that is not enough, others: who has so many is not held by
// a bound for each.
func (s *signUps) forget(now time.Time) {
	for address, times := range s.by {
		if now.Sub(times[len(times)-1]) > time.Minute {
			delete(s.by, address)
		}
	}
	for address := range s.by {
		if len(s.by) < keptSignUps {
			return
		}
		delete(s.by, address)
	}
}
