// Package carry carries the bytes of a fetch of keys between the certifier and the network. TLS ends in the certifier; all
// that is decided here is which addresses are connected to: public ones, but for those that the manifest names.
package carry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/redoubt-kms/redoubt/internal/wire"
)

// Certifier is the enclave that fetches.
type Certifier interface {
	FetchBegin(ctx context.Context, b wire.FetchBegin) (wire.FetchStepped, error)
	FetchStep(ctx context.Context, s wire.FetchStep) (wire.FetchStepped, error)
}

// chunk is how much is read from a peer at once, in bytes.
const chunk = 32 << 10

// ErrPrivate says that a name leads to an address that is not public.
var ErrPrivate = errors.New("the name leads to an address that is not public")

// Keys has keys fetched, and returns the certifier's statement about them.
func Keys(ctx context.Context, c Certifier, begin wire.FetchBegin) (wire.Fetched, error) {
	return keys(ctx, c, begin, net.DefaultResolver)
}

func keys(ctx context.Context, c Certifier, begin wire.FetchBegin, names *net.Resolver) (wire.Fetched, error) {
	ctx, cancel := context.WithTimeout(ctx, wire.FetchTime+time.Second) // the certifier ends it first, with the better reason
	defer cancel()
	step, err := c.FetchBegin(ctx, begin)
	if err != nil {
		return wire.Fetched{}, err
	}
	way := carrier{names: names}
	defer func() { way.close() }()
	for len(step.Statement) == 0 {
		received, ended := way.carry(ctx, step)
		if step, err = c.FetchStep(ctx, wire.FetchStep{Fetch: step.Fetch, Received: received, Ended: ended}); err != nil {
			return wire.Fetched{}, way.explain(err)
		}
	}
	return wire.Fetched{Statement: step.Statement}, nil
}

// carrier is the connection of a fetch.
type carrier struct {
	names  *net.Resolver
	conn   net.Conn
	number uint8 // of the connection, as the certifier counts
	buffer [chunk]byte
	fault  error // why there is none
}

// carry sends what a step has, and waits for bytes of the peer. A connection that fails has ended for the certifier.
func (w *carrier) carry(ctx context.Context, step wire.FetchStepped) (received []byte, ended bool) {
	if step.Connection != w.number {
		w.close()
		w.number = step.Connection
		w.conn, w.fault = dial(ctx, w.names, step.Address, step.Loopback)
	}
	if w.conn == nil {
		return nil, true
	}
	deadline, _ := ctx.Deadline()
	if w.fault = w.conn.SetDeadline(deadline); w.fault != nil {
		return nil, true
	}
	if len(step.Send) > 0 {
		if _, w.fault = w.conn.Write(step.Send); w.fault != nil {
			return nil, true
		}
	}
	n, err := w.conn.Read(w.buffer[:])
	if err != nil && !errors.Is(err, io.EOF) {
		w.fault = err
	}
	return w.buffer[:n], err != nil
}

func (w *carrier) close() {
	if w.conn != nil {
		w.conn.Close()
		w.conn = nil
	}
}

// explain adds what only this side knows of a fetch that failed.
func (w *carrier) explain(err error) error {
	var fault *wire.Fault
	if w.fault == nil || !errors.As(err, &fault) {
		return err
	}
	return wire.Faultf(fault.Code, "%s (%v)", fault.Message, w.fault)
}

// dial connects to a host and port. The address is looked at when it is connected to, whatever the name led to before: a
// name that changes its mind in between gains nothing.
func dial(ctx context.Context, names *net.Resolver, address string, loopback bool) (net.Conn, error) {
	d := net.Dialer{Timeout: wire.FetchTime, Resolver: names, Control: func(_, resolved string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(resolved)
		if err != nil || !loopback && !public(to.Addr()) {
			return ErrPrivate
		}
		return nil
	}}
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("no connection: %w", err)
	}
	return conn, nil
}
