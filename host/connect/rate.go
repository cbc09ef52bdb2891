package connect

import (
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// act is something that costs, and that an address may do only so often.
type act string

const (
	actStart    act = "start"    // a login that begins
	actSignIn   act = "sign-in"  // evidence to verify
	actMail     act = "mail"     // a message to somebody who may not have asked for it
	actToken    act = "token"    // tokens to make
	actRegister act = "register" // an app that registers itself
	actDevice   act = "device"   // a device code
	actUserCode act = "usercode" // a guess at a device's code
)

// perMinute says how often an address may do something in a minute; it may do as much at once.
func perMinute(a act) float64 {
	switch a {
	case actToken:
		return 600
	case actStart, actSignIn:
		return 60
	case actDevice:
		return 30
	case actRegister, actUserCode:
		return 10
	case actMail:
		return 3
	default:
		return 0
	}
}

// mailsPerHour bounds the messages to one mailbox, whoever asks for them.
const mailsPerHour = 6

const (
	maxBuckets  = 1 << 16
	keptBuckets = maxBuckets / 4 * 3 // as many are left when there were too many, since finding whom to forget looks at all
)

// rates remember who did what of late. Memory is bounded: with too many addresses, some are forgotten.
type rates struct {
	times float64

	mu sync.Mutex
	by map[string]*bucket
}

type bucket struct {
	left float64
	seen time.Time
	full time.Duration // after so long nothing is left to remember
}

func newRates(times int) *rates { return &rates{times: float64(times), by: map[string]*bucket{}} }

// allow takes one from a bucket of size n that fills within a time.
func (r *rates) allow(key string, n float64, within time.Duration, now time.Time) bool {
	n *= r.times
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.by[key]
	if b == nil {
		if len(r.by) >= maxBuckets {
			r.forget(now)
		}
		b = &bucket{left: n, seen: now, full: within}
		r.by[key] = b
	}
	if passed := now.Sub(b.seen); passed > 0 {
		b.left, b.seen = min(n, b.left+n*float64(passed)/float64(within)), now
	}
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}

func (r *rates) forget(now time.Time) {
	for key, b := range r.by {
		if now.Sub(b.seen) >= b.full {
			delete(r.by, key)
		}
	}
	for key := range r.by {
		if len(r.by) < keptBuckets {
			return
		}
		delete(r.by, key)
	}
}

// may says whether the address of a request may do something once more.
func (c *Connect) may(r *http.Request, a act) error {
	if c.rates.allow(string(a)+" "+c.Address(r).String(), perMinute(a), time.Minute, c.Now()) {
		return nil
	}
	return tooMany("too many requests from this address")
}

// peerNetwork is the network of a connection: an IPv4 address, or the /64 of an IPv6 address.
func peerNetwork(r *http.Request) netip.Prefix {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Prefix{} // all such callers share a place
	}
	address, bits := peer.Addr().Unmap().WithZone(""), 32
	if address.Is6() {
		bits = 64
	}
	network, err := address.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return network
}
