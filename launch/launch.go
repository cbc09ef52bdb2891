// Package launch is the platform of the process tier: it measures an enclave's binary, starts it with exactly the
// descriptors that it may hold, vouches for it with the launcher's key, and ends it. It runs outside the enclaves, and
// what it says is worth as much as the machine's root user.
package launch

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/redoubt-kms/redoubt/internal/attest"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

// Plan says how to start one enclave.
type Plan struct {
	Role     proof.Role
	Image    *Image
	Args     []string           // of the binary, after its name
	Root     string             // file of the root secret
	Anchor   string             // file of the anchor, for the certifier
	Profile  string             // file for a processor profile, for measuring only; empty for none
	Door     *net.UnixListener  // the enclave's listening socket; kept open here, so that callers wait while it restarts
	Pack     wire.Pack          // what the enclave is told
	Key      ed25519.PrivateKey // the launcher's
	Log      *slog.Logger
	Exited   func(role proof.Role, reason string) // told of every exit that was not asked for; may be nil
	Announce func(role proof.Role, pid int)       // told of every start; may be nil
}

const (
	firstPause = 200 * time.Millisecond
	longPause  = 5 * time.Second
	goodRun    = 30 * time.Second // after which the next pause is short again
	stopWait   = 1500 * time.Millisecond
)

// Keep starts the enclave, and starts it again whenever it ends, until the context ends.
func Keep(ctx context.Context, p Plan) {
	pause := firstPause
	for ctx.Err() == nil {
		began := time.Now()
		reason := run(ctx, p)
		if ctx.Err() != nil {
			return
		}
		p.Log.LogAttrs(ctx, slog.LevelError, "enclave ended", slog.String("role", string(p.Role)), slog.String("reason", reason))
		if p.Exited != nil {
			p.Exited(p.Role, reason)
		}
		if time.Since(began) > goodRun {
			pause = firstPause
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, longPause)
	}
}

// run starts the enclave once and returns why it ended: the last line that it wrote, or its exit status.
func run(ctx context.Context, p Plan) string {
	// The kernel ties a child's life to the thread that made it, so this thread must live as long as the child.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	control, theirs, err := socketPair()
	if err != nil {
		return err.Error()
	}
	files, err := descriptors(p, theirs)
	defer closeAll(files)
	if err != nil {
		control.Close()
		return err.Error()
	}
	stderr, out, err := os.Pipe()
	if err != nil {
		control.Close()
		return err.Error()
	}
	cmd := &exec.Cmd{
		Path: p.Image.path(), Args: append([]string{"redoubt-" + string(p.Role)}, p.Args...),
		Env: p.environment(), Dir: "/",
		Stderr: out, ExtraFiles: files,
		SysProcAttr: &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true},
	}
	err = cmd.Start()
	out.Close()
	if err != nil {
		control.Close()
		stderr.Close()
		return err.Error()
	}
	if p.Announce != nil {
		p.Announce(p.Role, cmd.Process.Pid)
	}
	link := wire.NewLink(control, p.serve)
	stop := context.AfterFunc(ctx, func() { end(cmd.Process, link) })
	defer stop()
	last := relay(ctx, p, stderr)
	err = cmd.Wait()
	link.Close()
	switch {
	case last != "":
		return last
	case err != nil:
		return err.Error()
	}
	return "it ended"
}

// environment tunes the enclave's runtime, and tells it nothing else. Goroutines start with stacks as large as they mostly
// grow to, since there is one for each request and each signature. The certifier does one thing at a time; a second
// thread of it would only be woken in vain. The policy engine sets the size of its heap itself.
func (p Plan) environment() []string {
	env := []string{"GOTRACEBACK=none", "GOMEMLIMIT=1GiB", "GOGC=400", "GODEBUG=adaptivestackstart=1"}
	if p.Role == proof.RoleCertifier {
		return append(env, "GOMAXPROCS=1")
	}
	return env
}

// end asks the enclave to stop, and kills it when it does not.
func end(process *os.Process, link *wire.Link) {
	_ = process.Signal(syscall.SIGTERM) // it may have ended already
	select {
	case <-link.Done():
	case <-time.After(stopWait):
		_ = process.Kill()
	}
}

// relay logs what the enclave writes, and returns its last line.
func relay(ctx context.Context, p Plan, stderr io.ReadCloser) string {
	defer stderr.Close()
	last := ""
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		last = lines.Text()
		p.Log.LogAttrs(ctx, slog.LevelInfo, last, slog.String("enclave", string(p.Role)))
	}
	return last
}

// descriptors are those that the enclave inherits, from 3 on: control, door, root, anchor, and a profile's file if one is
// wanted. Only the all-in-one knows what to do with the last.
func descriptors(p Plan, control *os.File) ([]*os.File, error) {
	files := []*os.File{control}
	door, err := p.Door.File()
	if err != nil {
		return files, err
	}
	files = append(files, door)
	root, err := os.Open(p.Root)
	if err != nil {
		return files, fmt.Errorf("root secret of the %s: %w", p.Role, err)
	}
	files = append(files, root)
	if p.Role == proof.RoleCertifier {
		anchor, err := os.OpenFile(p.Anchor, os.O_RDWR, 0)
		if err != nil {
			return files, fmt.Errorf("anchor: %w", err)
		}
		files = append(files, anchor)
	}
	if p.Profile != "" {
		profile, err := os.OpenFile(p.Profile, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
		if err != nil {
			return files, fmt.Errorf("profile: %w", err)
		}
		files = append(files, profile)
	}
	return files, nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}

func socketPair() (net.Conn, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	ours := os.NewFile(uintptr(fds[0]), "control")
	defer ours.Close()
	theirs := os.NewFile(uintptr(fds[1]), "control")
	conn, err := net.FileConn(ours)
	if err != nil {
		theirs.Close()
	}
	return conn, theirs, err
}

// serve answers the enclave: what it is told, and the evidence for its keys.
func (p Plan) serve(call *wire.Call) {
	switch call.Kind {
	case wire.KindBoot:
		call.Reply(p.Pack)
	case wire.KindEvidence:
		request, err := wire.Read[wire.EvidenceRequest](call)
		if err != nil {
			call.Fail(err)
			return
		}
		evidence, err := attest.Sign(p.Key, attest.Evidence{
			Version: 1, Tier: proof.TierProcess, Role: p.Role, Binary: p.Image.Hash, Channel: request.Channel,
			SigningKey: request.SigningKey, Nonce: request.Nonce, Measures: append([]string{"sealed-binary"}, request.Measures...),
		})
		if err != nil {
			call.Fail(err)
			return
		}
		call.Reply(wire.Evidence{Evidence: evidence})
	default:
		call.Fail(errors.New("the launcher does not serve this"))
	}
}
