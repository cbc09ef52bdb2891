package web

import (
	"net/netip"
	"sync"
	"time"
)

// signUpsPerMinute bounds unstamped createOrganization calls from one address.
const signUpsPerMinute = 20

// signUps counts unstamped createOrganization calls in the last minute, by address.
type signUps struct {
	mu sync.Mutex
	by map[netip.Prefix][]time.Time
}

func newSignUps() *signUps { return &signUps{by: map[netip.Prefix][]time.Time{}} }

func (s *signUps) allow(address netip.Prefix, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.by) > 1<<12 {
		for other, times := range s.by {
			if now.Sub(times[len(times)-1]) > time.Minute {
				delete(s.by, other)
			}
		}
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
