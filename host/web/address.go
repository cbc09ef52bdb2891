package web

import (
	"net/http"
	"net/netip"
	"strings"
)

// Address is the network that a request comes from: its IPv4 address, or the /64 of its IPv6 address, since whoever has
// one address there has all of them. A header that claims another address is believed only from proxies that we were told
// to trust: then it is the last address of X-Forwarded-For that is not itself a trusted proxy. What stands before that one
// was written by the caller.
func (l Limits) Address(r *http.Request) netip.Prefix {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Prefix{} // not of a network: all such callers share a place
	}
	address := peer.Addr().Unmap()
	if l.trusts(address) {
		address = l.forwarded(r, address)
	}
	bits := 32
	if address.Is6() {
		bits = 64
	}
	network, err := address.WithZone("").Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return network
}

func (l Limits) forwarded(r *http.Request, proxy netip.Addr) netip.Addr {
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			return proxy // the chain is broken here
		}
		if proxy = hop.Unmap(); !l.trusts(proxy) {
			return proxy
		}
	}
	return proxy
}

func (l Limits) trusts(address netip.Addr) bool {
	for _, network := range l.TrustedProxies {
		if network.Contains(address) {
			return true
		}
	}
	return false
}
