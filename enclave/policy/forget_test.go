package policy

import (
	"testing"
	"time"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/proof"
)

// What is remembered of requests ends with their window: at any rate, nothing may stay behind for ever.
func TestForgottenRequestsLeaveNothing(t *testing.T) {
	r := newReplays()
	window := uint64(api.ReplayWindow / time.Millisecond)
	now := uint64(1_700_000_000_000)
	for i := range uint64(10_000) {
		now += window / 100
		key := proof.Hash{byte(i >> 8), byte(i)}
		p, first := r.begin(key, now)
		if !first {
			t.Fatalf("request %d is known already", i)
		}
		p.logged = i%3 != 0
		r.end(p, answer{status: 200, body: make([]byte, 100)})
		if n := max(len(r.by), chained(r), r.cached.Len()); n > 101 {
			t.Fatalf("after %d requests %d are remembered, %d in order, %d answers", i+1, len(r.by), chained(r), r.cached.Len())
		}
	}
	r.forget(now + window)
	if len(r.by) != 0 || chained(r) != 0 || r.cached.Len() != 0 || r.bytes != 0 {
		t.Errorf("left: %d, %d in order, %d answers, %d bytes", len(r.by), chained(r), r.cached.Len(), r.bytes)
	}
}

func chained(r *replays) int {
	n := 0
	for p := r.oldest; p != nil; p = p.next {
		n++
	}
	return n
}

// When there is too much of them the oldest answers go, and only those.
func TestKeptAnswersAreBounded(t *testing.T) {
	r := newReplays()
	for i := range uint64(100) {
		key := proof.Hash{byte(i >> 8), byte(i)}
		p, _ := r.begin(key, 1_700_000_000_000)
		p.logged = true
		r.end(p, answer{status: 200, body: make([]byte, maxCachedAnswers/10)})
		if r.bytes > maxCachedAnswers {
			t.Fatalf("%d bytes are kept", r.bytes)
		}
		if p.answer == nil {
			t.Fatalf("the newest answer is dropped")
		}
	}
	if len(r.by) != 100 || r.cached.Len() != 9 {
		t.Errorf("%d requests, %d answers", len(r.by), r.cached.Len())
	}
}
