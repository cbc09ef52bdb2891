package certifier

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

func faultCode(err error) string {
	var fault *wire.Fault
	if errors.As(err, &fault) {
		return fault.Code
	}
	return ""
}

// The anchor moves along the chain of heads and nowhere else, and a refused request moves it not at all.
func TestAnchorMovesOnlyForward(t *testing.T) {
	r := newRig(t)
	epoch := r.opened(t).Epoch
	var chain []proof.Head
	for head := r.state.Head; len(chain) < 8; chain = append(chain, head) {
		head = next(t, head, epoch)
	}
	move := func(heads ...proof.Head) (wire.Anchored, error) {
		return r.moveAnchor(wire.AnchorRequest{Epoch: epoch, Heads: heads})
	}
	if _, err := move(chain[0]); err != nil {
		t.Fatal(err)
	}
	receipt, err := move(chain[1], chain[2], chain[3])
	if err != nil {
		t.Fatal(err)
	}
	if receipt.Receipt.Receipt.Head != chain[3] {
		t.Errorf("the receipt is for head %d, want 4", receipt.Receipt.Receipt.Head.Index)
	}
	if err := receipt.Receipt.Verify(r.manifest.Certifier); err != nil {
		t.Error(err)
	}
	edited := func(edit func(*proof.Head)) proof.Head {
		head := chain[4]
		edit(&head)
		return head
	}
	for why, heads := range map[string][]proof.Head{
		"the same head again":            {chain[3]},
		"an older head":                  {chain[1]},
		"the first head":                 {chain[0]},
		"a head that skips one":          {chain[5]},
		"a chain with a gap":             {chain[4], chain[6]},
		"a chain that is reversed":       {chain[5], chain[4]},
		"a chain that repeats":           {chain[4], chain[4]},
		"a head of another shard":        {edited(func(h *proof.Head) { h.Shard[0]++ })},
		"a head of another version":      {edited(func(h *proof.Head) { h.Version = 2 })},
		"a head that links elsewhere":    {edited(func(h *proof.Head) { h.Previous[31]++ })},
		"a shrinking log":                {edited(func(h *proof.Head) { h.Size = 1 })},
		"a head from before this epoch":  {edited(func(h *proof.Head) { h.Epoch = 0 })},
		"a head from a future epoch":     {edited(func(h *proof.Head) { h.Epoch = epoch + 1 })},
		"a good head and then a bad one": {chain[4], edited(func(h *proof.Head) { h.Index = 6 })},
	} {
		if _, err := move(heads...); faultCode(err) != "conflict" && faultCode(err) != "refused" {
			t.Errorf("%s: %v", why, err)
		}
		if r.state.Head != chain[3] {
			t.Fatalf("%s moved the anchor", why)
		}
	}
	r.reopen(t)
	if r.state.Head != chain[3] {
		t.Errorf("after a restart the anchor is at head %d", r.state.Head.Index)
	}
	if _, err := move(chain[4]); err != nil {
		t.Errorf("the anchor does not go on: %v", err)
	}
}

// Of two heads for one place, one is receipted: two histories never both get a receipt.
func TestOneOfTwoForksIsAnchored(t *testing.T) {
	r := newRig(t)
	epoch := r.opened(t).Epoch
	for range 50 {
		base := r.state.Head
		forks := [2]proof.Head{next(t, base, epoch), next(t, base, epoch)}
		forks[1].State[0] = 0xff
		var outcomes [2]error
		var all sync.WaitGroup
		for i, head := range forks {
			all.Go(func() {
				_, outcomes[i] = r.moveAnchor(wire.AnchorRequest{Epoch: epoch, Heads: []proof.Head{head}})
			})
		}
		all.Wait()
		if (outcomes[0] == nil) == (outcomes[1] == nil) {
			t.Fatalf("head %d: outcomes %v and %v", base.Index+1, outcomes[0], outcomes[1])
		}
	}
}

// A new writer fences the old one, also when the certifier restarts between them.
func TestEpochFencesTheOldWriter(t *testing.T) {
	r := newRig(t)
	old := r.opened(t)
	if _, err := r.moveAnchor(wire.AnchorRequest{Epoch: old.Epoch, Heads: []proof.Head{next(t, r.state.Head, old.Epoch)}}); err != nil {
		t.Fatal(err)
	}
	young := r.opened(t)
	if young.Epoch != old.Epoch+1 || young.Receipt.Receipt.Head != r.state.Head {
		t.Errorf("epoch %d after %d, head %d", young.Epoch, old.Epoch, young.Receipt.Receipt.Head.Index)
	}
	for range 2 {
		for _, epoch := range []uint64{0, old.Epoch, young.Epoch + 1} {
			_, err := r.moveAnchor(wire.AnchorRequest{Epoch: epoch, Heads: []proof.Head{next(t, r.state.Head, epoch)}})
			if faultCode(err) != "fenced" {
				t.Errorf("a writer of epoch %d: %v", epoch, err)
			}
		}
		r.reopen(t)
	}
	if _, err := r.moveAnchor(wire.AnchorRequest{Epoch: young.Epoch, Heads: []proof.Head{next(t, r.state.Head, young.Epoch)}}); err != nil {
		t.Errorf("the new writer is fenced too: %v", err)
	}
	if again := r.opened(t); again.Epoch != young.Epoch+1 {
		t.Errorf("epoch %d after %d and a restart", again.Epoch, young.Epoch)
	}
}

