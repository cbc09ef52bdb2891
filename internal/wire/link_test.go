package wire

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// note is a message of the tests.
type note struct {
	_    struct{} `cbor:",toarray"`
	N    uint64
	Text []byte
}

// pair is both ends of a link over a Unix socket; each end answers a call with the note's number plus one.
func pair(t testing.TB, left, right func(*Call)) (*Link, *Link) {
	t.Helper()
	door, err := Listen("unix:" + t.TempDir() + "/s")
	if err != nil {
		t.Fatal(err)
	}
	defer door.Close()
	dialed, err := Dial(t.Context(), "unix:"+door.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := door.Accept()
	if err != nil {
		t.Fatal(err)
	}
	a, b := NewLink(dialed, left), NewLink(accepted, right)
	t.Cleanup(a.Close)
	t.Cleanup(b.Close)
	return a, b
}

func plusOne(c *Call) {
	n, err := Read[note](c)
	if err != nil {
		c.Fail(err)
		return
	}
	go c.Reply(note{N: n.N + 1, Text: n.Text})
}

func silent(*Call) {}

// Both ends call each other, many at a time, and each call gets its own answer.
func TestCallsInBothDirections(t *testing.T) {
	a, b := pair(t, plusOne, plusOne)
	var all sync.WaitGroup
	for i := range uint64(300) {
		for _, l := range []*Link{a, b} {
			all.Go(func() {
				text := bytes.Repeat([]byte{byte(i)}, int(i*7))
				got, err := Ask[note](t.Context(), l, 1, note{N: i, Text: text})
				if err != nil || got.N != i+1 || !bytes.Equal(got.Text, text) {
					t.Errorf("call %d: %d, %v", i, got.N, err)
				}
			})
		}
	}
	all.Wait()
}

// Calls that were begun one after the other arrive in that order: receipts are judged by it.
func TestBeginKeepsOrder(t *testing.T) {
	var mu sync.Mutex
	var order []uint64
	a, _ := pair(t, silent, func(c *Call) {
		n, err := Read[note](c)
		if err != nil {
			t.Error(err)
		}
		mu.Lock()
		order = append(order, n.N)
		mu.Unlock()
		c.Reply(n)
	})
	var waits []func(context.Context) (note, error)
	for i := range uint64(1000) {
		wait, err := Begin[note](a, 1, note{N: i})
		if err != nil {
			t.Fatal(err)
		}
		waits = append(waits, wait)
	}
	for i := len(waits) - 1; i >= 0; i-- { // the answers may be fetched in any order
		if got, err := waits[i](t.Context()); err != nil || got.N != uint64(i) {
			t.Fatalf("answer %d is %d, %v", i, got.N, err)
		}
	}
	for i, n := range order {
		if n != uint64(i) {
			t.Fatalf("call %d arrived at place %d", n, i)
		}
	}
}

// Closing either end fails everything that waits at both, and every later call, with ErrClosed.
func TestCloseFailsWaiters(t *testing.T) {
	for name, closes := range map[string]func(a, b *Link){
		"own end": func(a, _ *Link) { a.Close() }, "other end": func(_, b *Link) { b.Close() },
		"both ends": func(a, b *Link) { a.Close(); b.Close(); a.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			arrived := make(chan struct{}, 10)
			a, b := pair(t, silent, func(*Call) { arrived <- struct{}{} })
			outcomes := make(chan error, 10)
			for range 10 {
				go func() {
					_, err := Ask[note](context.Background(), a, 1, note{})
					outcomes <- err
				}()
			}
			for range 10 {
				<-arrived
			}
			closes(a, b)
			for range 10 {
				if err := <-outcomes; !errors.Is(err, ErrClosed) {
					t.Errorf("a waiter got %v", err)
				}
			}
			<-a.Done()
			<-b.Done()
			if _, err := Ask[note](context.Background(), a, 1, note{}); !errors.Is(err, ErrClosed) {
				t.Errorf("a later call got %v", err)
			}
		})
	}
}

