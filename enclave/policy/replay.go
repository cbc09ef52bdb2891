package policy

import (
	"context"
	"crypto/sha256"
	"time"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/proof"
)

// maxCachedAnswers bounds the bytes of answers that are kept for retries. An answer that is dropped is made again from
// the log, and is the same.
const maxCachedAnswers = 16 << 20

// replay is what is known of one request: the same body by the same caller is answered alike and has no second effect.
type replay struct {
	key     proof.Hash
	done    chan struct{} // closed when the first one has its answer
	answer  *answer       // nil while in flight, and when it was dropped or made before a restart
	logged  bool          // it has an entry
	run     *run          // of a request that waited for approvals, nil for others
	passkey *passkeyUse   // of a request that a passkey stamped, nil for others
	place                 // of that entry; the commit is 0 until it is made
}

// place is where the entry of a request stands in the log. It has no pointers, so that a million of them cost the
// garbage collector nothing.
type place struct {
	index      uint64
	commit     uint64 // that holds the entry
	commitment proof.Hash
}

// replays are the requests of the last api.ReplayWindow. The engine's lock guards them.
type replays struct {
	open    map[proof.Hash]*replay // not answered or not committed yet
	places  *aged[proof.Hash, place]
	answers *aged[proof.Hash, *answer]
	over    chan struct{} // closed: what is settled has it as done
}

func newReplays() *replays {
	window := uint64(api.ReplayWindow / time.Millisecond)
	r := &replays{
		open:    map[proof.Hash]*replay{},
		places:  newAged[proof.Hash, place](window, 0),
		answers: newAged[proof.Hash, *answer](window, maxCachedAnswers),
		over:    make(chan struct{}),
	}
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
	if p := r.open[key]; p != nil {
		return p, false
	}
	if at, ok := r.places.get(key); ok {
		a, _ := r.answers.get(key)
		return &replay{key: key, done: r.over, answer: a, logged: true, place: at}, false
	}
	p := &replay{key: key, done: make(chan struct{})}
	r.open[key] = p
	return p, true
}

// end tells those who wait. What has no entry is forgotten, so that a retry starts anew.
func (r *replays) end(p *replay, a answer, now uint64) {
	p.answer = &a
	close(p.done)
	p.done = r.over
	if !p.logged {
		delete(r.open, p.key)
		return
	}
	if !a.kept() {
		p.answer = nil // the entry counts, the answer does not: the next retry asks the signer again
	}
	r.settle(p, now)
}

// committed notes which commit holds the request's entry.
func (r *replays) committed(p *replay, commit uint64, commitment proof.Hash, now uint64) {
	p.commit, p.commitment = commit, commitment
	r.settle(p, now)
}

// settle moves a request that is answered and committed to those of which only the place and the answer are kept.
func (r *replays) settle(p *replay, now uint64) {
	if p.done != r.over || p.commit == 0 {
		return
	}
	if r.open[p.key] == p {
		delete(r.open, p.key)
	}
	if newer, ok := r.places.get(p.key); ok && newer.index > p.index {
		return // it waited for approvals, and was done before its first answer was out
	}
	r.places.put(p.key, p.place, now, 0)
	if p.answer != nil {
		r.keep(p.key, p.answer, now)
	}
}

// keep holds on to an answer for the next retry.
func (r *replays) keep(key proof.Hash, a *answer, now uint64) {
	if _, ok := r.answers.get(key); !ok {
		r.answers.put(key, a, now, a.size())
	}
}

func (r *replays) forget(now uint64) {
	r.places.forget(now)
	r.answers.forget(now)
}

// once runs do for the first of several equal requests and gives its answer to all of them. For one whose entry is in
// the log but whose answer is not at hand, again makes the answer from the entry. instead, unless it is nil, may have
// another answer than that of the first: when what was allowed then is not now.
func (e *Engine) once(ctx context.Context, key proof.Hash, now uint64, do func(*replay) answer, instead func() *answer, again func(*replay) answer) answer {
	e.mu.Lock()
	p, first := e.replays.begin(key, now)
	done := p.done
	e.mu.Unlock()
	if first {
		a := do(p)
		e.mu.Lock()
		e.replays.end(p, a, now)
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
	if logged && instead != nil && (a == nil || a.status == 200) {
		if other := instead(); other != nil {
			return *other
		}
	}
	if a != nil {
		return *a
	}
	if !logged {
		return unavailable("the first of these equal requests failed")
	}
	made := again(p)
	e.mu.Lock()
	defer e.mu.Unlock()
	if made.kept() {
		e.replays.keep(key, &made, now)
	}
	return made
}
