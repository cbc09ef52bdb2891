package policy

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/redoubt-kms/redoubt/api"
	hostdesk "github.com/redoubt-kms/redoubt/host/desk"
	"github.com/redoubt-kms/redoubt/internal/wire"
)

// A commit that was sealed and then lost has good seals and the right numbers. A host that kept it cannot pass it off in a
// replay, not even for an entry of somebody else that the replay only passes.
func TestReplayPassesNoLostCommit(t *testing.T) {
	r := newRig(t)
	o := r.tenant(t)
	w := r.wallet(t, o)
	agent := r.agent(t, o, "agent", allows("request.method == 'signTransaction'"))
	if a := r.call(t, agent, api.SignTransaction, payment(t, o, w.WalletID, 5, 1)); a.Status != 200 {
		t.Fatalf("%s", a.Result)
	}
	var lost wire.Commit
	var failing, swapping atomic.Bool
	r.stop()
	r.between = func(s hostdesk.Store) hostdesk.Store {
		return &evil{Store: s, append: func(ctx context.Context, c wire.Commit) error {
			if !failing.Load() {
				return s.Append(ctx, c)
			}
			lost = c
			return errors.New("disk on fire")
		}, commits: func(all []wire.Commit) []wire.Commit {
			for i := range all {
				if swapping.Load() && all[i].Index == lost.Index {
					all[i].Blob = lost.Blob
				}
			}
			return all
		}}
	}
	r.start(t)
	failing.Store(true)
	_, _ = r.desk.Request(t.Context(), wire.KindRequest, r.request(o.key, r.body(t, api.CreateWallet, object{"organizationId": o.id, "walletName": "lost"})))
	failing.Store(false)
	r.restart(t)
	r.wallet(t, o)
	replay := func() wire.Answer {
		return r.call(t, o.key, api.ReplayPolicy, object{"organizationId": o.id, "username": "agent", "policy": ruled(allows("request.method == 'signTransaction'"))})
	}
	if a := replay(); a.Status != 200 || lost.Index == 0 {
		t.Fatalf("%d %s, lost %d", a.Status, a.Result, lost.Index)
	}
	swapping.Store(true)
	if a := replay(); a.Status == 200 {
		t.Errorf("the lost commit %d is passed: %s", lost.Index, a.Result)
	}
}
