package e2e_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// A second start finds everything again, whether the first one ended well or by a power cut.
func TestRestartFindsEverything(t *testing.T) {
	dir := t.TempDir() // exists and is empty: it is set up
	s := start(t, dir)
	o := newTenant(t, s)
	first := o.sign(t, "hello")
	if code := s.stop(t); code != 0 {
		t.Errorf("exit code %d after SIGTERM", code)
	}
	for round := range 3 {
		s = start(t, dir)
		o.at(s)
		if got := o.sign(t, "hello"); got != first {
			t.Errorf("round %d: signature %s, before %s", round, got, first)
		}
		o.sign(t, "round "+strconv.Itoa(round))
		s.kill()
	}
}

// The enclaves must not outlive their parent, and must not be readable by an equal.
func TestEnclavesDieWithTheirParent(t *testing.T) {
	s := start(t, filepath.Join(t.TempDir(), "data"))
	if len(s.pids) != 3 {
		t.Fatalf("processes of the enclaves: %v", s.pids)
	}
	for role, pid := range s.pids {
		limits, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/limits")
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(limits) {
			if f := bytes.Fields(line); bytes.HasPrefix(line, []byte("Max core file size")) && string(f[4]) != "0" {
				t.Errorf("the %s may leave a core: %s", role, line)
			}
		}
	}
	s.kill()
	deadline := time.Now().Add(2 * time.Second)
	for role, pid := range s.pids {
		for syscall.Kill(pid, 0) == nil {
			if time.Now().After(deadline) {
				t.Fatalf("the %s outlived its parent", role)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
}

// What is missing is never made anew.
func TestRefusesWhatIsNotWhole(t *testing.T) {
	made := filepath.Join(t.TempDir(), "data")
	s := start(t, made)
	newTenant(t, s)
	s.stop(t)
	for name, reason := range map[string]string{
		"redoubt.db": "redoubt.db is missing", "anchor.state": "anchor.state is missing", "manifest.cbor": "manifest.cbor is missing",
		"keys/signer.key": "signer.key is missing", "keys/policy.key": "policy.key is missing", "keys/certifier.key": "certifier.key is missing",
		"keys/launcher.key": "launcher.key is missing",
	} {
		t.Run("without "+filepath.Base(name), func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			copyFolder(t, made, dir)
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
			refuses(t, dir, reason)
			if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
				t.Error("it was made anew")
			}
		})
	}
	for _, role := range []string{"signer", "policy", "certifier"} {
		t.Run("wrong key of the "+role, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			copyFolder(t, made, dir)
			if err := os.WriteFile(filepath.Join(dir, "keys", role+".key"), bytes.Repeat([]byte{7}, 32), 0o600); err != nil {
				t.Fatal(err)
			}
			refuses(t, dir, "wrong key file")
		})
	}
	t.Run("a file of somebody else's", func(t *testing.T) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "notes.txt"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		refuses(t, dir, "is missing")
	})
}

func TestAnchorInItsOwnFolder(t *testing.T) {
	dir, anchor := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "anchor")
	s := start(t, dir, "--anchor-dir", anchor)
	o := newTenant(t, s)
	backup := filepath.Join(t.TempDir(), "backup")
	s.stop(t)
	copyFolder(t, dir, backup)
	s = start(t, dir, "--anchor-dir", anchor)
	o.at(s).sign(t, "later")
	s.stop(t)

	refuses(t, dir, "anchor.state is missing") // the anchor's folder was forgotten
	refuses(t, filepath.Join(t.TempDir(), "other"), "database is missing", "--anchor-dir", anchor)
	refuses(t, backup, "rolled back", "--anchor-dir", anchor) // the whole data folder was put back
	s = start(t, dir, "--anchor-dir", anchor)
	o.at(s).sign(t, "still there")
}

func TestSecondServerOnTheSameFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s := start(t, dir)
	refuses(t, dir, "in use")
	newTenant(t, s)
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{{"dev"}, {"dev", "--nonsense"}, {"log", "verify"}, {"log"}, {"nonsense"}, {"dev", "--data", "x", "--rpc", "nonsense"}} {
		if code, out := redoubt(t, args...); code != 2 {
			t.Errorf("%v: exit code %d, want 2: %s", args, code, out)
		}
	}
}
