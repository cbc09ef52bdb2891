package carry

import "net/netip"

// special are the networks that are nobody's on the Internet, or lead into other networks (IANA's special-purpose address
// registries, RFC 6890), beyond what package netip knows by itself.
func special() []netip.Prefix {
	var all []netip.Prefix
	for _, text := range []string{
		"0.0.0.0/8",       // this network
		"100.64.0.0/10",   // shared by carriers
		"192.0.0.0/24",    // protocols
		"192.0.2.0/24",    // documentation
		"192.88.99.0/24",  // 6to4
		"198.18.0.0/15",   // benchmarks
		"198.51.100.0/24", // documentation
		"203.0.113.0/24",  // documentation
		"240.0.0.0/4",     // reserved, broadcast
		"::/96",           // compatible with version 4
		"64:ff9b::/96",    // translated to version 4
		"64:ff9b:1::/48",  // the same, local
		"100::/64",        // discard
		"2001::/23",       // protocols, Teredo
		"2001:db8::/32",   // documentation
		"2002::/16",       // 6to4
		"3fff::/20",       // documentation
		"5f00::/16",       // segment routing
		"::ffff:0:0:0/96", // translated from version 4
		"fec0::/10",       // site-local
	} {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

// public says whether an address is one of the Internet.
func public(a netip.Addr) bool {
	a = a.Unmap()
	if !a.IsValid() || a.Zone() != "" || !a.IsGlobalUnicast() || a.IsPrivate() {
		return false
	}
	for _, s := range special() {
		if s.Contains(a) {
			return false
		}
	}
	return true
}
