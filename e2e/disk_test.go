package e2e_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// smallDisk mounts a file system of a few megabytes.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root may mount a small disk")
	}
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("no small disk here: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill takes all space that is left on a disk, and returns how to give it back.
func fill(t *testing.T, dir string) func() {
	t.Helper()
	filler := filepath.Join(dir, "filler")
	f, err := os.Create(filler)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, block := range []int{1 << 16, 1 << 12, 1} {
		for b := make([]byte, block); err == nil; {
			_, err = f.Write(b)
		}
		err = nil
	}
	return func() {
		if err := os.Remove(filler); err != nil {
			t.Error(err)
		}
	}
}

// D3: the disk is full, and later it is not. Callers hear 503 meanwhile, the log says why, and nobody has to do anything.
func TestFullDisk(t *testing.T) {
	disk := smallDisk(t, "24m")
	dir := filepath.Join(disk, "data")
	st := newStorm(t, start(t, dir))
	st.blow()
	for range scale(2, 20) {
		st.acknowledgedSoon()
		empty := fill(t, disk)
		st.refusedSoon(503)
		st.nothingAcknowledged()
		empty()
		st.acknowledgedSoon()
	}
	if !strings.Contains(st.server.log.String(), "disk is full") {
		t.Errorf("the log does not say that the disk is full: %.2000s", st.server.log)
	}
	st.calm()
	st.server.stop(t)
	if code, out := redoubt(t, "log", "verify", "--data", dir); code != 0 {
		t.Errorf("log verify: %s", out)
	}
}

// nothingAcknowledged wants nothing to be acknowledged for a while, once what was on its way has ended.
func (st *storm) nothingAcknowledged() {
	count := func() int {
		st.mu.Lock()
		defer st.mu.Unlock()
		return len(st.acked)
	}
	time.Sleep(300 * time.Millisecond)
	before := count()
	time.Sleep(700 * time.Millisecond)
	if n := count() - before; n > 0 {
		st.t.Errorf("%d requests were acknowledged that cannot be durable", n)
	}
}

// Set-up and start on a disk that is full or read-only end with a reason, and succeed once it is not.
func TestSetUpOnABadDisk(t *testing.T) {
	disk := smallDisk(t, "2m")
	dir := filepath.Join(disk, "data")
	empty := fill(t, disk)
	refuses(t, dir, "no space left on device")
	empty()
	s := start(t, dir)
	o := newTenant(t, s)
	s.stop(t)
	if err := unix.Mount("", disk, "", unix.MS_REMOUNT|unix.MS_RDONLY, "size=2m"); err != nil {
		t.Fatal(err)
	}
	refuses(t, dir, "read")
	if _, err := os.Stat(filepath.Join(dir, "redoubt.db")); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("", disk, "", unix.MS_REMOUNT, "size=2m"); err != nil {
		t.Fatal(err)
	}
	s = start(t, dir)
	o.at(s).sign(t, "still there")
}

// injected has system calls of a process fail until the function that it returns is called.
func injected(t *testing.T, pid int, calls, fault string) func() {
	t.Helper()
	cmd := exec.Command("strace", "-qq", "-f", "-p", strconv.Itoa(pid), "-e", "trace="+calls, "-e", "inject="+calls+":error="+fault, "-o", "/dev/null")
	var told bytes.Buffer
	cmd.Stderr = &told
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return func() {
		// strace may wait for ever for a child that the host was just forking; when it dies the kernel lets go of all.
		kill := time.AfterFunc(3*time.Second, func() { _ = cmd.Process.Kill() })
		defer kill.Stop()
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		if told.Len() > 0 {
			t.Logf("strace: %s", &told)
		}
	}
}

// D3: the disk fails: writing or syncing, of the database or of the anchor. A sync that failed is never taken for one that
// succeeded, callers hear 503 meanwhile, and what was acknowledged is there afterwards.
func TestFailingDisk(t *testing.T) {
	if _, err := exec.LookPath("strace"); os.Getuid() != 0 || err != nil && os.Getenv("CI") != "true" {
		t.Skip("strace, and root for looking into enclaves, have system calls fail")
	}
	dir := filepath.Join(t.TempDir(), "data")
	st := newStorm(t, start(t, dir))
	st.blow()
	for range scale(1, 20) {
		for _, c := range []struct{ role, calls, fault string }{
			{"host", "fsync,fdatasync", "EIO"},
			{"host", "pwrite64", "EIO"},
			{"host", "pwrite64", "ENOSPC"},
			{"host", "pwrite64", "EROFS"},
			{"certifier", "fdatasync", "EIO"},
			{"certifier", "pwrite64", "ENOSPC"},
		} {
			if t.Failed() {
				break
			}
			st.acknowledgedSoon()
			st.server.readPIDs()
			pid := st.server.cmd.Process.Pid
			if c.role != "host" {
				pid = st.server.pids[c.role]
			}
			heal := injected(t, pid, c.calls, c.fault)
			st.refusedSoon(503)
			st.nothingAcknowledged()
			heal()
			st.acknowledgedSoon()
			if said := st.server.log.String(); !strings.Contains(said, "commit:") && !strings.Contains(said, "anchor") {
				t.Errorf("%s of the %s: the log does not say what failed: %.2000s", c.fault, c.role, said)
			}
			st.host(func() (*server, error) { return tryStart(dir) })() // what is read now was really stored
		}
	}
	st.calm()
	st.server.stop(t)
	if code, out := redoubt(t, "log", "verify", "--data", dir); code != 0 {
		t.Errorf("log verify: %s", out)
	}
}
