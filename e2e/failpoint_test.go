package e2e_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	mathrand "math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redoubt-kms/redoubt/internal/failpoint"
)

// failpointVariable is what a build with the tag failpoint listens to.
const failpointVariable = "REDOUBT_FAILPOINT"

// tagged is a server of a build in which steps of the write path may fail.
type tagged struct {
	binary, control, dir string
}

func newTagged(t *testing.T) tagged {
	t.Helper()
	dir := t.TempDir()
	b := tagged{binary: filepath.Join(dir, "redoubt"), control: filepath.Join(dir, "control"), dir: filepath.Join(dir, "data")}
	build := exec.Command("go", "build", "-tags", "failpoint", "-trimpath", "-buildvcs=false", "-o", b.binary, "../cmd/redoubt")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%s\n%v", out, err)
	}
	return b
}

func (b tagged) start() (*server, error) {
	cmd := exec.Command(b.binary, "dev", "--addr", "127.0.0.1:0", "--data", b.dir)
	cmd.Env = append(os.Environ(), failpointVariable+"="+b.control)
	return tryStartOf(cmd)
}

// arm says which step fails next, and how.
func (b tagged) arm(t *testing.T, step failpoint.Step, action string, pass int) {
	t.Helper()
	draft := b.control + ".draft"
	write(t, draft, fmt.Appendf(nil, "%s %s %d %d\n", step, action, pass, time.Now().UnixNano()))
	if err := os.Rename(draft, b.control); err != nil { // nobody reads half of it
		t.Fatal(err)
	}
}

func (b tagged) fired() bool {
	_, err := os.Stat(b.control)
	return errors.Is(err, fs.ErrNotExist)
}

// fail has a step fail under the storm, and waits until it did and until requests are acknowledged again.
func (b tagged) fail(st *storm, step failpoint.Step, action string, pass int) {
	restart := st.host(b.start)
	if atStart(step) {
		pass = 1
	}
	b.arm(st.t, step, action, pass)
	role, _, _ := strings.Cut(string(step), ".")
	if atStart(step) {
		st.enclave("policy")()
	}
	for deadline := time.Now().Add(30 * time.Second); !b.fired(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			st.t.Errorf("%s was not passed %d times within 30 s: %.3000s", step, pass, st.server.log)
			return
		}
	}
	if role == "host" && action == "crash" {
		restart()
	}
	st.acknowledgedSoon()
}

// atStart says that a process passes a step once, when it starts.
func atStart(step failpoint.Step) bool {
	return step == failpoint.PolicyOpened || step == failpoint.PolicyVerified
}

// D2: the process dies, or the operation fails, at each step of the path of a write. Whatever was acknowledged is kept,
// and whatever was not converges to one answer.
func TestEveryStepMayFail(t *testing.T) {
	b := newTagged(t)
	s, err := b.start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.kill() })
	st := newStorm(t, s)
	st.blow()
	type round struct {
		step   failpoint.Step
		action string
	}
	var order []round
	for range scale(1, 20) {
		for _, step := range failpoint.Steps() {
			order = append(order, round{step, "crash"})
		}
		for _, step := range failpoint.Failing() {
			order = append(order, round{step, "error"})
		}
	}
	r := mathrand.New(mathrand.NewPCG(7, 7))
	r.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	for i, c := range order {
		if t.Failed() {
			break
		}
		b.fail(st, c.step, c.action, 1+r.IntN(3))
		if i%2 == 1 { // an enclave that ends often is started again later and later; a new host begins anew
			st.host(b.start)()
		}
	}
	st.calm()
	t.Logf("%d failures at %d steps", len(order), len(failpoint.Steps()))
	st.server.stop(t)
	if code, out := redoubt(t, "log", "verify", "--data", b.dir); code != 0 {
		t.Errorf("log verify: %s", out)
	}
}

// No binary that is shipped knows failpoints.
func TestReleaseHasNoFailpoints(t *testing.T) {
	for _, name := range []string{"redoubt", "redoubtd", "redoubt-policy", "redoubt-signer", "redoubt-certifier"} {
		binary, err := os.ReadFile(filepath.Join(binaries, name))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(binary, []byte(failpointVariable)) || bytes.Contains(binary, []byte(failpoint.CertifierBeforeSync)) {
			t.Errorf("%s has failpoints", name)
		}
	}
}
