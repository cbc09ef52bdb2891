package postgres_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/redoubt-kms/redoubt/host/store/postgres"
)

func execute(t *testing.T, dsn string, statements ...string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	for _, s := range statements {
		if _, err := conn.Exec(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// What is wrong with a database is told when it is opened, in words, and without the password.
func TestOpenSaysWhatIsWrong(t *testing.T) {
	execute(t, shared.DSN("postgres"), "CREATE ROLE locked LOGIN PASSWORD 'right'")
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	newer, readOnly := create(t), create(t)
	execute(t, newer, "INSERT INTO migrations (version) VALUES (99)")
	name := readOnly[strings.LastIndexByte(readOnly, '=')+1:]
	execute(t, shared.DSN("postgres"), "ALTER DATABASE "+name+" SET default_transaction_read_only = on")
	for dsn, reason := range map[string]string{
		"host=/nowhere dbname=x password=hunter2":                                                 "no such file",
		"postgres://u:hunter2@127.0.0.1:1/x":                                                      "refused",
		"postgres://u:hunter2@" + silent.Addr().String() + "/x?sslmode=disable&connect_timeout=1": "timeout",
		"postgres://u:hunter2@h:notaport/x":                                                       "cannot be read",
		"neither this nor that hunter2":                                                           "cannot be read",
		shared.DSN("nowhere"):                                                                     `database "nowhere" does not exist`,
		strings.Replace(create(t), "user=postgres", "user=locked password=hunter2", 1):            "password authentication failed",
		database(t): "holds no ledger",
		newer:       "schema version 99, this release reads versions up to 2",
		readOnly:    "read-only",
	} {
		s, err := postgres.Open(t.Context(), dsn)
		if err == nil {
			s.Close()
			t.Errorf("%s was opened", dsn)
			continue
		}
		if !strings.Contains(err.Error(), reason) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v\nwant %q, and no password", dsn, err, reason)
		}
	}
	if err := postgres.Create(t.Context(), readOnly); err == nil || !strings.Contains(err.Error(), "read-only") {
		t.Errorf("set-up in a read-only database: %v", err)
	}
}

// A ledger of the first release is brought to this one's schema, with all it holds; once, also when two hosts start.
func TestMigratesFromTheFirstRelease(t *testing.T) {
	dsn := create(t)
	for n := uint64(1); n <= 5; n++ {
		if err := open(t, dsn).Append(t.Context(), commit(t, n, "x")); err != nil {
			t.Fatal(err)
		}
	}
	before, err := open(t, dsn).Commits(t.Context(), 1, 100)
	if err != nil {
		t.Fatal(err)
	}
	execute(t, dsn, "DROP TABLE migrations", "ALTER TABLE ledger ADD COLUMN schema integer NOT NULL DEFAULT 1") // as it was
	failed := make(chan error, 4)
	for range cap(failed) {
		go func() {
			s, err := postgres.Open(context.WithoutCancel(t.Context()), dsn)
			if err == nil {
				err = s.Close()
			}
			failed <- err
		}()
	}
	for range cap(failed) {
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
	s := open(t, dsn)
	after, err := s.Commits(t.Context(), 1, 100)
	if diff := cmp.Diff(before, after); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	if err := s.Append(t.Context(), commit(t, 6, "x")); err != nil {
		t.Error(err)
	}
	if err := postgres.Create(t.Context(), dsn); err == nil {
		t.Error("a ledger was made over another")
	}
}

// Somebody else's transactions make ours fail to serialise; they are tried again and nobody hears of it.
func TestSerialisationFailuresAreTriedAgain(t *testing.T) {
	dsn := create(t)
	s := open(t, dsn)
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	for n := uint64(1); n <= 20; n++ {
		tx, err := conn.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec(t.Context(), "UPDATE ledger SET entries = entries"); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- s.Append(context.WithoutCancel(t.Context()), commit(t, n, "x")) }()
		waits(t, dsn) // for the row that we hold; when we let go, its snapshot is too old
		if err := tx.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Fatalf("commit %d: %v", n, err)
		}
	}
}

// waits returns when another connection of the database waits for a lock.
func waits(t *testing.T, dsn string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	for range 2000 {
		var n int
		if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'").Scan(&n); err != nil {
			t.Fatal(err)
		}
		if n > 0 {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatal("nobody waits")
}

// line carries connections to a server, and can be cut around the end of a transaction.
type line struct {
	cut atomic.Int32 // cutBefore or cutAfter the server heard "commit"; once
}

const (
	cutBefore = 1 + iota
	cutAfter
)

func newLine(t *testing.T, dsn string) (*line, string) {
	t.Helper()
	var to string
	if _, err := fmt.Sscanf(dsn, "host=%s", &to); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	listener, err := net.Listen("unix", filepath.Join(dir, ".s.PGSQL.5432"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	l := &line{}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("unix", filepath.Join(to, ".s.PGSQL.5432"))
			if err != nil {
				client.Close()
				continue
			}
			go l.carry(client, server)
		}
	}()
	return l, strings.Replace(dsn, to, dir, 1)
}

func (l *line) carry(client, server net.Conn) {
	defer client.Close()
	defer server.Close()
	silenced := atomic.Bool{}
	go func() {
		defer client.Close()
		b := make([]byte, 64<<10)
		for {
			n, err := server.Read(b)
			if err != nil || silenced.Load() { // what the server says to the commit is lost
				return
			}
			if _, err := client.Write(b[:n]); err != nil {
				return
			}
		}
	}()
	b := make([]byte, 64<<10)
	for {
		n, err := client.Read(b)
		if err != nil {
			return
		}
		if bytes.Contains(b[:n], []byte("commit\x00")) {
			switch l.cut.Swap(0) {
			case cutBefore:
				return
			case cutAfter:
				silenced.Store(true)
			}
		}
		if _, err := server.Write(b[:n]); err != nil {
			return
		}
	}
}

// The connection is lost while a commit ends. What the database made durable counts, what it did not does not, and the
// store knows which by reading it back.
func TestConnectionLostInACommit(t *testing.T) {
	direct := create(t)
	l, dsn := newLine(t, direct)
	s := open(t, dsn)
	n := uint64(0)
	for round := range 10 {
		l.cut.Store(cutAfter)
		n++
		if err := s.Append(t.Context(), commit(t, n, "x")); err != nil {
			t.Fatalf("round %d: a commit that is stored was denied: %v", round, err)
		}
		l.cut.Store(cutBefore)
		if err := s.Append(t.Context(), commit(t, n+1, "lost")); err == nil {
			t.Fatalf("round %d: a commit that the database never heard of was acknowledged", round)
		}
		n++
		if err := s.Append(t.Context(), commit(t, n, "x")); err != nil {
			t.Fatalf("round %d: after a lost commit: %v", round, err)
		}
	}
	commits, err := open(t, direct).Commits(t.Context(), 1, 100)
	if err != nil || len(commits) != int(n) {
		t.Errorf("%d commits of %d: %v", len(commits), n, err)
	}
	for _, c := range commits {
		if diff := cmp.Diff(commit(t, c.Index, "x").Blob, c.Blob); diff != "" {
			t.Errorf("commit %d is another one: %s", c.Index, diff)
		}
	}
}
