package carry

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redoubt-kms/redoubt/internal/wire"
)

// certifier asks for one connection and believes that what comes is TLS.
type certifier struct {
	address  string
	loopback bool
	steps    int
	received int
	ended    bool
}

// FetchBegin wants a connection.
func (c *certifier) FetchBegin(context.Context, wire.FetchBegin) (wire.FetchStepped, error) {
	return wire.FetchStepped{Fetch: []byte{1}, Connection: 1, Address: c.address, Loopback: c.loopback, Send: []byte("hello")}, nil
}

// FetchStep goes on for as long as the peer sends.
func (c *certifier) FetchStep(_ context.Context, s wire.FetchStep) (wire.FetchStepped, error) {
	c.steps++
	c.received += len(s.Received)
	if c.ended = s.Ended; s.Ended {
		return wire.FetchStepped{}, wire.Faultf("fetch-failed", "the peer has gone")
	}
	if c.received > wire.FetchSize {
		return wire.FetchStepped{}, wire.Faultf("fetch-failed", "the peer sent too much")
	}
	return wire.FetchStepped{Fetch: []byte{1}, Connection: 1, Address: c.address, Loopback: c.loopback}, nil
}

// private are addresses that nobody may be led to, one for each i: of this machine, of networks around it, and in the
// spellings and translations that IPv6 has for them.
func private(i int) netip.Addr {
	four := func(a, b, c, d int) netip.Addr {
		return netip.AddrFrom4([4]byte{byte(a), byte(b), byte(c), byte(d)})
	}
	x, y := i%251, i%241
	v4 := []netip.Addr{
		four(127, 0, x, 1), four(10, x, y, 1), four(172, 16+i%16, x, 2), four(192, 168, x, y), four(169, 254, 169, 254), four(169, 254, x, y),
		four(100, 64+i%64, x, y), four(0, 0, 0, 0), four(0, x, y, 1), four(224, 0, 0, x), four(255, 255, 255, 255), four(198, 18, x, y), four(240, x, y, 1),
	}
	a := v4[i%len(v4)].As4()
	switch i / len(v4) % 4 {
	case 1:
		return netip.AddrFrom16(v4[i%len(v4)].As16()) // ::ffff:a.b.c.d
	case 2:
		return netip.AddrFrom16([16]byte{0, 0x64, 0xff, 0x9b, 12: a[0], 13: a[1], 14: a[2], 15: a[3]})
	case 3:
		return netip.MustParseAddr([]string{"::1", "::", "fe80::1", "fc00::1", "fd12:3456::1", "ff02::1", "2002:7f00:1::", "fec0::1"}[i%8])
	}
	return v4[i%len(v4)]
}

// names is a resolver that gives every name another private address at every question.
func names(t *testing.T, asked *atomic.Int64) *net.Resolver {
	t.Helper()
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go answerName(theirs, asked)
		return ours, nil
	}}
}

// answerName is a name server (RFC 1035) over a stream: one question, one answer.
func answerName(c net.Conn, asked *atomic.Int64) {
	defer c.Close()
	for {
		var size [2]byte
		if _, err := io.ReadFull(c, size[:]); err != nil {
			return
		}
		q := make([]byte, binary.BigEndian.Uint16(size[:]))
		if _, err := io.ReadFull(c, q); err != nil {
			return
		}
		end := 12
		for q[end] != 0 {
			end += int(q[end]) + 1
		}
		end += 5
		a := private(int(asked.Add(1)))
		kind, data := uint16(1), []byte(nil)
		if want := binary.BigEndian.Uint16(q[end-4:]); want == 1 && a.Unmap().Is4() {
			data = a.Unmap().AsSlice()
		} else if want == 28 && a.Is6() {
			kind, data = 28, a.AsSlice()
		}
		reply := append([]byte{q[0], q[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, q[12:end]...)
		if data != nil {
			reply[7] = 1
			reply = append(reply, 0xc0, 12, 0, byte(kind), 0, 1, 0, 0, 0, 0, 0, byte(len(data)))
			reply = append(reply, data...)
		}
		if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(reply))), reply...)); err != nil {
			return
		}
	}
}

