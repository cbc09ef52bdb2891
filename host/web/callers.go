package web

import (
	"net/netip"
	"sync"
	"time"
)

// Limits bound what one address may do. The zero value bounds only requests in flight.
type Limits struct {
	// BadStamps is how many requests a second an address may send that turn out to be unauthenticated; 0 for no bound.
	BadStamps uint32
	// TrustedProxies may say in X-Forwarded-For whose requests they carry.
	TrustedProxies []netip.Prefix
}

const (
	// maxOfOne is how many requests one address may have in the house: half of them, so that nobody fills it alone.
	maxOfOne = maxRequests / 2

	// burst is how many seconds' worth of bad stamps an address may send at once: clients err in bursts, when a key of
	// theirs expires.
	burst = 5

	maxCallers = 1 << 16

	// keptCallers are left when there were too many. It is fewer by far, since finding whom to forget takes a look at all
	// of them, under the lock: that must not be for every new address.
	keptCallers = maxCallers / 4 * 3
)

// callers remember, by address, what they have in flight and how many bad stamps they sent of late. A bad stamp costs the
// policy engine the verification of a signature; an address that keeps sending them is turned away before that. This is
// the host's, like all shedding: an enclave sees no addresses.
type callers struct {
	rate float64 // of bad stamps a second; 0 for no bound

	mu sync.Mutex
	by map[netip.Prefix]*caller
}

type caller struct {
	inFlight int
	debt     float64   // bad stamps that were not yet forgiven
	seen     time.Time // when the debt was so
}

func newCallers(badStamps uint32) *callers {
	return &callers{rate: float64(badStamps), by: map[netip.Prefix]*caller{}}
}

// at returns a caller with its debt at a time. The lock is held.
func (c *callers) at(address netip.Prefix, now time.Time) *caller {
	one := c.by[address]
	if one == nil {
		if len(c.by) >= maxCallers {
			c.forget(now)
		}
		one = &caller{seen: now}
		c.by[address] = one
	}
	one.debt = max(0, one.debt-c.rate*now.Sub(one.seen).Seconds())
	one.seen = now
	return one
}

// forget drops callers of whom nothing is left to remember, and if that is not enough, others who have nothing in flight:
// memory is bounded, and who can send from so many addresses is not held by a bound for each.
func (c *callers) forget(now time.Time) {
	for address, one := range c.by {
		if one.inFlight == 0 && one.debt <= c.rate*now.Sub(one.seen).Seconds() {
			delete(c.by, address)
		}
	}
	for address, one := range c.by {
		if len(c.by) < keptCallers {
			return
		}
		if one.inFlight == 0 {
			delete(c.by, address)
		}
	}
}

// turnedAway says whether an address sent so many bad stamps that it must wait.
func (c *callers) turnedAway(address netip.Prefix, now time.Time) bool {
	if c.rate == 0 {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at(address, now).debt >= burst*c.rate
}

// enter takes a place for a request, if the address has not taken all that it may.
func (c *callers) enter(address netip.Prefix, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	one := c.at(address, now)
	if one.inFlight >= maxOfOne {
		return false
	}
	one.inFlight++
	return true
}

// leave gives the place back, and notes a bad stamp.
func (c *callers) leave(address netip.Prefix, now time.Time, badStamp bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	one := c.at(address, now)
	one.inFlight--
	if badStamp && c.rate > 0 {
		one.debt++
	}
}
