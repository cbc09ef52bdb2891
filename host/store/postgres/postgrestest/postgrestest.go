// Package postgrestest runs a real PostgreSQL server for tests: no network, a socket in a folder, and a death at will.
package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// Cluster is a server with its data.
type Cluster struct {
	bin, dir string
	owner    *syscall.Credential // root may not run a server
	server   *exec.Cmd
	count    atomic.Int64
}

// ErrNone says that no PostgreSQL server is installed; `make test` installs Debian's.
var ErrNone = errors.New("no PostgreSQL server is installed; `make postgres` installs Debian's")

// Start makes a new cluster and runs it. Everybody who reaches its socket may enter, but a role "locked" needs a password.
func Start(ctx context.Context) (*Cluster, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, ErrNone
	}
	slices.Sort(found)
	c := &Cluster{bin: filepath.Dir(found[len(found)-1])}
	if c.dir, err = os.MkdirTemp("", "pg"); err != nil {
		return nil, err
	}
	if os.Getuid() == 0 {
		if err := c.giveUpRoot(); err != nil {
			return nil, err
		}
	}
	if out, err := c.command("initdb", "-D", c.dir+"/data", "-U", "postgres", "-A", "trust", "-N").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	rules := "local all locked scram-sha-256\nlocal all all trust\n"
	if err := os.WriteFile(c.dir+"/data/pg_hba.conf", []byte(rules), 0o600); err != nil {
		return nil, err
	}
	return c, c.Run(ctx)
}

func (c *Cluster) giveUpRoot() error {
	nobody, err := user.Lookup("postgres")
	if err != nil {
		return err
	}
	uid, err := strconv.ParseUint(nobody.Uid, 10, 32)
	if err != nil {
		return err
	}
	gid, err := strconv.ParseUint(nobody.Gid, 10, 32)
	if err != nil {
		return err
	}
	c.owner = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return os.Chown(c.dir, int(uid), int(gid))
}

func (c *Cluster) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(c.bin, name), args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.owner, Pdeathsig: syscall.SIGKILL}
	cmd.Dir = c.dir
	return cmd
}

// Run starts the server on its data, with more settings of the form name=value, and waits until it answers.
func (c *Cluster) Run(ctx context.Context, settings ...string) error {
	args := []string{"-D", c.dir + "/data", "-k", c.dir, "-c", "listen_addresses="}
	for _, s := range settings {
		args = append(args, "-c", s)
	}
	c.server = c.command("postgres", args...)
	if err := c.server.Start(); err != nil {
		return err
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		conn, err := pgx.Connect(ctx, c.DSN("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("PostgreSQL does not answer: %w", err)
		}
	}
}

// Stop ends the server at once, as a power cut would: what was acknowledged must survive it.
func (c *Cluster) Stop() {
	_ = c.server.Process.Signal(syscall.SIGQUIT)
	_ = c.server.Wait()
}

// Remove stops the server and removes its data.
func (c *Cluster) Remove() error {
	c.Stop()
	return os.RemoveAll(c.dir)
}

// DSN leads to a database.
func (c *Cluster) DSN(database string) string {
	return fmt.Sprintf("host=%s user=postgres dbname=%s", c.dir, database)
}

// Database makes an empty database and returns its name.
func (c *Cluster) Database(ctx context.Context) (string, error) {
	name := fmt.Sprintf("ledger%d", c.count.Add(1))
	return name, c.Exec(ctx, "postgres", "CREATE DATABASE "+name)
}

// Exec runs a statement in a database.
func (c *Cluster) Exec(ctx context.Context, database, statement string) error {
	conn, err := pgx.Connect(ctx, c.DSN(database))
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statement)
	return errors.Join(err, conn.Close(ctx))
}

// KillBackend kills one of the server's processes that serve clients, without warning. The server then ends all of the
// others and recovers.
func (c *Cluster) KillBackend(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, c.DSN("postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	var pid int
	err = conn.QueryRow(ctx, "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1").Scan(&pid)
	if err != nil {
		return err
	}
	return syscall.Kill(pid, syscall.SIGKILL)
}
