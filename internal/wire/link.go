package wire

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"runtime"
	"sync"
	"time"

	"github.com/redoubt-kms/redoubt/proof"
)

// MaxFrame bounds a frame, so that a peer cannot make us allocate more.
const MaxFrame = 32 << 20

// maxBody is how much of a frame is the message.
const maxBody = MaxFrame - (headerSize - 4)

// writeBudget is how long a peer may take to read what is sent at once. Whoever reads nothing for so long counts as gone:
// a write hears of no context, and who calls would wait for it, whatever its deadline.
const writeBudget = 10 * time.Second

// Link is one end of a connection over which both sides call each other.
type Link struct {
	conn  net.Conn
	serve func(*Call)
	out   outbox
	done  chan struct{}

	writeBudget time.Duration

	mu      sync.Mutex
	next    uint64
	waiting map[uint64]chan result
	err     error
}

type result struct {
	body []byte
	err  error
}

// NewLink runs a link over a connection. serve is called for each call of the peer, in the order in which they arrive,
// on the reading goroutine: it must not block, and starts a goroutine for what takes time.
func NewLink(conn net.Conn, serve func(*Call)) *Link { return newLink(conn, serve, writeBudget) }

func newLink(conn net.Conn, serve func(*Call), budget time.Duration) *Link {
	l := &Link{conn: conn, serve: serve, done: make(chan struct{}), writeBudget: budget, waiting: map[uint64]chan result{}}
	l.out.drained.L = &l.out.mu
	go l.read()
	return l
}

// Done is closed when the link is.
func (l *Link) Done() <-chan struct{} { return l.done }

// Close ends the link; calls that wait fail with ErrClosed.
func (l *Link) Close() { l.fail(ErrClosed) }

func (l *Link) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return
	}
	l.err = err
	close(l.done)
	l.conn.Close()
	l.out.close()
	for id, ch := range l.waiting {
		delete(l.waiting, id)
		ch <- result{err: fmt.Errorf("%w: %w", ErrClosed, err)}
	}
}

// pending is a call that waits for its answer.
type pending struct {
	link *Link
	id   uint64
	ch   chan result
}

func (l *Link) begin(kind Kind, body []byte) pending {
	p := pending{link: l, ch: make(chan result, 1)}
	if len(body) > maxBody {
		p.ch <- result{err: fmt.Errorf("a message of %d bytes does not fit into a frame", len(body))}
		return p
	}
	l.mu.Lock()
	if l.err != nil {
		l.mu.Unlock()
		p.ch <- result{err: ErrClosed}
		return p
	}
	l.next++
	p.id = l.next
	l.waiting[p.id] = p.ch
	l.mu.Unlock()
	l.send(typeCall, kind, p.id, body)
	return p
}

func (p pending) wait(ctx context.Context) ([]byte, error) {
	select {
	case r := <-p.ch:
		return r.body, r.err
	case <-ctx.Done():
		p.link.mu.Lock()
		delete(p.link.waiting, p.id)
		p.link.mu.Unlock()
		return nil, ctx.Err()
	}
}

// send writes a frame, together with those of others that are ready too. No goroutine is woken for it: whoever finds
// nobody writing writes for all.
func (l *Link) send(kind byte, message Kind, id uint64, body []byte) {
	if !l.out.put(kind, message, id, body) {
		return
	}
	runtime.Gosched() // let those that are nearly ready join
	for frames := l.out.take(); frames != nil; frames = l.out.take() {
		err := l.conn.SetWriteDeadline(time.Now().Add(l.writeBudget))
		if err == nil {
			_, err = l.conn.Write(frames)
		}
		if err != nil {
			l.fail(err)
			return
		}
	}
}

func (l *Link) read() {
	r := bufio.NewReaderSize(l.conn, 64<<10)
	for {
		if err := l.readFrame(r); err != nil {
			l.fail(err)
			return
		}
	}
}

func (l *Link) readFrame(r *bufio.Reader) error {
	var header [headerSize]byte
	if err := readFull(r, header[:]); err != nil {
		return err
	}
	length := binary.BigEndian.Uint32(header[:4])
	if length < headerSize-4 || length > MaxFrame {
		return fmt.Errorf("frame of %d bytes", length)
	}
	body := make([]byte, length-(headerSize-4))
	if err := readFull(r, body); err != nil {
		return err
	}
	kind, id := Kind(header[5]), binary.BigEndian.Uint64(header[6:])
	switch header[4] {
	case typeCall:
		l.serve(&Call{Kind: kind, Body: body, link: l, id: id})
		return nil
	case typeReply:
		l.deliver(id, result{body: body})
		return nil
	case typeFault:
		fault := new(Fault)
		if err := proof.DecodeFrame(body, fault); err != nil {
			return err
		}
		l.deliver(id, result{err: fault})
		return nil
	}
	return errors.New("frame of unknown type")
}

func (l *Link) deliver(id uint64, r result) {
	l.mu.Lock()
	ch := l.waiting[id]
	delete(l.waiting, id)
	l.mu.Unlock()
	if ch != nil {
		ch <- r
	}
}
