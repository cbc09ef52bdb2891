package policy

import (
	"database/sql"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "modernc.org/sqlite" // the driver

	"github.com/redoubt-kms/redoubt/api"
	hostdesk "github.com/redoubt-kms/redoubt/host/desk"
	"github.com/redoubt-kms/redoubt/internal/ledger"
)

// sql changes the database of a deployment that is stopped.
func (r *rig) sql(t *testing.T, statement string, args ...any) int64 {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+r.database())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	result, err := db.ExecContext(t.Context(), statement, args...)
	if err != nil {
		t.Fatal(err)
	}
	n, err := result.RowsAffected()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// rowOf reads one stored record.
func (r *rig) rowOf(t *testing.T, key []byte) (version int64, hash, sealed []byte) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+r.database())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.QueryRowContext(t.Context(), "SELECT version, hash, sealed FROM records WHERE key = ?", key).Scan(&version, &hash, &sealed)
	if err != nil {
		t.Fatal(err)
	}
	return version, hash, sealed
}

func copyFile(t testing.TB, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}

// past is a deployment that was written to, stopped, written to again, and stopped: with its files at both times.
type past struct {
	*rig
	older, newer string // folders with copies
	one, two     tenant
	oneKey       []byte // of the records of the two organizations
	twoKey       []byte
}

func (p *past) save(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"redoubt.db", "anchor"} {
		copyFile(t, filepath.Join(p.dir, name), filepath.Join(dir, name))
	}
	return dir
}

func (p *past) restore(t *testing.T, dir string, names ...string) {
	t.Helper()
	for _, name := range names {
		copyFile(t, filepath.Join(dir, name), filepath.Join(p.dir, name))
	}
}

func newPast(t *testing.T) *past {
	t.Helper()
	p := &past{rig: newRig(t)}
	p.one, p.two = p.tenant(t), p.tenant(t)
	w := p.wallet(t, p.one)
	must[api.Wallet](t, p.rig, p.two.key, api.GetOrCreateWalletWithTag, object{"organizationId": p.two.id, "walletName": "w", "tag": "app"})
	p.stop()
	p.older = p.save(t)
	p.start(t)
	must[api.Organization](t, p.rig, p.one.key, api.AddUserToOrganization, object{
		"organizationId": p.one.id, "user": user("second", object{"type": "ROOT"}, newKey(t)),
	})
	must[api.Signature](t, p.rig, p.one.key, api.SignUtf8Message, utf8Params(p.one, w.WalletID, "x"))
	p.stop()
	p.newer = p.save(t)
	for _, o := range []struct {
		text string
		key  *[]byte
	}{{p.one.id, &p.oneKey}, {p.two.id, &p.twoKey}} {
		id, err := parseID(o.text, "")
		if err != nil {
			t.Fatal(err)
		}
		key := organizationKey(id)
		*o.key = key[:]
	}
	return p
}

