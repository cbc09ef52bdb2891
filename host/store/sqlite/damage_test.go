package sqlite

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

// commitOf makes the n-th commit of a ledger whose commits have one entry and one record each.
func commitOf(t *testing.T, n uint64) wire.Commit {
	t.Helper()
	blob, err := proof.Encode(wire.StoredCommit{
		Version: 1, Index: n, First: n - 1,
		Entries: []wire.StoredEntry{{Commitment: sha256.Sum256(fmt.Append(nil, n)), Sealed: bytes.Repeat([]byte{byte(n)}, 300)}},
		Records: []wire.StoredRecord{{Key: wire.NewKey(1, proof.ID{byte(n % 50)}, proof.ID{}), Version: n, Sealed: fmt.Append(nil, n)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return wire.Commit{Index: n, Head: fmt.Append(nil, n), Tag: proof.Hash{byte(n)}, Blob: blob, Bodies: make([]byte, 700)}
}

// newLedger makes a ledger with commits and closes it, so that all is in one file.
func newLedger(t *testing.T, commits uint64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ledger.db")
	if err := Create(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	for n := range commits {
		if err := s.Append(t.Context(), commitOf(t, n+1)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// A mistyped path must be an error, not the beginning of an empty ledger that forks the log.
func TestOpenNeverCreates(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mistyped.db")
	if s, err := Open(t.Context(), path); err == nil {
		s.Close()
		t.Error("a store opened where there is no file")
	}
	if _, err := OpenReader(t.Context(), path); err == nil {
		t.Error("a reader opened where there is no file")
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file was made: %v", err)
	}
}

// Create must not touch a ledger that is there.
func TestCreateNeverReplaces(t *testing.T) {
	path := newLedger(t, 3)
	if err := Create(t.Context(), path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("create over a ledger: %v", err)
	}
	checkLedger(t, path, 3)
}

// A path may hold what a URL would read as something else.
func TestOpenTakesAnyPath(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a b?mode=memory&x#y%2e")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "ledger.db")
	if err := Create(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Size() == 0 || info.Mode().Perm() != 0o600 {
		t.Fatalf("the ledger is not in its file: %v, %v", info, err)
	}
	checkLedger(t, path, 0)
}

// A file of another release is refused rather than misread.
func TestSchemaVersionIsChecked(t *testing.T) {
	for _, version := range []int{-1, 0, 3, 99} {
		path := newLedger(t, 2)
		execute(t, path, fmt.Sprintf("PRAGMA user_version = %d", version))
		s, err := Open(t.Context(), path)
		if err == nil {
			s.Close()
			t.Errorf("schema version %d was opened", version)
		} else if !strings.Contains(err.Error(), "schema version") {
			t.Errorf("schema version %d: %v", version, err)
		}
	}
}

// The rows of a ledger are without gaps. One that is missing before the tables were derived is an error at once.
func TestMissingCommitIsAnError(t *testing.T) {
	path := newLedger(t, 9)
	execute(t, path, "DELETE FROM commits WHERE idx = 5")
	execute(t, path, "DELETE FROM records")
	execute(t, path, "DELETE FROM tiles")
	execute(t, path, "UPDATE progress SET derived = 0, entries = 0")
	if s, err := Open(t.Context(), path); err == nil {
		s.Close()
		t.Error("a ledger without commit 5 was opened")
	}
}

func execute(t *testing.T, path, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

// read walks all that a ledger holds, and says how many commits, items and hashes it found.
func read(ctx context.Context, path string) (commits, items, hashes int, err error) {
	s, err := Open(ctx, path)
	if err != nil {
		return 0, 0, 0, err
	}
	defer s.Close()
	rows, err := s.Commits(ctx, 1, 1<<20)
	if err != nil {
		return 0, 0, 0, err
	}
	for i, row := range rows {
		if row.Index != uint64(i)+1 {
			return 0, 0, 0, fmt.Errorf("commit %d stands at %d", row.Index, i)
		}
	}
	_, all, err := s.Index(ctx, nil, 1<<20)
	if err != nil {
		return 0, 0, 0, err
	}
	for id := int64(0); ; id++ {
		if _, err := s.Hashes(ctx, []int64{id}); errors.Is(err, errNoHash) {
			break
		} else if err != nil {
			return 0, 0, 0, err
		}
		hashes++
	}
	return len(rows), len(all), hashes, nil
}

func checkLedger(t *testing.T, path string, want int) {
	t.Helper()
	commits, items, hashes, err := read(t.Context(), path)
	if err != nil || commits != want || items != min(want, 50) {
		t.Fatalf("%d commits, %d items, %d hashes, %v; want %d commits", commits, items, hashes, err, want)
	}
}

// A truncated file must never look like a ledger that is empty or shorter.
func TestTruncatedFileIsNoLedger(t *testing.T) {
	path := newLedger(t, 60)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	commits, items, _, err := read(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	for size := 0; size < len(whole); size += 2048 {
		cut := filepath.Join(t.TempDir(), "ledger.db")
		if err := os.WriteFile(cut, whole[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		c, i, _, err := read(t.Context(), cut) // a missing hash is an error by itself, to whoever asks for it
		if err == nil && (c != commits || i != items) {
			t.Errorf("cut to %d bytes, it reads as a ledger of %d commits, %d items", size, c, i)
		}
	}
}

// A garbled page is an error, or changes bytes that the policy engine then finds changed; nothing ever goes missing
// silently.
func TestGarbledPageHidesNothing(t *testing.T) {
	path := newLedger(t, 60)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	commits, items, hashes, err := read(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	const page = 4096
	refused := 0
	for at := 0; at < len(whole); at += page {
		for _, fill := range []byte{0, 0xff, 0x5a} {
			garbled := bytes.Clone(whole)
			copy(garbled[at:], bytes.Repeat([]byte{fill}, min(page, len(whole)-at)))
			bad := filepath.Join(t.TempDir(), "ledger.db")
			if err := os.WriteFile(bad, garbled, 0o600); err != nil {
				t.Fatal(err)
			}
			c, i, h, err := read(t.Context(), bad)
			if err != nil {
				refused++
			} else if c != commits || i != items || h != hashes {
				t.Errorf("page %d full of %#x: %d commits, %d items, %d hashes without an error", at/page, fill, c, i, h)
			}
		}
	}
	if refused < len(whole)/page {
		t.Errorf("%d of %d damaged files were refused", refused, 3*len(whole)/page)
	}
}