// A caller that gives up gets its context's error; a late answer disturbs nobody.
func TestGivenUpCall(t *testing.T) {
	held := make(chan *Call, 1)
	a, _ := pair(t, silent, func(c *Call) {
		if c.Kind == 2 {
			held <- c
			return
		}
		plusOne(c)
	})
	ctx, cancel := context.WithCancel(t.Context())
	outcome := make(chan error, 1)
	go func() {
		_, err := Ask[note](ctx, a, 2, note{})
		outcome <- err
	}()
	late := <-held
	cancel()
	if err := <-outcome; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	late.Reply(note{N: 99})
	late.Fail(errors.New("twice"))
	if got, err := Ask[note](t.Context(), a, 1, note{N: 5}); err != nil || got.N != 6 {
		t.Errorf("the next call: %d, %v", got.N, err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.waiting) != 0 {
		t.Errorf("%d calls are still waited for", len(a.waiting))
	}
}

// Of an error, code and message cross; of one without a code, its text.
func TestFaultsCross(t *testing.T) {
	a, _ := pair(t, silent, func(c *Call) {
		switch c.Kind {
		case 1:
			c.Fail(Faultf("fenced", "epoch %d has ended", 7))
		case 2:
			c.Fail(fmt.Errorf("wrapped: %w", Faultf("conflict", "not the next")))
		case 3:
			c.Fail(errors.New("plain"))
		case 4:
			_, err := Read[note](c)
			c.Fail(err)
		case 5:
			c.Reply(make(chan int)) // cannot be encoded
		}
	})
	for kind, want := range map[Kind]Fault{
		1: {Code: "fenced", Message: "epoch 7 has ended"}, 2: {Code: "conflict", Message: "not the next"}, 3: {Code: "internal", Message: "plain"},
		4: {Code: "malformed", Message: "message 4 does not decode"},
	} {
		_, err := Ask[note](t.Context(), a, kind, "not a note")
		var fault *Fault
		if !errors.As(err, &fault) || *fault != want || err.Error() != want.Message {
			t.Errorf("kind %d: %v, want %v", kind, err, want)
		}
	}
	var fault *Fault
	if _, err := Ask[note](t.Context(), a, 5, note{}); !errors.As(err, &fault) || fault.Code != "internal" {
		t.Errorf("an answer that cannot be encoded: %v", err)
	}
	if _, err := Ask[note](t.Context(), a, 1, make(chan int)); err == nil || errors.As(err, &fault) {
		t.Errorf("a question that cannot be encoded: %v", err)
	}
	if _, err := Ask[string](t.Context(), a, 1, note{}); err == nil {
		t.Error("no error")
	}
}

// rawFrame is a frame with a length of the test's choosing.
func rawFrame(length uint32, kind, message byte, id uint64, body []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, length)
	b = append(b, kind, message)
	return append(binary.BigEndian.AppendUint64(b, id), body...)
}

// The frame is what other languages would have to write: its layout is pinned.
func TestFrameIsPinned(t *testing.T) {
	want := []byte{0, 0, 0, 13, 1, 22, 1, 2, 3, 4, 5, 6, 7, 8, 'a', 'b', 'c'}
	if got := appendFrame(nil, typeCall, KindSign, 0x0102030405060708, []byte("abc")); !bytes.Equal(got, want) {
		t.Errorf("frame %x, want %x", got, want)
	}
}