// Whatever a host puts back, leaves out or swaps is found before anything is served.
func TestBootRefuses(t *testing.T) {
	p := newPast(t)
	oldVersion, oldHash, oldSealed := func() (int64, []byte, []byte) {
		p.restore(t, p.older, "redoubt.db")
		return p.rowOf(t, p.oneKey)
	}()
	put := func(t *testing.T, key []byte, version int64, hash, sealed []byte) {
		if p.sql(t, "UPDATE records SET version = ?, hash = ?, sealed = ? WHERE key = ?", version, hash, sealed, key) != 1 {
			t.Fatal("no such record")
		}
	}
	delete := func(kind ledger.Kind) func(*testing.T) {
		return func(t *testing.T) {
			if p.sql(t, "DELETE FROM records WHERE key IN (SELECT key FROM records WHERE substr(key, 2, 1) = ? LIMIT 1)", []byte{byte(kind)}) != 1 {
				t.Fatalf("there is no record of kind %d", kind)
			}
		}
	}
	for name, change := range map[string]func(*testing.T){
		"the database of an hour ago": func(t *testing.T) { p.restore(t, p.older, "redoubt.db") },
		"a stale record":              func(t *testing.T) { put(t, p.oneKey, oldVersion, oldHash, oldSealed) },
		"a stale record as the new":   func(t *testing.T) { put(t, p.oneKey, oldVersion+1, oldHash, oldSealed) },
		"an organization left out":    delete(ledger.KindOrganization),
		"a wallet left out":           delete(ledger.KindWallet),
		"a secret left out":           delete(ledger.KindSecret),
		"a tag left out":              delete(ledger.KindTag),
		"a mark of a key left out":    delete(ledger.KindAuthenticator),
		"every record left out":       func(t *testing.T) { p.sql(t, "DELETE FROM records") },
		"two organizations exchanged": func(t *testing.T) {
			v1, h1, s1 := p.rowOf(t, p.oneKey)
			v2, h2, s2 := p.rowOf(t, p.twoKey)
			put(t, p.oneKey, v2, h2, s2)
			put(t, p.twoKey, v1, h1, s1)
		},
		"a record that never was": func(t *testing.T) {
			key := append([]byte{}, p.oneKey...)
			key[33] ^= 1
			p.sql(t, "INSERT INTO records (key, version, hash, sealed) SELECT ?, version, hash, sealed FROM records WHERE key = ?", key, p.oneKey)
		},
		"a key of another length": func(t *testing.T) {
			p.sql(t, "INSERT INTO records (key, version, hash, sealed) SELECT x'01', version, hash, sealed FROM records WHERE key = ?", p.oneKey)
		},
		"a flipped bit of a hash in the index": func(t *testing.T) {
			v, h, s := p.rowOf(t, p.oneKey)
			h[7] ^= 4
			put(t, p.oneKey, v, h, s)
		},
		"another version in the index": func(t *testing.T) {
			v, h, s := p.rowOf(t, p.oneKey)
			put(t, p.oneKey, v+1, h, s)
		},
		"the newest commit left out": func(t *testing.T) {
			p.sql(t, "DELETE FROM commits WHERE idx = (SELECT max(idx) FROM commits)")
		},
		"the newest commit undone": func(t *testing.T) {
			p.sql(t, "DELETE FROM commits WHERE idx = (SELECT max(idx) FROM commits)")
			p.sql(t, "UPDATE progress SET derived = derived - 1, entries = entries - 1")
			p.sql(t, "UPDATE tiles SET hashes = substr(hashes, 1, length(hashes) - 32) WHERE level = 0")
		},
		"a commit in the middle left out": func(t *testing.T) { p.sql(t, "DELETE FROM commits WHERE idx = 3") },
		"the first commit left out":       func(t *testing.T) { p.sql(t, "DELETE FROM commits WHERE idx = 1") },
		"a flipped bit of a commit": func(t *testing.T) {
			p.sql(t, `UPDATE commits SET blob = CAST(substr(blob, 1, length(blob) - 1) ||
				CASE WHEN substr(blob, -1) = x'00' THEN x'01' ELSE x'00' END AS BLOB) WHERE idx = 3`)
		},
		"a commit in another's place": func(t *testing.T) {
			p.sql(t, "UPDATE commits SET blob = (SELECT blob FROM commits WHERE idx = 2) WHERE idx = 3")
		},
		"an invented commit": func(t *testing.T) {
			p.sql(t, "INSERT INTO commits (idx, head, tag, blob) SELECT idx + 1, head, tag, blob FROM commits ORDER BY idx DESC LIMIT 1")
		},
		"a changed hash of the log": func(t *testing.T) {
			p.sql(t, "UPDATE tiles SET hashes = CAST(zeroblob(32) || substr(hashes, 33) AS BLOB) WHERE level = 0")
		},
	} {
		t.Run(name, func(t *testing.T) {
			p.restore(t, p.newer, "redoubt.db", "anchor")
			change(t)
			err := p.tryStart(t)
			defer p.stop()
			var refused *hostdesk.RefusedError
			if err == nil {
				answer := p.call(t, p.one.key, api.GetOrganization, object{"organizationId": p.one.id})
				t.Fatalf("it serves: %d %s", answer.Status, answer.Result)
			}
			if !errors.As(err, &refused) && !strings.Contains(err.Error(), "database") {
				t.Errorf("refused for another reason: %v", err)
			}
		})
	}
	p.restore(t, p.newer, "redoubt.db", "anchor")
	p.start(t) // the files as they were are accepted, so what was refused was refused for its change
	must[api.Organization](t, p.rig, p.one.key, api.GetOrganization, object{"organizationId": p.one.id})
}
