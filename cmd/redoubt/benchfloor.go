package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/curve"
	"github.com/redoubt-kms/redoubt/stamp"
)

// floorWord is the hidden command that serves the floor.
const floorWord = "bench-floor"

// The floor is the least that any correct server must do for the same request: verify the stamp, sign with the wallet's
// algorithm and check the signature as Redoubt does, append a record of 300 bytes to a durable log with group commit,
// and answer JSON of the same size. It decides nothing, isolates nothing and proves nothing.
type floor struct {
	keys map[bool]curve.PrivateKey // by whether the stamp is P-256
	log  *os.File

	mu      sync.Mutex
	pending []chan error
	buffer  []byte
	wake    chan struct{}
}

// floorAnswer is as large as Redoubt's: result, signature and the receipt's header.
const (
	floorRecord  = 300
	floorReceipt = 420
)

func runFloor(ctx context.Context, args []string, stdout io.Writer) error {
	if len(args) != 1 {
		return fmt.Errorf("want the file of the log, got %q", args)
	}
	log, err := os.OpenFile(args[0], os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	secret := sha256.Sum256([]byte("floor"))
	f := &floor{keys: map[bool]curve.PrivateKey{}, log: log, wake: make(chan struct{}, 1)}
	for p256, c := range map[bool]api.Curve{false: api.CurveEd25519, true: api.CurveSecp256k1} {
		if f.keys[p256], err = curve.New(c, secret[:]); err != nil {
			return err
		}
	}
	go f.commit()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "ready http://%s\n", listener.Addr())
	server := &http.Server{Handler: http.HandlerFunc(f.serve), ReadHeaderTimeout: 5 * time.Second}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	if err := server.Serve(listener); ctx.Err() == nil {
		return err
	}
	return nil
}

func (f *floor) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, api.MaxBody))
	if err != nil {
		http.Error(w, "unreadable", http.StatusBadRequest)
		return
	}
	s, err := stamp.Parse(r.Header.Get(api.HeaderStamp))
	if err != nil || s.Verify(body) != nil {
		http.Error(w, "bad stamp", http.StatusUnauthorized)
		return
	}
	done := make(chan error, 1)
	f.mu.Lock()
	f.buffer = append(f.buffer, make([]byte, floorRecord)...)
	f.pending = append(f.pending, done)
	f.mu.Unlock()
	select {
	case f.wake <- struct{}{}:
	default:
	}
	if err := <-done; err != nil {
		http.Error(w, "log", http.StatusServiceUnavailable)
		return
	}
	digest := sha256.Sum256(body)
	signature, err := f.keys[s.Algorithm == api.Secp256r1].Sign(digest[:])
	if err != nil {
		http.Error(w, "sign", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set(api.HeaderReceipt, strings.Repeat("A", floorReceipt))
	fmt.Fprintf(w, `{"result":{"signature":"%s","address":"%044d","publicKey":"%044d"},"signature":"%086d"}`, base64.RawURLEncoding.EncodeToString(signature), 0, 0, 0)
}

// commit writes what has gathered and makes it durable, again and again.
func (f *floor) commit() {
	for range f.wake {
		runtime.Gosched() // let those that are nearly there join
		f.mu.Lock()
		buffer, pending := f.buffer, f.pending
		f.buffer, f.pending = nil, nil
		f.mu.Unlock()
		_, err := f.log.Write(buffer)
		if err == nil {
			err = unix.Fdatasync(int(f.log.Fd()))
		}
		for _, done := range pending {
			done <- err
		}
	}
}

// spawned is a server that the benchmark started.
type spawned struct {
	cmd *exec.Cmd
	url string
}

// spawnServer starts this binary with a command that prints "ready URL".
func spawnServer(ctx context.Context, args ...string) (*spawned, error) {
	s := &spawned{cmd: exec.CommandContext(ctx, "/proc/self/exe", args...)}
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	url, ready := strings.CutPrefix(strings.TrimSpace(line), "ready ")
	if !ready {
		s.stop()
		return nil, fmt.Errorf("%v is not ready: %w", args, err)
	}
	s.url = url
	return s, nil
}

func (s *spawned) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	_ = s.cmd.Wait()
}
