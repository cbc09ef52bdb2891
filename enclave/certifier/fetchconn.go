package certifier

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/redoubt-kms/redoubt/internal/wire"
)

// carried is the network of one fetch. The host carries its bytes: what is written waits until it asks, what is read waits
// until it brings it. All this costs is its own memory and one goroutine, for wire.FetchTime at most.
type carried struct {
	mu      sync.Mutex
	changed *sync.Cond

	connection uint8
	address    string
	in, out    []byte
	received   int
	ended      bool  // the peer sends no more
	waits      bool  // the reader has read all that there is
	fault      error // why nothing is carried any more

	finished bool
	result   fetched
	err      error
}

// fetched is what a fetch brought: a set of keys as JSON, read and found good.
type fetched struct{ statement []byte }

var (
	errFetchTime = errors.New("it took longer than 5 s")
	errFetchSize = errors.New("the peer sent more than 256 KiB")
	errFetchGone = errors.New("the connection is closed")
)

func newCarried() *carried {
	c := &carried{}
	c.changed = sync.NewCond(&c.mu)
	return c
}

// dial begins another connection; what was on its way on the one before is dropped.
func (c *carried) dial(address string) net.Conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.connection++
	c.address, c.in, c.out, c.received, c.ended, c.waits = address, nil, nil, 0, false, false
	return &carriedConn{c, c.connection}
}

// fail ends whatever waits.
func (c *carried) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fault == nil {
		c.fault = err
	}
	c.changed.Broadcast()
}

// finish leaves the result for the host to pick up.
func (c *carried) finish(result fetched, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.finished, c.result, c.err = true, result, err
	if c.fault != nil && err != nil {
		c.err = c.fault
	}
	c.changed.Broadcast()
}

// step brings what the peer sent, waits until the fetch wants more or is done, and takes what there is to send.
func (c *carried) step(received []byte, ended bool) (wire.FetchStepped, bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.received += len(received); c.received > wire.FetchSize && c.fault == nil {
		c.fault = errFetchSize
	}
	if c.fault == nil {
		c.in = append(c.in, received...)
		c.ended = c.ended || ended
	}
	c.waits = false
	c.changed.Broadcast()
	for !c.waits && !c.finished {
		c.changed.Wait()
	}
	if c.finished {
		return wire.FetchStepped{Statement: c.result.statement}, true, c.err
	}
	out := c.out
	c.out = nil
	return wire.FetchStepped{Connection: c.connection, Address: c.address, Send: out}, false, nil
}

// carriedConn is one connection of a fetch, as TLS uses it.
type carriedConn struct {
	carried *carried
	number  uint8
}

// Read waits for bytes of the peer.
func (c *carriedConn) Read(b []byte) (int, error) {
	w := c.carried
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		switch {
		case w.fault != nil:
			return 0, w.fault
		case w.connection != c.number:
			return 0, errFetchGone
		case len(w.in) > 0:
			n := copy(b, w.in)
			w.in = w.in[n:]
			return n, nil
		case w.ended:
			return 0, io.EOF
		}
		w.waits = true
		w.changed.Broadcast()
		w.changed.Wait()
	}
}

// Write leaves bytes for the host to pick up.
func (c *carriedConn) Write(b []byte) (int, error) {
	w := c.carried
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.fault != nil:
		return 0, w.fault
	case w.connection != c.number:
		return 0, errFetchGone
	}
	w.out = append(w.out, b...)
	return len(b), nil
}

// Close does nothing: the host closes with the next connection, or when the fetch is done.
func (c *carriedConn) Close() error { return nil }

// LocalAddr and the rest are what net.Conn wants besides; the time of a fetch is bounded as a whole.
func (c *carriedConn) LocalAddr() net.Addr { return &net.TCPAddr{} }

// RemoteAddr says nothing: only the host knows.
func (c *carriedConn) RemoteAddr() net.Addr { return &net.TCPAddr{} }

// SetDeadline does nothing.
func (c *carriedConn) SetDeadline(time.Time) error { return nil }

// SetReadDeadline does nothing.
func (c *carriedConn) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing.
func (c *carriedConn) SetWriteDeadline(time.Time) error { return nil }
