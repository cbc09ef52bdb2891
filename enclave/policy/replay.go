package policy

import (
	"container/list"
	"context"
	"crypto/sha256"
	"time"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/proof"
)

// maxCachedAnswers bounds the memory of answers that are kept for retries. An answer that is dropped is made again from
// the log, and is the same.
const maxCachedAnswers = 64 << 20

// replay is what is known of one request: the same body by the same caller is answered alike and has no second effect.
type replay struct {
	key        proof.Hash
	seen       uint64        // Unix milliseconds
	done       chan struct{} // closed when the first one has its answer
	answer     *answer       // nil while in flight, and when it was dropped or made before a restart
	kept       *list.Element // its place among the cached, nil when it has none
	logged     bool          // it has an entry
	index      uint64        // of the entry
	commit     uint64        // that holds the entry
	commitment proof.Hash
	next       *replay // the one seen after it
}

// replays are the requests of the last api.ReplayWindow. The engine's lock guards them.
type replays struct {
	by     map[proof.Hash]*replay
	oldest *replay // the first of the chain of all, in the order in which they were seen
	newest *replay
	cached *list.List    // of *replay with an answer, oldest first
	bytes  int           // of the answers
	over   chan struct{} // closed: those that have ended share it, since there may be a million
}

func newReplays() *replays {
	r := &replays{by: map[proof.Hash]*replay{}, cached: list.New(), over: make(chan struct{})}
	close(r.over)
	return r
}

// replayKey names a request: its body and who sent it. The signature is not part of it, since one signature can be
// turned into another that is as good.
func replayKey(request proof.Hash, caller proof.ID) proof.Hash {
	return sha256.Sum256(append(append([]byte("redoubt/replay/v1\x00"), request[:]...), caller[:]...))
}

// begin returns the request's replay, and whether the caller is the first and must answer it.
func (r *replays) begin(key proof.Hash, now uint64) (*replay, bool) {
	r.forget(now)
	if old := r.by[key]; old != nil {
		return old, false
	}
	p := &replay{key: key, seen: now, done: make(chan struct{})}
	r.add(p)
	return p, true
}

func (r *replays) add(p *replay) {
	r.by[p.key] = p
	if r.oldest == nil {
		r.oldest = p
	} else {
		r.newest.next = p
	}
	r.newest = p
}

// restore adds a request that the log holds from before a restart.
func (r *replays) restore(p *replay) {
	p.done = r.over
	r.add(p)
}

// end tells those who wait. What has no entry and is not final is forgotten, so that a retry starts anew.
func (r *replays) end(p *replay, a answer) {
	p.answer = &a
	close(p.done)
	p.done = r.over
	if !p.logged {
		delete(r.by, p.key) // its place in the order is removed when it grows old
		return
	}
	if a.status != 200 && a.status != api.Status(api.TypeDenied) {
		p.answer = nil // the entry counts, the answer does not: the next retry asks the signer again
		return
	}
	r.keep(p)
}

// keep holds on to an answer, and drops the oldest ones when there is too much of them.
func (r *replays) keep(p *replay) {
	p.kept = r.cached.PushBack(p)
	r.bytes += p.answer.size()
	for r.bytes > maxCachedAnswers {
		r.drop(r.cached.Front().Value.(*replay))
	}
}

// drop forgets a kept answer.
func (r *replays) drop(p *replay) {
	if p.kept == nil {
		return
	}
	r.cached.Remove(p.kept)
	r.bytes -= p.answer.size()
	p.kept, p.answer = nil, nil
}

func (r *replays) forget(now uint64) {
	for p := r.oldest; p != nil; p = r.oldest {
		if p.seen+uint64(api.ReplayWindow/time.Millisecond) > now {
			return
		}
		r.oldest = p.next
		r.drop(p)
		if r.by[p.key] == p {
			delete(r.by, p.key)
		}
	}
}

// once runs do for the first of several equal requests and gives its answer to all of them. For one whose entry is in
// the log but whose answer is not at hand, again makes the answer from the entry.
func (e *Engine) once(ctx context.Context, key proof.Hash, now uint64, do func(*replay) answer, again func(*replay) answer) answer {
	e.mu.Lock()
	p, first := e.replays.begin(key, now)
	done := p.done
	e.mu.Unlock()
	if first {
		a := do(p)
		e.mu.Lock()
		e.replays.end(p, a)
		e.mu.Unlock()
		return a
	}
	e.stats.repeated.Add(1)
	select {
	case <-done:
	case <-ctx.Done():
		return unavailable("the first of these equal requests is not answered yet")
	}
	e.mu.Lock()
	a, logged := p.answer, p.logged
	e.mu.Unlock()
	if a != nil {
		return *a
	}
	if !logged {
		return unavailable("the first of these equal requests failed")
	}
	made := again(p)
	e.mu.Lock()
	defer e.mu.Unlock()
	if p.answer == nil && made.final() {
		p.answer = &made
		e.replays.keep(p)
	}
	return made
}
