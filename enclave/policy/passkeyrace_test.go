package policy

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/ledger"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/proof"
)

// Two copies of a passkey that sign with the same count at once: one of them is taken.
func TestPasskeyCountsRace(t *testing.T) {
	r := newRig(t)
	o := r.tenant(t)
	w := r.wallet(t, o).WalletID
	d := newDevice(t)
	r.passkeyUser(t, o, "person", d, preset("ALLOW_ALL"))
	for round := range uint32(20) {
		d.count = round + 1
		var bodies [32][]byte
		for i := range bodies {
			bodies[i] = r.body(t, api.SignUtf8Message, utf8Params(o, w, fmt.Sprintf("round %d, copy %d", round, i)))
		}
		var taken atomic.Int64
		var all sync.WaitGroup
		for _, body := range bodies {
			all.Go(func() {
				switch a := r.sendStamped(t, d.stamp(t, body), body); a.Status {
				case 200:
					taken.Add(1)
				case 401:
				default:
					t.Errorf("%d %s", a.Status, a.Result)
				}
			})
		}
		all.Wait()
		if n := taken.Load(); n != 1 {
			t.Errorf("round %d: %d of %d with one count are taken", round, n, len(bodies))
		}
	}
}

// The identifier that a client gives is that of the registration.
func TestPasskeyOfAnotherName(t *testing.T) {
	r := newRig(t)
	o := r.tenant(t)
	d := newDevice(t)
	a := d.passkey(t, "phone")
	a["credentialId"] = b64(newDevice(t).id)
	user := object{"username": "person", "policy": preset("ALLOW_ALL"), "authenticators": []object{a}}
	if a := r.call(t, o.key, api.AddUserToOrganization, object{"organizationId": o.id, "user": user}); a.Status != 400 {
		t.Errorf("%d %s", a.Status, a.Result)
	}
}

// A count that another request moved since it was read is read again; one that follows is kept with what the request changes.
func TestPasskeyCountsAreReadAgain(t *testing.T) {
	key := passkeyCountKey(proof.ID{1}, proof.ID{2})
	e := &Engine{dirty: map[ledger.Key]dirty{key: {version: 2, value: &org.PasskeyCount{Version: org.SchemaVersion, Count: 6}}}}
	stale := &passkeyUse{key: key, read: found[org.PasskeyCount]{version: 1, value: &org.PasskeyCount{Version: org.SchemaVersion, Count: 5}}, count: 6}
	if err := stale.spend(e, &proposal{}); !errors.Is(err, errChanged) {
		t.Errorf("a count that moved meanwhile: %v", err)
	}
	p := &proposal{}
	fresh := &passkeyUse{key: key, read: found[org.PasskeyCount]{version: 2, value: &org.PasskeyCount{Version: org.SchemaVersion, Count: 6}}, count: 7}
	if err := fresh.spend(e, p); err != nil || len(p.changes) != 1 {
		t.Errorf("%v, %d changes", err, len(p.changes))
	}
}
