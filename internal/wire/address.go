package wire

import (
	"context"
	"fmt"
	"net"
	"strings"
)

// Dial connects to an address of the form scheme:rest. The process tier knows unix:PATH; other tiers add their own
// schemes (vsock, virtio-serial) here and in Listen.
func Dial(ctx context.Context, address string) (net.Conn, error) {
	scheme, rest, _ := strings.Cut(address, ":")
	if scheme != "unix" || rest == "" {
		return nil, fmt.Errorf("address %q: want unix:PATH", address)
	}
	var d net.Dialer
	return d.DialContext(ctx, "unix", rest)
}

// Listen opens a listener at an address of the form that Dial takes.
func Listen(address string) (net.Listener, error) {
	scheme, rest, _ := strings.Cut(address, ":")
	if scheme != "unix" || rest == "" {
		return nil, fmt.Errorf("address %q: want unix:PATH", address)
	}
	return net.Listen("unix", rest)
}
