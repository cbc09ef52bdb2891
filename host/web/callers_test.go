package web

import (
	"net/http"
	"net/netip"
	"testing"
	"time"
)

func TestAddress(t *testing.T) {
	l := Limits{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}}
	for _, c := range []struct{ peer, forwarded, want string }{
		{"192.0.2.7:1", "", "192.0.2.7/32"},
		{"[::ffff:192.0.2.7]:1", "", "192.0.2.7/32"},
		{"[2001:db8:1:2:3:4:5:6]:1", "", "2001:db8:1:2::/64"},
		{"[fe80::1%eth0]:1", "", "fe80::/64"},
		{"192.0.2.7:1", "203.0.113.9", "192.0.2.7/32"}, // not a proxy that we trust
		{"10.1.2.3:1", "203.0.113.9", "203.0.113.9/32"},
		{"10.1.2.3:1", "1.2.3.4, 203.0.113.9, 10.9.9.9", "203.0.113.9/32"}, // what stands before was made up
		{"[fd00::1]:1", "2001:db8:1:2::9", "2001:db8:1:2::/64"},
		{"10.1.2.3:1", "", "10.1.2.3/32"},
		{"10.1.2.3:1", "1.2.3.4, nonsense", "10.1.2.3/32"},
		{"10.1.2.3:1", "nonsense, 10.4.4.4", "10.4.4.4/32"},
		{"10.1.2.3:1", "10.7.7.7", "10.7.7.7/32"},
		{"@", "203.0.113.9", "invalid Prefix"},
	} {
		r := &http.Request{RemoteAddr: c.peer, Header: http.Header{}}
		if c.forwarded != "" {
			r.Header.Set("X-Forwarded-For", c.forwarded)
		}
		if got := l.Address(r).String(); got != c.want {
			t.Errorf("%s, %q: %s, want %s", c.peer, c.forwarded, got, c.want)
		}
	}
	r := &http.Request{RemoteAddr: "10.1.2.3:1", Header: http.Header{"X-Forwarded-For": {"1.2.3.4", "203.0.113.9"}}}
	if got := l.Address(r).String(); got != "203.0.113.9/32" {
		t.Errorf("two headers: %s", got)
	}
}

func TestBadStampsAreForgiven(t *testing.T) {
	c, now := newCallers(10), time.Unix(1, 0)
	bad, good := netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("192.0.2.2/32")
	send := func(address netip.Prefix, badStamp bool) bool {
		if c.turnedAway(address, now) || !c.enter(address, now) {
			return false
		}
		c.leave(address, now, badStamp)
		return true
	}
	for n := range 10 * burst {
		if !send(bad, true) {
			t.Fatalf("turned away after %d", n)
		}
	}
	if send(bad, true) || send(bad, false) {
		t.Error("not turned away")
	}
	for range 1000 {
		if !send(good, false) {
			t.Fatal("an honest caller was turned away")
		}
	}
	now = now.Add(time.Second)
	for n := range 10 {
		if !send(bad, true) {
			t.Fatalf("a second later only %d were let in", n)
		}
	}
	if send(bad, true) {
		t.Error("a second later more than a second's worth were let in")
	}
	unbound := newCallers(0)
	for range 10_000 {
		if unbound.turnedAway(bad, now) || !unbound.enter(bad, now) {
			t.Fatal("turned away without a bound")
		}
		unbound.leave(bad, now, true)
	}
}

func TestOneAddressFillsHalfOfTheHouse(t *testing.T) {
	c, now := newCallers(0), time.Unix(1, 0)
	one, other := netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("192.0.2.2/32")
	for range maxRequests / 2 {
		if !c.enter(one, now) {
			t.Fatal("refused too early")
		}
	}
	if c.enter(one, now) || !c.enter(other, now) {
		t.Error("one address has more than half, or another none")
	}
	c.leave(one, now, false)
	if !c.enter(one, now) {
		t.Error("a place that was given back is not there")
	}
}

// Whatever the number of addresses, memory is bounded, and those who have something in flight are not forgotten.
func TestCallersAreBounded(t *testing.T) {
	c, now := newCallers(10), time.Unix(1, 0)
	busy := netip.MustParsePrefix("192.0.2.1/32")
	c.enter(busy, now)
	looks, before := 0, 0
	for n := range 3 * maxCallers {
		address := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}), 32)
		c.enter(address, now)
		c.leave(address, now, n%2 == 0)
		if n%1000 == 0 {
			now = now.Add(time.Millisecond)
		}
		if len(c.by) > maxCallers {
			t.Fatalf("%d callers are remembered", len(c.by))
		}
		if len(c.by) < before {
			looks++
		}
		before = len(c.by)
	}
	if looks == 0 || looks > 3*maxCallers/(maxCallers-keptCallers) {
		t.Errorf("%d looks at all callers, for %d new ones", looks, 3*maxCallers)
	}
	if c.by[busy] == nil || c.by[busy].inFlight != 1 {
		t.Error("a caller with a request in flight was forgotten")
	}
}

// So is that of sign-ups, and an address is held to its number while there are not too many others.
func TestSignUpsAreBounded(t *testing.T) {
	s, now := newSignUps(), time.Unix(1, 0)
	one := netip.MustParsePrefix("192.0.2.1/32")
	for range signUpsPerMinute {
		if !s.allow(one, now) {
			t.Fatal("refused too early")
		}
	}
	for n := range 3 * maxSignUps {
		if n < maxSignUps/2 && s.allow(one, now) {
			t.Fatal("more than its number")
		}
		s.allow(netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}), 32), now)
		if len(s.by) > maxSignUps {
			t.Fatalf("%d addresses are remembered", len(s.by))
		}
	}
	if !s.allow(one, now.Add(2*time.Minute)) {
		t.Error("not forgiven")
	}
}