// A frame that lies about its length, or is of an unknown type, ends the link at once, before much is allocated.
func TestHostileFramesEndTheLink(t *testing.T) {
	for why, b := range map[string][]byte{
		"too long":           rawFrame(MaxFrame+1, 1, 1, 1, nil),
		"as long as it can":  rawFrame(1<<32-1, 1, 1, 1, nil),
		"no room for a head": rawFrame(9, 1, 1, 1, nil),
		"empty":              rawFrame(0, 1, 1, 1, nil),
		"type 0":             rawFrame(10, 0, 1, 1, nil),
		"type 4":             rawFrame(10, 4, 1, 1, nil),
		"a fault of garbage": rawFrame(11, typeFault, 1, 1, []byte{0xff}),
		"not a frame":        []byte("GET / HTTP/1.1\r\n\r\n"),
	} {
		t.Run(why, func(t *testing.T) {
			ours, theirs := net.Pipe()
			l := NewLink(theirs, silent)
			defer l.Close()
			if _, err := ours.Write(b); err != nil && !errors.Is(err, io.ErrClosedPipe) {
				t.Fatal(err)
			}
			select {
			case <-l.Done():
			case <-time.After(10 * time.Second):
				t.Error("the link lives on")
			}
		})
	}
}

// Answers to nobody, and answers twice, are dropped.
func TestStrayAnswersAreDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer ours.Close()
		l := NewLink(theirs, plusOne)
		defer l.Close()
		go io.Copy(io.Discard, ours)
		for _, b := range [][]byte{rawFrame(10, typeReply, 1, 7, nil), appendFrame(nil, typeFault, 1, 8, []byte{0x82, 0x61, 'a', 0x61, 'b'})} {
			if _, err := ours.Write(b); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		select {
		case <-l.Done():
			t.Error("a stray answer ended the link")
		default:
		}
	})
}

// A frame of the largest size passes; the link is still good afterwards.
func TestLargestFrame(t *testing.T) {
	a, _ := pair(t, silent, plusOne)
	for _, size := range []int{MaxFrame - 64, 1 << 20, 0} {
		got, err := Ask[note](t.Context(), a, 1, note{N: 1, Text: make([]byte, size)})
		if err != nil || len(got.Text) != size {
			t.Errorf("%d bytes: %d, %v", size, len(got.Text), err)
		}
	}
}

// What does not fit into a frame is an error of the one call, whether it asks or answers; the link is good afterwards.
func TestBeyondTheLargestFrame(t *testing.T) {
	a, _ := pair(t, silent, func(c *Call) {
		if c.Kind == 2 {
			c.Reply(note{Text: make([]byte, MaxFrame)})
			return
		}
		plusOne(c)
	})
	if _, err := Ask[note](t.Context(), a, 1, note{Text: make([]byte, MaxFrame)}); err == nil || errors.Is(err, ErrClosed) {
		t.Errorf("a large question: %v", err)
	}
	var fault *Fault
	if _, err := Ask[note](t.Context(), a, 2, note{}); !errors.As(err, &fault) || fault.Code != "size" {
		t.Errorf("a large answer: %v", err)
	}
	if got, err := Ask[note](t.Context(), a, 1, note{N: 1}); err != nil || got.N != 2 {
		t.Errorf("afterwards: %v %v", got, err)
	}
}

// Addresses are of the one scheme that this tier knows; anything else is an error and not a guess.
func TestAddresses(t *testing.T) {
	for _, address := range []string{"", "unix:", "unix", "/tmp/x", "tcp:127.0.0.1:1", "vsock:3:5", "UNIX:/x"} {
		if _, err := Dial(t.Context(), address); err == nil {
			t.Errorf("%q was dialed", address)
		}
		if _, err := Listen(address); err == nil {
			t.Errorf("%q was listened at", address)
		}
	}
}

// A peer that is there but reads nothing, as a stopped process, counts as gone after a while: otherwise who calls it would
// wait in a write, which no context ends.
func TestSilentReaderIsGone(t *testing.T) {
	ours, theirs := net.Pipe()
	defer theirs.Close()
	l := newLink(ours, silent, 20*time.Millisecond)
	defer l.Close()
	ended := make(chan error, 2)
	for range cap(ended) { // one writes, the other has its frame written
		go func() {
			_, err := Ask[note](context.Background(), l, 1, note{})
			ended <- err
		}()
	}
	for range cap(ended) {
		select {
		case err := <-ended:
			if !errors.Is(err, ErrClosed) {
				t.Errorf("the call ends with %v, want ErrClosed", err)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("a call to a peer that does not read never ends")
		}
	}
}
