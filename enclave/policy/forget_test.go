package policy

import (
	"testing"
	"time"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/proof"
)

// played has a request begin, committed unless it has no entry, and answered.
func played(t *testing.T, r *replays, i, now uint64, logged bool, a answer) {
	t.Helper()
	p, first := r.begin(proof.Hash{byte(i >> 8), byte(i)}, now)
	if !first {
		t.Fatalf("request %d is known already", i)
	}
	if p.logged = logged; logged {
		r.committed(p, 1, proof.Hash{}, now)
	}
	r.end(p, a, now)
}

func (a *aged[K, V]) size() int {
	n := 0
	for _, p := range a.parts {
		n += len(p.by)
	}
	return n
}

// What is remembered of requests ends with their window: at any rate, nothing may stay behind for ever.
func TestForgottenRequestsLeaveNothing(t *testing.T) {
	r := newReplays()
	window := uint64(api.ReplayWindow / time.Millisecond)
	now := uint64(1_700_000_000_000)
	for i := range uint64(10_000) {
		now += window / 100
		played(t, r, i, now, i%3 != 0, answer{status: 200, body: make([]byte, 100)})
		if n := max(len(r.open), r.places.size(), r.answers.size()); n > 101*(generations+1)/generations {
			t.Fatalf("after %d requests %d are open, %d remembered, %d answers", i+1, len(r.open), r.places.size(), r.answers.size())
		}
	}
	r.forget(now + window*(generations+1)/generations)
	if len(r.open) != 0 || len(r.places.parts) != 0 || len(r.answers.parts) != 0 {
		t.Errorf("left: %d open, %d places, %d answers", len(r.open), r.places.size(), r.answers.size())
	}
}

// A request is remembered for the whole window, whatever comes after it.
func TestRequestsAreRememberedForTheirWindow(t *testing.T) {
	r := newReplays()
	window := uint64(api.ReplayWindow / time.Millisecond)
	start := uint64(1_700_000_000_000)
	const n = 1000
	for i := range uint64(n) {
		now := start + i*window/100
		played(t, r, i, now, true, answer{status: 200})
		for j := i - min(i, 99); j <= i; j++ {
			if p, first := r.begin(proof.Hash{byte(j >> 8), byte(j)}, now); first || p.answer == nil || p.commit != 1 {
				t.Fatalf("request %d is forgotten after %d ms", j, (i-j)*window/100)
			}
		}
	}
}

// When there is too much of them the oldest answers go, and only those.
func TestKeptAnswersAreBounded(t *testing.T) {
	r := newReplays()
	const now = 1_700_000_000_000
	for i := range uint64(200) {
		played(t, r, i, now, true, answer{status: 200, body: make([]byte, maxCachedAnswers/20)})
		if r.answers.weight() > maxCachedAnswers {
			t.Fatalf("%d bytes are kept", r.answers.weight())
		}
		if p, _ := r.begin(proof.Hash{byte(i >> 8), byte(i)}, now); p.answer == nil {
			t.Fatalf("the newest answer is dropped")
		}
	}
	if r.places.size() != 200 || r.answers.size() < 14 || r.answers.size() > 19 {
		t.Errorf("%d requests, %d answers", r.places.size(), r.answers.size())
	}
}

// A request whose caller went away before its commit is still one request: the retry waits for the commit.
func TestAnsweredBeforeItsCommit(t *testing.T) {
	r := newReplays()
	const now = 1_700_000_000_000
	p, _ := r.begin(proof.Hash{1}, now)
	p.logged, p.index = true, 7
	r.end(p, unavailable("gone"), now)
	if again, first := r.begin(proof.Hash{1}, now); first || again != p || again.answer != nil {
		t.Fatalf("the retry gets %+v, first %t", again, first)
	}
	r.committed(p, 3, proof.Hash{2}, now)
	again, first := r.begin(proof.Hash{1}, now)
	if first || again.place != (place{index: 7, commit: 3, commitment: proof.Hash{2}}) || len(r.open) != 0 {
		t.Errorf("after the commit: %+v, first %t, %d open", again, first, len(r.open))
	}
}
