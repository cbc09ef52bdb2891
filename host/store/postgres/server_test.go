package postgres_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// cluster is a real PostgreSQL server of the tests' own: no network, a socket in a folder.
type cluster struct {
	bin, dir string
	owner    *syscall.Credential // root may not run a server
	server   *exec.Cmd
	count    atomic.Int64
}

// shared is the server of all tests; TestMain starts and stops it.
var shared *cluster

func TestMain(m *testing.M) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) == 0 {
		if os.Getenv("CI") == "true" {
			fmt.Fprintln(os.Stderr, "FAIL: no PostgreSQL server is installed; `make test` installs Debian's")
			os.Exit(1)
		}
		fmt.Fprintln(os.Stderr, "skipped: no PostgreSQL server is installed; `make test` installs Debian's")
		os.Exit(0)
	}
	slices.Sort(found)
	shared = &cluster{bin: filepath.Dir(found[len(found)-1])}
	if err := shared.start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	shared.stop()
	os.RemoveAll(shared.dir)
	os.Exit(code)
}

func (c *cluster) start() error {
	var err error
	if c.dir, err = os.MkdirTemp("", "pg"); err != nil {
		return err
	}
	if os.Getuid() == 0 {
		nobody, err := user.Lookup("postgres")
		if err != nil {
			return err
		}
		uid, _ := strconv.Atoi(nobody.Uid)
		gid, _ := strconv.Atoi(nobody.Gid)
		c.owner = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		if err := os.Chown(c.dir, uid, gid); err != nil {
			return err
		}
	}
	if out, err := c.command("initdb", "-D", c.dir+"/data", "-U", "postgres", "-A", "trust", "-N").CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	return c.run()
}

func (c *cluster) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(c.bin, name), args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.owner, Pdeathsig: syscall.SIGKILL}
	cmd.Dir = c.dir
	return cmd
}

// run starts the server on its data and waits until it answers.
func (c *cluster) run() error {
	c.server = c.command("postgres", "-D", c.dir+"/data", "-k", c.dir, "-c", "listen_addresses=")
	if err := c.server.Start(); err != nil {
		return err
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		conn, err := pgx.Connect(context.Background(), c.dsn("postgres"))
		if err == nil {
			return conn.Close(context.Background())
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("PostgreSQL does not answer: %w", err)
		}
	}
}

// stop ends the server at once, as a power cut would: what was acknowledged must survive it.
func (c *cluster) stop() {
	_ = c.server.Process.Signal(syscall.SIGQUIT)
	_ = c.server.Wait()
}

func (c *cluster) dsn(database string) string {
	return fmt.Sprintf("host=%s user=postgres dbname=%s", c.dir, database)
}

// database makes an empty database and returns how to reach it.
func (c *cluster) database(t *testing.T) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), c.dsn("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	name := fmt.Sprintf("ledger%d", c.count.Add(1))
	if _, err := conn.Exec(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	return c.dsn(name)
}
