package e2e_test

import (
	"bufio"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// deployed is a deployment as a supervisor runs it: three launchers and redoubtd, each a process of its own.
type deployed struct {
	config string
	dir    string
	procs  map[string]*exec.Cmd
}

func newDeployment(t *testing.T, more string) *deployed {
	t.Helper()
	dir := t.TempDir()
	d := &deployed{config: filepath.Join(dir, "redoubt.toml"), dir: dir, procs: map[string]*exec.Cmd{}}
	doors, err := os.MkdirTemp("", "redoubt-doors-") // short: a socket's path has at most 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, p := range d.procs {
			_ = p.Process.Kill()
			_ = p.Wait()
		}
		os.RemoveAll(doors)
	})
	text := fmt.Sprintf("data = %q\nanchor-dir = %q\nlisten = \"127.0.0.1:0\"\n%s\n", filepath.Join(dir, "data"), filepath.Join(dir, "anchor"), more)
	for _, role := range []string{"certifier", "signer", "policy"} {
		text += fmt.Sprintf("[enclaves.%s]\nbinary = %q\naddress = \"unix:%s\"\n", role, filepath.Join(binaries, "redoubt-"+role), filepath.Join(doors, role))
	}
	write(t, d.config, []byte(text))
	return d
}

func (d *deployed) spawn(t *testing.T, name, binary string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(filepath.Join(binaries, binary), args...)
	log, err := os.Create(filepath.Join(d.dir, name+".log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = log
	if name != "redoubtd" {
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
	}
	d.procs[name] = cmd
	return cmd
}

// serve starts redoubtd and waits until it serves.
func (d *deployed) serve(t *testing.T) *server {
	t.Helper()
	cmd := d.spawn(t, "redoubtd", "redoubtd", "--config", d.config)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "ready ")
	if !ok {
		b, _ := os.ReadFile(filepath.Join(d.dir, "redoubtd.log"))
		t.Fatalf("redoubtd is not ready: %s", b)
	}
	return &server{url: url, cmd: cmd}
}

// The production shape works: initialised once, four programs, no sign-up without a stamp, and each may be restarted.
func TestProductionShape(t *testing.T) {
	g := &gathered{}
	c := httptest.NewServer(g)
	defer c.Close()
	d := newDeployment(t, fmt.Sprintf("rate-limit = 1000\nmetrics-addr = \"localhost:0\"\ntraces = %q", c.URL))
	if code, out := redoubt(t, "init", "--config", d.config); code != 0 || !strings.Contains(out, "manifest") {
		t.Fatalf("%d %s", code, out)
	}
	for _, role := range []string{"policy", "certifier", "signer"} { // any order
		d.spawn(t, role, "redoubt", "launch", "--config", d.config, role)
	}
	s := d.serve(t)
	unstamped := body("createOrganization", object{"organizationName": "o", "users": []object{{
		"username": "u", "policy": object{"type": "ROOT"}, "authenticators": []object{newKey(s).authenticator("k")},
	}}}, time.Now())
	if status, answer, _, err := s.post("/kms/rpc", unstamped, ""); err != nil || status != 401 {
		t.Errorf("an organization without a stamp: %d %s %v", status, answer, err)
	}
	o := newTenant(t, s)
	first := o.sign(t, "x")

	// The signer is restarted under load; the policy engine ends with its host and is started again.
	_ = d.procs["signer"].Process.Signal(syscall.SIGTERM)
	_ = d.procs["signer"].Wait()
	if a := o.root.call(t, "signUtf8Message", o.signParams("without a signer")); a.status != 503 || a.kind != "unavailable" {
		t.Errorf("without a signer: %d %s", a.status, a.raw)
	}
	d.spawn(t, "signer", "redoubt", "launch", "--config", d.config, "signer")
	eventually(t, func() bool { return o.root.call(t, "signUtf8Message", o.signParams("x")).status == 200 })

	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	if err := s.cmd.Wait(); err != nil {
		t.Errorf("redoubtd: %v", err)
	}
	s = d.serve(t)
	o.at(s)
	eventually(t, func() bool { return o.root.call(t, "getOrganization", object{"organizationId": o.id}).status == 200 })
	if got := o.sign(t, "x"); got != first {
		t.Errorf("signature %s, before %s", got, first)
	}
	d.watched(t, s, g)
	if code, out := redoubt(t, "init", "--config", d.config); code != 0 || !strings.Contains(out, "epoch 1") {
		t.Errorf("init again, with the same binaries: %d %s", code, out)
	}
}

// watched says that redoubtd shows its metrics and that its traces, of the run before, arrived.
func (d *deployed) watched(t *testing.T, s *server, g *gathered) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(d.dir, "redoubtd.log"))
	if err != nil {
		t.Fatal(err)
	}
	s.log = &lockedBuffer{}
	_, _ = s.log.Write(b)
	shown, _ := s.scrape(t)
	if shown["redoubt_requests_total{method=signUtf8Message,outcome=ok}"] != 1 || shown["redoubt_enclave_up{role=signer}"] != 1 {
		t.Errorf("metrics: %v", shown)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.spans) == 0 {
		t.Error("no traces")
	}
}

func eventually(t *testing.T, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Error("it does not recover")
}

// Mistakes of configuration are told before anything runs.
func TestConfigurationMistakes(t *testing.T) {
	for name, more := range map[string]string{
		"unknown setting": "rate-limits = 5", "mode": "mode = \"prod\"", "listen": "listen = 5",
		"metrics without port": "metrics-addr = \"localhost\"", "metrics on the API": "metrics-addr = \"127.0.0.1:0\"",
	} {
		d := newDeployment(t, "")
		b, err := os.ReadFile(d.config)
		if err != nil {
			t.Fatal(err)
		}
		text := string(b)
		if name == "listen" {
			text = strings.Replace(text, "listen = \"127.0.0.1:0\"", more, 1)
		} else {
			text = more + "\n" + text
		}
		write(t, d.config, []byte(text))
		if code, out := redoubt(t, "init", "--config", d.config); code != 1 || !strings.Contains(out, "configuration") {
			t.Errorf("%s: %d %s", name, code, out)
		}
	}
	d := newDeployment(t, "mode = \"production\"")
	if code, out := redoubt(t, "init", "--config", d.config); code != 1 || !strings.Contains(out, "proves nothing") {
		t.Errorf("production in a tier that proves nothing: %d %s", code, out)
	}
}
