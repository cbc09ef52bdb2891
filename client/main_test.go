package client_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// server is the base URL of the `redoubt dev` that TestMain started; it is set once, before any test runs.
var server string

// The examples and tests of this package use the real server.
func TestMain(m *testing.M) {
	code, err := serve(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func serve(m *testing.M) (int, error) {
	dir, err := os.MkdirTemp("", "redoubt-client-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "redoubt")
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", binary, "../cmd/redoubt")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return 1, fmt.Errorf("%s\n%w", out, err)
	}
	dev := exec.Command(binary, "dev", "--addr", "127.0.0.1:0", "--data", filepath.Join(dir, "data"))
	dev.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := dev.StdoutPipe()
	if err != nil {
		return 1, err
	}
	if err := dev.Start(); err != nil {
		return 1, err
	}
	defer func() { _ = dev.Process.Signal(syscall.SIGTERM); _ = dev.Wait() }()
	line, err := bufio.NewReader(out).ReadString('\n')
	url, ready := strings.CutPrefix(strings.TrimSpace(line), "ready ")
	if !ready {
		return 1, fmt.Errorf("the server is not ready: %w", err)
	}
	server = url
	return m.Run(), nil
}
