package policy

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redoubt-kms/redoubt/api"
	hostdesk "github.com/redoubt-kms/redoubt/host/desk"
	"github.com/redoubt-kms/redoubt/internal/id"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/wire"
)

// The power goes between the last approval and what it approves, before or after that is stored. Whoever asks next finds
// it done once.
func TestPowerGoesBeforeWhatWasApproved(t *testing.T) {
	for name, stored := range map[string]bool{"before it is stored": false, "after it is stored": true} {
		for _, next := range []string{"who approved", "who asked", "another who approves"} {
			t.Run(name+", "+next, func(t *testing.T) {
				r := newRig(t)
				c := r.crew(t, requires(needsApproval, group(1, "security")))
				body := r.body(t, api.SignTransaction, c.payment(t, 1))
				w := waits(t, r.send(t, c.agent, body))
				r.stop()
				var commits atomic.Int32
				r.between = func(s hostdesk.Store) hostdesk.Store {
					return &evil{Store: s, append: func(ctx context.Context, row wire.Commit) error {
						if commits.Add(1) == 1 {
							return s.Append(ctx, row)
						}
						if stored {
							return errors.Join(s.Append(ctx, row), errors.New("the power is gone"))
						}
						return errors.New("the power is gone")
					}}
				}
				r.start(t)
				sent := r.body(t, api.ApproveRequest, c.about(w))
				a, _ := r.desk.Request(t.Context(), wire.KindRequest, r.request(c.as(t, "sec1"), sent)) // no answer is an answer here
				if a.Status == 200 || commits.Load() != 2 {
					t.Fatalf("%d %s after %d commits", a.Status, a.Result, commits.Load())
				}
				r.between = nil
				r.restart(t)
				before := r.entries(t)
				switch next {
				case "who approved":
					if a := r.send(t, c.as(t, "sec1"), sent); a.Status != 200 || !strings.Contains(string(a.Result), api.RequestExecuted) {
						t.Errorf("%d %s", a.Status, a.Result)
					}
				case "who asked":
					if a := r.send(t, c.agent, body); a.Status != 200 {
						t.Errorf("%d %s", a.Status, a.Result)
					}
				default:
					if a := r.call(t, c.as(t, "sec2"), api.ApproveRequest, c.about(w)); a.Status != 200 && errorType(a) != api.TypeConflict {
						t.Errorf("%d %s", a.Status, a.Result)
					}
				}
				a = r.send(t, c.agent, body)
				got := c.get(t, r, c.agent, w)
				if a.Status != 200 || got.Outcome == nil || string(got.Outcome.Result) != string(a.Result) {
					t.Errorf("%d %s and %+v", a.Status, a.Result, got.Outcome)
				}
				grown, most := r.entries(t)-before, uint64(2)
				if stored || next != "another who approves" {
					most = 1
				}
				if stored && grown != 0 || grown > most {
					t.Errorf("%d entries", grown)
				}
			})
		}
	}
}

// A host that hands over the record as it was before a veto or an approval is not believed.
func TestHostRollsBackApprovals(t *testing.T) {
	r := newRig(t)
	c := r.crew(t, requires(needsApproval, group(1, "security")))
	w := waits(t, r.call(t, c.agent, api.SignTransaction, c.payment(t, 1)))
	request, err := id.Parse(w.ID)
	if err != nil {
		t.Fatal(err)
	}
	organization, err := id.Parse(c.id)
	if err != nil {
		t.Fatal(err)
	}
	key := waitingKey(organization, request)
	old, err := r.store.Records(t.Context(), [][]byte{key[:]})
	if err != nil || len(old[0]) == 0 {
		t.Fatal(err)
	}
	must[api.Decided](t, r, c.as(t, "sec1"), api.RejectRequest, c.about(w))
	r.stop()
	r.between = func(s hostdesk.Store) hostdesk.Store {
		var asked [][]byte
		return &evil{Store: s, before: func(keys [][]byte) { asked = keys }, records: func(sealed [][]byte) [][]byte {
			if at := slices.IndexFunc(asked, func(k []byte) bool { return string(k) == string(key[:]) }); at >= 0 {
				sealed[at] = old[0]
			}
			return sealed
		}}
	}
	r.start(t)
	if a := r.call(t, c.as(t, "sec2"), api.ApproveRequest, c.about(w)); a.Status != 503 {
		t.Errorf("%d %s", a.Status, a.Result)
	}
	if a := r.call(t, c.agent, api.GetRequest, object{"organizationId": c.id, "requestId": w.ID}); a.Status != 503 {
		t.Errorf("%d %s", a.Status, a.Result)
	}
}