// setClock gives the certifier clocks of the test's own.
func (r *rig) setClock(wall time.Time, boot time.Duration) (setWall func(time.Time), setBoot func(time.Duration)) {
	c := r.clock
	c.wall, c.boot = func() time.Time { return wall }, func() time.Duration { return boot }
	c.base, c.at = wall, boot
	return func(w time.Time) { wall = w }, func(b time.Duration) { boot = b }
}

// A wall clock that leaps while the certifier runs would open time locks, so nothing is signed until it is set right. One
// that runs back stands still.
func TestClockLeaps(t *testing.T) {
	r := newRig(t)
	epoch := r.opened(t).Epoch
	start := time.Now().Add(time.Hour)
	setWall, setBoot := r.setClock(start, time.Hour)
	at := func(wall, boot time.Duration) (uint64, error) {
		setWall(start.Add(wall))
		setBoot(time.Hour + boot)
		answer, err := r.newest(wire.Empty{})
		return answer.Receipt.Receipt.Time, err
	}
	begin := uint64(start.UnixMilli())
	for _, step := range []struct {
		wall, boot time.Duration
		want       uint64 // milliseconds after the start
		refused    bool
	}{
		{0, 0, 0, false},
		{time.Second, time.Second, 1000, false},
		{61 * time.Second, time.Second, 61_000, false},            // exactly 60 s ahead
		{61*time.Second + time.Millisecond, time.Second, 0, true}, // a little more
		{25 * time.Hour, 2 * time.Second, 0, true},
		{30 * time.Second, 2 * time.Second, 61_000, false}, // back again: it stands still
		{-time.Hour, 3 * time.Second, 61_000, false},
		{25 * time.Hour, 25 * time.Hour, 25 * 3600 * 1000, false}, // a day really passed, perhaps in suspension
	} {
		got, err := at(step.wall, step.boot)
		if step.refused {
			if faultCode(err) != "clock" {
				t.Errorf("wall %v, boot %v: time %d, %v", step.wall, step.boot, got, err)
			}
			head := next(t, r.state.Head, epoch)
			if _, err := r.moveAnchor(wire.AnchorRequest{Epoch: epoch, Heads: []proof.Head{head}}); faultCode(err) != "clock" {
				t.Errorf("wall %v, boot %v: a head is anchored: %v", step.wall, step.boot, err)
			}
			if _, err := r.open(wire.Empty{}); faultCode(err) != "clock" {
				t.Errorf("wall %v, boot %v: a writer opens: %v", step.wall, step.boot, err)
			}
			continue
		}
		if err != nil || got != begin+step.want {
			t.Errorf("wall %v, boot %v: time %d after the start, want %d: %v", step.wall, step.boot, got-begin, step.want, err)
		}
	}
}

// Time that was once given is never taken back, also when the certifier restarts on a machine whose clock was set back:
// what had expired would live again.
func TestTimeNeverFallsAcrossRestarts(t *testing.T) {
	r := newRig(t)
	epoch := r.opened(t).Epoch
	start := time.Now().Add(time.Hour)
	give := map[string]func() (proof.SignedReceipt, error){
		"anchor": func() (proof.SignedReceipt, error) {
			a, err := r.moveAnchor(wire.AnchorRequest{Epoch: epoch, Heads: []proof.Head{next(t, r.state.Head, epoch)}})
			return a.Receipt, err
		},
		"newest": func() (proof.SignedReceipt, error) { a, err := r.newest(wire.Empty{}); return a.Receipt, err },
		"open": func() (proof.SignedReceipt, error) {
			a, err := r.open(wire.Empty{})
			epoch = a.Epoch
			return a.Receipt, err
		},
	}
	for _, by := range []string{"open", "anchor", "newest", "newest", "anchor"} {
		start = start.Add(40 * time.Second)
		r.setClock(start, time.Hour)
		receipt, err := give[by]()
		if err != nil || receipt.Receipt.Time != uint64(start.UnixMilli()) {
			t.Fatalf("%s: time %d, %v", by, receipt.Receipt.Time, err)
		}
		r.reopen(t)
		r.setClock(start.Add(-30*time.Minute), time.Second)
		again, err := r.newest(wire.Empty{})
		if err != nil || again.Receipt.Receipt.Time < receipt.Receipt.Time {
			t.Errorf("%s gave time %d; after a restart it is %d: %v", by, receipt.Receipt.Time, again.Receipt.Receipt.Time, err)
		}
	}
}
