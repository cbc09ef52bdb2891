package e2e_test

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	_ "modernc.org/sqlite" // the hostile host edits the database as it likes
)

// database opens the folder's database as its owner can.
func database(t testing.TB, dir string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "redoubt.db")+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	return db
}

// spoilt is SQL for a column with another last byte than it has.
func spoilt(column string) string {
	return fmt.Sprintf("CAST(substr(%[1]s, 1, length(%[1]s) - 1) || CASE substr(%[1]s, -1) WHEN x'00' THEN x'01' ELSE x'00' END AS BLOB)", column)
}

func edit(t testing.TB, dir, statement string, args ...any) {
	t.Helper()
	db := database(t, dir)
	defer db.Close()
	result, err := db.ExecContext(context.Background(), statement, args...)
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	if n, _ := result.RowsAffected(); n == 0 {
		t.Fatalf("%s: changed nothing", statement)
	}
}

// copyDatabase takes or puts back a snapshot of the database alone.
func copyDatabase(t testing.TB, from, to string) {
	t.Helper()
	for _, name := range []string{"redoubt.db", "redoubt.db-wal", "redoubt.db-shm"} {
		if err := os.RemoveAll(filepath.Join(to, name)); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(from, name))
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// R1: a snapshot of the database, taken one entry or more ago, is put back. It must be noticed before anything is signed.
func TestRestoredDatabaseIsRefused(t *testing.T) {
	runs := scale(12, 50)
	r := rand.New(rand.NewPCG(1, 1))
	dir := filepath.Join(t.TempDir(), "data")
	s := start(t, dir)
	o := newTenant(t, s)
	for i := range runs {
		snapshot := t.TempDir()
		if r.IntN(2) == 0 {
			s.kill() // the snapshot holds what a power cut leaves, write-ahead log and all
		} else {
			s.stop(t)
		}
		copyDatabase(t, dir, snapshot)
		s = start(t, dir)
		o.at(s)
		for n := range 1 + r.IntN(3) {
			o.sign(t, fmt.Sprintf("run %d message %d", i, n))
		}
		s.kill()
		newest := t.TempDir()
		copyDatabase(t, dir, newest)
		copyDatabase(t, snapshot, dir)
		refuses(t, dir, "rolled back")
		copyDatabase(t, newest, dir)
		s = start(t, dir)
		o.at(s)
	}
}

// R2: single rows are restored, removed, swapped or damaged. Each is refused at the start, or at the first use at the
// latest, and never used.
func TestEditedRowsAreRefused(t *testing.T) {
	made := filepath.Join(t.TempDir(), "data")
	s := start(t, made)
	newTenant(t, s)
	newTenant(t, s)
	s.stop(t)
	kinds := map[string]int{"organization": 1, "wallet": 2, "secret": 3, "authenticator": 5}
	const one = "(SELECT key FROM records WHERE hex(substr(key, 2, 1)) = '%02X' ORDER BY key LIMIT 1 OFFSET %d)"
	repeats := scale(1, 50)
	for name, kind := range kinds {
		first, second := fmt.Sprintf(one, kind, 0), fmt.Sprintf(one, kind, 1)
		for edited, statement := range map[string]string{
			"removed":           "DELETE FROM records WHERE key = " + first,
			"another version":   "UPDATE records SET version = version + 1 WHERE key = " + first,
			"another hash":      "UPDATE records SET hash = zeroblob(32) WHERE key = " + first,
			"moved":             "UPDATE records SET key = " + spoilt("key") + " WHERE key = " + first,
			"swapped with hash": "UPDATE records SET hash = (SELECT hash FROM records WHERE key = " + second + "), sealed = (SELECT sealed FROM records WHERE key = " + second + ") WHERE key = " + first,
		} {
			t.Run(name+" "+edited, func(t *testing.T) {
				for range repeats {
					dir := filepath.Join(t.TempDir(), "data")
					copyFolder(t, made, dir)
					edit(t, dir, statement)
					refuses(t, dir, "rolled back")
					if code, out := redoubt(t, "log", "verify", "--data", dir); code != 1 {
						t.Errorf("log verify ends with %d: %s", code, out)
					}
				}
			})
		}
	}
	for name, statement := range map[string]string{
		"newest commit removed":    "DELETE FROM commits WHERE idx = (SELECT max(idx) FROM commits)",
		"log's edge damaged":       "UPDATE tiles SET hashes = zeroblob(length(hashes)) WHERE level = 0 AND n = (SELECT max(n) FROM tiles WHERE level = 0)",
		"newest commit's bytes":    "UPDATE commits SET blob = " + spoilt("blob") + " WHERE idx = (SELECT max(idx) FROM commits)",
		"an old commit's bytes":    "UPDATE commits SET blob = " + spoilt("blob") + " WHERE idx = 2",
		"a commit in the middle":   "DELETE FROM commits WHERE idx = 2",
		"commits in another order": "UPDATE commits SET blob = (SELECT blob FROM commits WHERE idx = 3) WHERE idx = 2",
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			copyFolder(t, made, dir)
			edit(t, dir, statement)
			refuses(t, dir, "rolled back")
			if code, out := redoubt(t, "log", "verify", "--data", dir); code != 1 {
				t.Errorf("log verify ends with %d: %s", code, out)
			}
		})
	}
}

// A sealed record that is damaged while its hash in the table still fits the index is found when it is used, and then
// nothing is done with it.
func TestDamagedRecordIsNeverUsed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s := start(t, dir)
	a, b := newTenant(t, s), newTenant(t, s)
	s.stop(t)
	edit(t, dir, "UPDATE records SET sealed = "+spoilt("sealed")+" WHERE hex(substr(key, 2, 1)) = '03'")
	s = start(t, dir)
	for _, o := range []*tenant{a, b} {
		got := o.at(s).root.call(t, "signUtf8Message", o.signParams("x"))
		if got.status != 503 || got.kind != "unavailable" {
			t.Errorf("signing with a damaged secret: %d %s", got.status, got.raw)
		}
	}
}

// The file itself is cut, overwritten or gone.
func TestTornFilesAreRefused(t *testing.T) {
	made := filepath.Join(t.TempDir(), "data")
	s := start(t, made)
	newTenant(t, s)
	s.stop(t)
	for name, damage := range map[string]func(t *testing.T, dir string){
		"database cut":       func(t *testing.T, dir string) { truncate(t, filepath.Join(dir, "redoubt.db"), 2) },
		"database empty":     func(t *testing.T, dir string) { truncate(t, filepath.Join(dir, "redoubt.db"), 1<<62) },
		"database garbled":   func(t *testing.T, dir string) { garble(t, filepath.Join(dir, "redoubt.db")) },
		"anchor empty":       func(t *testing.T, dir string) { truncate(t, filepath.Join(dir, "anchor.state"), 1<<62) },
		"anchor garbled":     func(t *testing.T, dir string) { garble(t, filepath.Join(dir, "anchor.state")) },
		"manifest cut":       func(t *testing.T, dir string) { truncate(t, filepath.Join(dir, "manifest.cbor"), 2) },
		"signer's key short": func(t *testing.T, dir string) { truncate(t, filepath.Join(dir, "keys", "signer.key"), 2) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			copyFolder(t, made, dir)
			damage(t, dir)
			refuses(t, dir, "")
		})
	}
}

// truncate keeps one part in n of a file.
func truncate(t *testing.T, path string, n int64) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, info.Size()/n); err != nil {
		t.Fatal(err)
	}
}

// garble overwrites the file's pages but for the first hundred bytes.
func garble(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.NewChaCha8([32]byte{1})
	_, _ = r.Read(b[100:])
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
