package policy

import (
	"database/sql"
	"errors"
	"io"
	"log"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/enclave"
	"github.com/redoubt-kms/redoubt/enclave/certifier"
	hostdesk "github.com/redoubt-kms/redoubt/host/desk"
	"github.com/redoubt-kms/redoubt/internal/ledger"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

// newestRow reads the newest commit of a database that is stopped.
func (r *rig) newestRow(t *testing.T) (proof.Head, ledger.Row) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+r.database())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var row ledger.Row
	var tag []byte
	if err := db.QueryRowContext(t.Context(), "SELECT idx, head, tag, blob FROM commits ORDER BY idx DESC LIMIT 1").Scan(&row.Index, &row.Head, &tag, &row.Blob); err != nil {
		t.Fatal(err)
	}
	copy(row.Tag[:], tag)
	var head proof.Head
	if err := proof.Decode(row.Head, &head); err != nil {
		t.Fatal(err)
	}
	return head, row
}

// rebaseOnto has the operator sign that the ledger goes on from a head.
func (r *rig) rebaseOnto(t *testing.T, onto proof.Head) {
	t.Helper()
	f, err := os.Open(r.anchor())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	peeked, err := certifier.Peek(f)
	if err != nil {
		t.Fatal(err)
	}
	hash, err := r.verified.Hash()
	if err != nil {
		t.Fatal(err)
	}
	now := uint64(time.Now().UnixMilli())
	signed, err := proof.SignRebase(r.operator, proof.Rebase{
		Version: 1, Shard: r.verified.Shard, Manifest: hash, Onto: onto, From: peeked.Head, Reason: "a test", Time: now, NotBefore: now,
	})
	if err != nil {
		t.Fatal(err)
	}
	statement, err := proof.Encode(signed)
	if err != nil {
		t.Fatal(err)
	}
	if r.order, err = proof.Encode(wire.RebaseOrder{Version: 1, Statement: statement}); err != nil {
		t.Fatal(err)
	}
}

// keeper is an engine with the keys of the rig that serves nothing: to open what is stored.
func keeper(t *testing.T, r *rig) *Engine {
	t.Helper()
	return newEngine(&enclave.Vault{Role: proof.RolePolicy, Root: rootOf(t, proof.RolePolicy), Signed: proof.SignedManifest{Manifest: r.verified}, Log: log.New(io.Discard, "", 0)}, nil, nil, 1)
}

// An older database that an operator rebased serves. The first entry of the new epoch says so, requests from before are
// refused for good, and what was revoked in the lost future lives again: that is the price.
func TestRebasedLedgerServes(t *testing.T) {
	p := newPast(t)
	p.restore(t, p.older, "redoubt.db")
	onto, _ := p.newestRow(t)
	before := p.body(t, api.AddUserToOrganization, object{"organizationId": p.one.id, "user": user("third", object{"type": "ROOT"}, newKey(t))})
	time.Sleep(2 * time.Millisecond)
	p.rebaseOnto(t, onto)
	p.start(t)
	for range 2 {
		if a := p.send(t, p.one.key, before); errorType(a) != api.TypeExpired || !strings.Contains(string(a.Result), "restored from a backup") {
			t.Errorf("a request from before: %d %s", a.Status, a.Result)
		}
		o := must[api.Organization](t, p.rig, p.one.key, api.GetOrganization, object{"organizationId": p.one.id})
		if len(o.Users) != 1 {
			t.Errorf("%d users, want the one of the backup", len(o.Users))
		}
		p.restart(t) // the fence holds after a restart too, and the order has no second effect
	}
	must[api.Organization](t, p.rig, p.one.key, api.AddUserToOrganization, object{"organizationId": p.one.id, "user": user("fourth", object{"type": "ROOT"}, newKey(t))})
	p.stop()

	p.sql(t, "DELETE FROM commits WHERE idx > ?", onto.Index+1) // to read the first one after it
	head, row := p.newestRow(t)
	commit, err := ledger.Open(head, row.Blob)
	if err != nil {
		t.Fatal(err)
	}
	entry, err := keeper(t, p.rig).openEntry(commit.First, commit.Entries[0])
	if err != nil {
		t.Fatal(err)
	}
	var signed proof.SignedRebase
	if err := proof.Decode(entry.Outcome, &signed); err != nil {
		t.Fatal(err)
	}
	if commit.First != onto.Size || entry.Method != methodRebase || entry.Decision != ledger.Allowed || signed.Rebase.Onto != onto || signed.Verify(p.verified) != nil {
		t.Errorf("entry %d is %q: %+v", commit.First, entry.Method, signed)
	}
	if head.Epoch <= onto.Epoch+1 {
		t.Errorf("epoch %d after %d", head.Epoch, onto.Epoch)
	}
}

// A crash before the entry is anchored loses nothing: the next start finishes it, and there is one entry.
func TestRebaseIsLoggedOnce(t *testing.T) {
	p := newPast(t)
	p.restore(t, p.older, "redoubt.db")
	onto, _ := p.newestRow(t)
	p.rebaseOnto(t, onto)
	p.start(t)
	p.stop() // perhaps before, perhaps after it was stored
	for range 3 {
		p.start(t)
		must[api.Organization](t, p.rig, p.one.key, api.GetOrganization, object{"organizationId": p.one.id})
		p.stop()
	}
	p.start(t)
	must[api.Organization](t, p.rig, p.one.key, api.AddUserToOrganization, object{"organizationId": p.one.id, "user": user("x", object{"type": "ROOT"}, newKey(t))})
	p.stop()
	if head, _ := p.newestRow(t); head.Size != onto.Size+2 {
		t.Errorf("%d entries after a rebase and a change, want %d", head.Size, onto.Size+2)
	}
}

// The operator's word is not enough: the head must be one that this policy engine made, and the records must be its.
func TestRebaseOntoWhatIsNotOurs(t *testing.T) {
	p := newPast(t)
	for name, change := range map[string]func(t *testing.T, onto *proof.Head){
		"another head than the stored one": func(_ *testing.T, onto *proof.Head) { onto.Epoch++ },
		"a head with another tag":          func(t *testing.T, _ *proof.Head) { p.sql(t, "UPDATE commits SET tag = zeroblob(32)") },
		"records of another time":          func(t *testing.T, _ *proof.Head) { p.sql(t, "UPDATE records SET version = version + 1") },
		"an older head than the stored":    func(t *testing.T, _ *proof.Head) { p.restore(t, p.newer, "redoubt.db") },
	} {
		t.Run(name, func(t *testing.T) {
			p.restore(t, p.newer, "anchor")
			p.restore(t, p.older, "redoubt.db")
			onto, _ := p.newestRow(t)
			change(t, &onto)
			p.rebaseOnto(t, onto)
			err := p.tryStart(t)
			defer p.stop()
			var refused *hostdesk.RefusedError
			if !errors.As(err, &refused) {
				t.Errorf("%v", err)
			}
		})
	}
}

// What was logged at a time that this machine has not reached yet must not be gone on from.
func TestRebaseNeedsTheTimeOfTheLog(t *testing.T) {
	p := newPast(t)
	head, row := p.newestRow(t)
	for _, c := range []struct {
		off  time.Duration
		want error
	}{{-time.Hour, errClockBehind}, {time.Hour, nil}} {
		e := keeper(t, p.rig)
		e.clock.set(proof.Receipt{Time: uint64(time.Now().Add(c.off).UnixMilli())})
		if err := e.checkClock(head, row); !errors.Is(err, c.want) {
			t.Errorf("%v from the log's time: %v", c.off, err)
		}
	}
}
