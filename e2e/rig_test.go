package e2e_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// binaries is where TestMain built the commands; it is set once, before any test runs.
var binaries string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "redoubt-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", dir+"/", "../cmd/...")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%s\n%v\n", out, err)
		os.Exit(1)
	}
	binaries = dir
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// scale returns the sample size of a heavy acceptance line, or its full size with REDOUBT_ACCEPTANCE=full.
func scale(sample, full int) int {
	if os.Getenv("REDOUBT_ACCEPTANCE") == "full" {
		return full
	}
	return sample
}

// server is a running `redoubt dev`.
type server struct {
	url  string // base URL, with /v1/wallets
	cmd  *exec.Cmd
	log  *lockedBuffer
	pids map[string]int // of the enclaves
	done chan struct{}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// start runs `redoubt dev` on a folder and waits until it serves.
func start(t testing.TB, dir string, args ...string) *server {
	t.Helper()
	s, err := tryStart(dir, args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.kill() })
	return s
}

func tryStart(dir string, args ...string) (*server, error) {
	return tryStartOf(command(append([]string{"dev", "--addr", "127.0.0.1:0", "--data", dir}, args...)...))
}

// tryStartOf starts a command that serves.
func tryStartOf(cmd *exec.Cmd) (*server, error) {
	s := &server{cmd: cmd, log: &lockedBuffer{}, done: make(chan struct{})}
	s.cmd.Stderr = s.log
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	ready := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if url, ok := strings.CutPrefix(lines.Text(), "ready "); ok {
				ready <- url
			}
		}
		_ = s.cmd.Wait()
		close(s.done)
	}()
	select {
	case s.url = <-ready:
	case <-s.done:
		return s, fmt.Errorf("it ended with %d: %s", s.cmd.ProcessState.ExitCode(), s.log)
	case <-time.After(15 * time.Second):
		s.kill()
		return s, fmt.Errorf("it is not ready: %s", s.log)
	}
	s.readPIDs()
	return s, nil
}

// readPIDs finds the newest process of each enclave in the log.
func (s *server) readPIDs() {
	s.pids = map[string]int{}
	for line := range strings.Lines(s.log.String()) {
		if !strings.Contains(line, "enclave started") {
			continue
		}
		role, pid := "", 0
		for _, word := range strings.Fields(line) {
			if v, ok := strings.CutPrefix(word, "role="); ok {
				role = v
			}
			if v, ok := strings.CutPrefix(word, "pid="); ok {
				pid, _ = strconv.Atoi(v)
			}
		}
		s.pids[role] = pid
	}
}

// stop ends the server as an operator would and returns its exit code.
func (s *server) stop(t testing.TB) int {
	t.Helper()
	began := time.Now()
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.done:
	case <-time.After(6 * time.Second):
		t.Errorf("it did not end within 5 s of SIGTERM: %s", s.log)
		s.kill()
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v to end", took)
	}
	return s.cmd.ProcessState.ExitCode()
}

// kill ends the server as a power cut would.
func (s *server) kill() {
	_ = s.cmd.Process.Kill()
	<-s.done
}

// refuses wants the server not to start on a folder: exit code 1 within 10 s, a reason, and no new state.
func refuses(t testing.TB, dir, reason string, args ...string) {
	t.Helper()
	began := time.Now()
	s, err := tryStart(dir, args...)
	if err == nil {
		s.kill()
		t.Fatalf("it serves, but should refuse because of %q", reason)
	}
	if code := s.cmd.ProcessState.ExitCode(); code != 1 {
		t.Errorf("exit code %d, want 1: %v", code, err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %v to refuse", took)
	}
	if !strings.Contains(err.Error(), reason) {
		t.Errorf("refused with %v\nwhich does not say %q", err, reason)
	}
}

// post sends a body with a stamp.
func (s *server) post(path string, body []byte, stamp string) (int, []byte, http.Header, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	if stamp != "" {
		request.Header.Set("X-Phantom-Stamp", stamp)
	}
	response, err := browser.Do(request)
	if err != nil {
		return 0, nil, nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	return response.StatusCode, answer, response.Header, err
}

var browser = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}

// command makes a command of the binary.
func command(args ...string) *exec.Cmd {
	return exec.Command(filepath.Join(binaries, "redoubt"), args...)
}

// redoubt runs a command of the binary and returns its exit code and what it wrote.
func redoubt(t testing.TB, args ...string) (int, string) {
	t.Helper()
	out, err := command(args...).CombinedOutput()
	if err == nil {
		return 0, string(out)
	}
	exit := &exec.ExitError{}
	ok := errors.As(err, &exit)
	if !ok {
		t.Fatal(err)
	}
	return exit.ExitCode(), string(out)
}

// copyFolder copies a data folder as it is, as a backup or an attacker would.
func copyFolder(t testing.TB, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}
