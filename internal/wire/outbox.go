package wire

import (
	"encoding/binary"
	"slices"
	"sync"
)

// outbox gathers frames until somebody writes them.
type outbox struct {
	mu      sync.Mutex
	drained sync.Cond // of mu
	frames  []byte
	spare   []byte // the buffer before, to be filled again
	writing bool   // somebody is at it
	closed  bool
}

const (
	maxWaiting = 2 * MaxFrame // bytes that wait before those who send more have to
	maxSpare   = 256 << 10    // what is kept of a buffer for the next frames
)

// put adds a frame, and says whether the caller must write: nobody else does.
func (o *outbox) put(kind byte, message Kind, id uint64, body []byte) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.frames) > maxWaiting && !o.closed {
		o.drained.Wait()
	}
	if o.closed {
		return false
	}
	o.frames = appendFrame(o.frames, kind, message, id, body)
	first := !o.writing
	o.writing = true
	return first
}

// take returns the frames to write, valid until the next call; nil when there are none, and the writer may go.
func (o *outbox) take() []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.frames) == 0 || o.closed {
		o.writing = false
		return nil
	}
	taken := o.frames
	o.frames, o.spare = o.spare[:0], nil
	if cap(taken) <= maxSpare {
		o.spare = taken
	}
	o.drained.Broadcast()
	return taken
}

func (o *outbox) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed, o.frames = true, nil
	o.drained.Broadcast()
}

func appendFrame(to []byte, kind byte, message Kind, id uint64, body []byte) []byte {
	to = slices.Grow(to, headerSize+len(body))
	to = binary.BigEndian.AppendUint32(to, uint32(headerSize-4+len(body)))
	to = append(to, kind, byte(message))
	to = binary.BigEndian.AppendUint64(to, id)
	return append(to, body...)
}