// What was not approved in time is not done, however many approve it then, and it makes room.
func TestApprovalExpires(t *testing.T) {
	r := newRig(t)
	rule := requires(needsApproval, group(1, "security"))
	rule["expiresInMs"] = 1
	c := r.crew(t, rule)
	body := r.body(t, api.SignTransaction, c.payment(t, 1))
	w := waits(t, r.send(t, c.agent, body))
	for c.get(t, r, c.agent, w).Approval.Status == api.RequestPending { // the anchored time moves on by itself
	}
	if a := r.call(t, c.as(t, "sec1"), api.ApproveRequest, c.about(w)); errorType(a) != api.TypeConflict || !strings.Contains(string(a.Result), api.RequestExpired) {
		t.Errorf("%d %s", a.Status, a.Result)
	}
	if a := r.send(t, c.agent, body); a.Status != 403 || !strings.Contains(string(a.Result), "in time") {
		t.Errorf("%d %s", a.Status, a.Result)
	}
	if got := c.get(t, r, c.agent, w); got.Approval.Status != api.RequestExpired || got.Outcome != nil {
		t.Errorf("%+v", got)
	}
}

// So many requests wait, and no more; the list shows each to those whom it concerns.
func TestWaitingIsBounded(t *testing.T) {
	r := newRig(t)
	c := r.crew(t, requires(needsApproval, group(1, "security")))
	const most = 256
	var first api.Approval
	for i := range most {
		w := waits(t, r.call(t, c.agent, api.SignTransaction, c.payment(t, int64(i))))
		if i == 0 {
			first = w
		}
	}
	last := r.body(t, api.SignTransaction, c.payment(t, 0))
	if a := r.send(t, c.agent, last); errorType(a) != api.TypeLimit {
		t.Fatalf("%d %s", a.Status, a.Result)
	}
	r.restart(t)
	must[api.Decided](t, r, c.as(t, "sec1"), api.RejectRequest, c.about(first))
	newest := waits(t, r.send(t, c.agent, last))
	list := func(name string, more object) api.Requests {
		params := object{"organizationId": c.id}
		for k, v := range more {
			params[k] = v
		}
		key := c.agent
		if name != "agent" {
			key = c.as(t, name)
		}
		return must[api.Requests](t, r, key, api.ListRequests, params)
	}
	for name, want := range map[string]int{"agent": most + 1, "root": most + 1, "sec2": most + 1, "ops1": 0, "none": 0} {
		if got := list(name, nil); got.TotalCount != want || want > 0 && got.Requests[0].Approval.ID != newest.ID {
			t.Errorf("%s sees %d, want %d", name, got.TotalCount, want)
		}
	}
	if got := list("agent", object{"status": "rejected"}); got.TotalCount != 1 || got.Requests[0].Approval.ID != first.ID {
		t.Errorf("%+v", got)
	}
	if got := list("agent", object{"limit": 2, "offset": most}); len(got.Requests) != 1 || got.Requests[0].Approval.ID != first.ID {
		t.Errorf("%+v", got)
	}
	if a := r.call(t, c.agent, api.ListRequests, object{"organizationId": c.id, "status": "waiting"}); errorType(a) != api.TypeInvalid {
		t.Errorf("%d %s", a.Status, a.Result)
	}
}

// What waited when a backup was restored may have been done in the future that was lost: it is over.
func TestRebaseEndsWhatWaits(t *testing.T) {
	r := newRig(t)
	c := r.crew(t, requires(needsApproval, group(1, "security")))
	w := waits(t, r.call(t, c.agent, api.SignTransaction, c.payment(t, 1)))
	r.stop()
	head, _ := r.newestRow(t)
	time.Sleep(2 * time.Millisecond)
	r.rebaseOnto(t, head)
	r.start(t)
	if a := r.call(t, c.as(t, "sec1"), api.ApproveRequest, c.about(w)); errorType(a) != api.TypeConflict || !strings.Contains(string(a.Result), api.RequestExpired) {
		t.Errorf("%d %s", a.Status, a.Result)
	}
}

// A request waits until the millisecond of its expiry.
func TestStateOf(t *testing.T) {
	for _, one := range []struct {
		state              string
		now, fence, expire uint64
		want               string
	}{
		{api.RequestPending, 99, 10, 100, api.RequestPending},
		{api.RequestPending, 100, 10, 100, api.RequestExpired},
		{api.RequestPending, 99, 11, 100, api.RequestExpired},
		{api.RequestExecuted, 200, 11, 100, api.RequestExecuted},
		{api.RequestRejected, 200, 0, 100, api.RequestRejected},
	} {
		c := &caller{now: one.now, fence: one.fence}
		if got := c.stateOf(&org.Waiting{State: one.state, Created: 10, Expires: one.expire}); got != one.want {
			t.Errorf("%+v: %s", one, got)
		}
	}
	// What came of a request is asked for later than a retry comes, so its permit holds for longer.
	waited := &caller{approved: func([]org.Approval) bool { return true }}
	if waited.permitted() != api.MaxControl || (&caller{}).permitted() != api.ReplayWindow {
		t.Errorf("permits hold for %v", waited.permitted())
	}
}