// Of 500 names and addresses that lead inside, none is connected to: neither when the name is such an address, nor when it
// resolves to one, or to another one at every question.
func TestNothingPrivateIsConnectedTo(t *testing.T) {
	listener, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	var connected, asked atomic.Int64
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			connected.Add(1)
			c.Close()
		}
	}()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	resolver := names(t, &asked)
	for i := range 500 {
		host := fmt.Sprintf("host-%d.example", i)
		if i%2 == 0 {
			host = private(i / 2).String()
		}
		conn, err := dial(t.Context(), resolver, net.JoinHostPort(host, port), false)
		if err == nil {
			conn.Close()
			t.Errorf("%s is connected to", host)
		}
		if i%2 == 0 && !errors.Is(err, ErrPrivate) {
			t.Errorf("%s: %v", host, err)
		}
	}
	if n := connected.Load(); n != 0 || asked.Load() < 250 {
		t.Errorf("%d connections came, %d questions", n, asked.Load())
	}
	c := &certifier{address: "host.example:" + port}
	if _, err := keys(t.Context(), c, wire.FetchBegin{}, resolver); err == nil || !strings.Contains(err.Error(), "not public") && !strings.Contains(err.Error(), "no such host") {
		t.Errorf("%v", err)
	}
	open, err := dial(t.Context(), resolver, net.JoinHostPort("127.0.0.1", port), true)
	if err != nil {
		t.Fatalf("an address that the manifest names: %v", err)
	}
	open.Close()
}

// Addresses of the Internet, and next to those that are not.
func TestPublic(t *testing.T) {
	for text, want := range map[string]bool{
		"8.8.8.8": true, "1.1.1.1": true, "172.15.255.255": true, "172.32.0.0": true, "100.63.255.255": true, "100.128.0.0": true, "198.20.0.0": true,
		"2606:4700::1": true, "2a00:1450::1": true, "::ffff:8.8.8.8": true,
		"127.255.255.255": false, "::ffff:10.0.0.1": false, "169.254.169.254": false, "239.0.0.1": false, "255.255.255.255": false, "fd00::1": false,
		"::1": false, "::": false, "0.0.0.0": false, "::7f00:1": false, "64:ff9b::808:808": false, "2001::1": false, "2001:db8::1": false, "2002::1": false, "5f00::1": false, "::ffff:0:7f00:1": false,
		"ff0e::1": false, "100::1": false, "3fff::1": false, "2606:4700::1%eth0": false,
	} {
		if got := public(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
	if public(netip.Addr{}) {
		t.Error("no address is public")
	}
}

// A peer that says nothing, or does not stop, is left when the fetch ends, and its reason is told.
func TestPeersOfAllKinds(t *testing.T) {
	for why, c := range map[string]struct {
		peer func(net.Conn)
		want string
	}{
		"silence":       {func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }, "i/o timeout"},
		"ten gigabytes": {func(c net.Conn) { _, _ = io.CopyN(c, zeros{}, 10<<30) }, "sent too much"},
		"a goodbye":     {func(c net.Conn) { c.Close() }, "has gone"},
	} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			if conn, err := listener.Accept(); err == nil {
				defer conn.Close()
				c.peer(conn)
			}
		}()
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		fake := &certifier{address: listener.Addr().String(), loopback: true}
		_, err = Keys(ctx, fake, wire.FetchBegin{})
		if err == nil || !strings.Contains(err.Error(), c.want) || fake.received > wire.FetchSize+chunk {
			t.Errorf("%s: %v after %d bytes", why, err, fake.received)
		}
		cancel()
		listener.Close()
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { return len(b), nil }
