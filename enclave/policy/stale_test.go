package policy

import (
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/redoubt-kms/redoubt/api"
)

// A record whose bytes are not those of the index is found when it is read: that organization is not served, and nothing
// old is shown. A deleted row that comes back is not seen at all.
func TestStaleBytesAreNotServed(t *testing.T) {
	p := newPast(t)
	p.restore(t, p.older, "redoubt.db")
	_, _, old := p.rowOf(t, p.oneKey)
	_, _, foreign := p.rowOf(t, p.twoKey)
	for name, sealed := range map[string][]byte{"older": old, "another's": foreign, "garbage": []byte("x")} {
		p.restore(t, p.newer, "redoubt.db", "anchor")
		p.sql(t, "UPDATE records SET sealed = ? WHERE key = ?", sealed, p.oneKey)
		p.start(t)
		answer := p.call(t, p.one.key, api.GetOrganization, object{"organizationId": p.one.id})
		if answer.Status != 503 || answer.Receipt != "" {
			t.Errorf("%s bytes: %d %s", name, answer.Status, answer.Result)
		}
		must[api.Organization](t, p.rig, p.two.key, api.GetOrganization, object{"organizationId": p.two.id})
		p.stop()
	}
}

// A host that puts everything back can have another history written, and then serve records of that one in the true one.
// They are sealed by the engine, for this place and this version; only the index tells them apart.
func TestRecordsOfAnotherHistoryAreNotServed(t *testing.T) {
	p := newPast(t)
	p.restore(t, p.older, "redoubt.db", "anchor")
	p.start(t)
	must[api.Organization](t, p.rig, p.one.key, api.AddUserToOrganization, object{
		"organizationId": p.one.id, "user": user("intruder", object{"type": "ROOT"}, newKey(t)),
	})
	p.stop()
	forkedVersion, _, forked := p.rowOf(t, p.oneKey)
	p.restore(t, p.newer, "redoubt.db", "anchor")
	if version, _, _ := p.rowOf(t, p.oneKey); version != forkedVersion {
		t.Fatalf("versions %d and %d", version, forkedVersion)
	}
	p.sql(t, "UPDATE records SET sealed = ? WHERE key = ?", forked, p.oneKey)
	p.start(t)
	if a := p.call(t, p.one.key, api.GetOrganization, object{"organizationId": p.one.id}); a.Status != 503 {
		t.Errorf("%d %s", a.Status, a.Result)
	}
}

// A deleted authenticator stays deleted when its row is put back.
func TestResurrectedRow(t *testing.T) {
	p := newPast(t)
	p.start(t)
	second := newKey(t)
	made := must[api.Authenticator](t, p.rig, p.one.key, api.CreateAuthenticator, object{
		"organizationId": p.one.id, "username": "root", "authenticator": keypair("second", second),
	})
	p.stop()
	before := p.save(t)
	p.start(t)
	must[api.Authenticator](t, p.rig, p.one.key, api.DeleteAuthenticator, object{
		"organizationId": p.one.id, "username": "root", "authenticatorId": made.ID,
	})
	p.stop()
	p.sqlAttached(t, filepath.Join(before, "redoubt.db"), "INSERT INTO records SELECT * FROM before.records WHERE key NOT IN (SELECT key FROM records)")
	if err := p.tryStart(t); err == nil {
		t.Error("it serves with a row that was deleted")
	}
}

// sqlAttached runs a statement with another database at hand.
func (r *rig) sqlAttached(t *testing.T, other, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+r.database())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(t.Context(), "ATTACH DATABASE ? AS before", other); err != nil {
		t.Fatal(err)
	}
	result, err := db.ExecContext(t.Context(), statement)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		t.Fatalf("%d rows changed, %v", n, err)
	}
}

// A crash may leave commits that are stored and not yet anchored. They are recognised as ours and anchored; an older
// anchor than that is refused.
func TestBootFollowsUnanchoredCommits(t *testing.T) {
	r := newRig(t)
	o := r.tenant(t)
	r.stop()
	for ahead := 1; ahead <= maxAhead+1; ahead++ {
		saved := filepath.Join(t.TempDir(), "anchor")
		copyFile(t, r.anchor(), saved)
		r.start(t)
		for range ahead {
			must[api.Wallet](t, r, o.key, api.CreateWallet, object{"organizationId": o.id, "walletName": "w"})
		}
		r.stop()
		now := filepath.Join(t.TempDir(), "anchor")
		copyFile(t, r.anchor(), now)
		copyFile(t, saved, r.anchor())
		err := r.tryStart(t)
		if ahead <= maxAhead {
			if err != nil {
				t.Fatalf("%d commits ahead: %v", ahead, err)
			}
			list := must[api.Wallets](t, r, o.key, api.GetOrganizationWallets, object{"organizationId": o.id})
			if list.TotalCount != ahead*(ahead+1)/2 {
				t.Errorf("%d commits ahead: %d wallets", ahead, list.TotalCount)
			}
		} else if err == nil {
			t.Errorf("%d commits ahead are believed", ahead)
		}
		r.stop()
		if err != nil {
			copyFile(t, now, r.anchor())
		}
	}
}
