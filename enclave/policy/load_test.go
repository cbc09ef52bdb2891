package policy

import (
	"testing"

	"github.com/redoubt-kms/redoubt/api"
	hostdesk "github.com/redoubt-kms/redoubt/host/desk"
	"github.com/redoubt-kms/redoubt/internal/ledger"
	"github.com/redoubt-kms/redoubt/internal/wire"
)

// A commit is cut where it grows too long for a frame, which would end the link and with it the engine, for everybody; what
// is left is the next one, in the same order.
func TestCommitsAreCut(t *testing.T) {
	e := &Engine{}
	for i := range uint64(2000) {
		p := &proposal{entry: ledger.Entry{Index: i}}
		switch i % 4 {
		case 0:
			p.body = make([]byte, api.MaxBody)
		case 1:
			p.entry.Outcome = make([]byte, 100_000)
		case 2:
			p.order = &order{payload: make([]byte, 200_000)}
		}
		e.queue = append(e.queue, p)
	}
	next := uint64(0)
	for len(e.queue) > 0 {
		taken, size := e.take(), 0
		for _, p := range taken {
			if p.entry.Index != next {
				t.Fatalf("entry %d in the place of entry %d", p.entry.Index, next)
			}
			next++
			size += p.size()
		}
		if len(taken) == 0 || len(taken) > maxBatch || size > maxBatchBytes+api.MaxBody {
			t.Fatalf("%d proposals of %d bytes are taken at once", len(taken), size)
		}
	}
	for range 3 * maxBatch {
		e.queue = append(e.queue, &proposal{})
	}
	if n := len(e.take()); n != maxBatch {
		t.Errorf("%d small proposals are taken at once, want %d", n, maxBatch)
	}
}

// A store cuts pages of large commits, so that they fit into a frame; the engine asks on until it has what it needs.
func TestStartAsksForCutPages(t *testing.T) {
	r := newRig(t)
	o := r.tenant(t)
	var last []byte
	for range 150 {
		last = r.body(t, api.CreateWallet, object{"organizationId": o.id, "walletName": "w"})
		if a := r.send(t, o.key, last); a.Status != 200 {
			t.Fatalf("%d %s", a.Status, a.Result)
		}
	}
	size := r.entries(t)
	r.stop()
	r.between = func(s hostdesk.Store) hostdesk.Store {
		return &evil{Store: s, commits: func(c []wire.Commit) []wire.Commit { return c[:min(len(c), 1)] }}
	}
	r.start(t)
	if a := r.send(t, o.key, last); a.Status != 200 || r.entries(t) != size {
		t.Errorf("%d %s, %d entries after %d", a.Status, a.Result, r.entries(t), size)
	}
}
