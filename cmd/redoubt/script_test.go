package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"

	"github.com/redoubt-kms/redoubt/chain/base58"
	"github.com/redoubt-kms/redoubt/chain/bech32"
)

// TestMain lets the test's binary be redoubt: for the scripts, and for what redoubt starts from its own binary, which are
// enclaves, and the servers of a benchmark.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && !strings.HasPrefix(os.Args[1], "-test.") {
		main()
	}
	testscript.Main(m, map[string]func(){"redoubt": main})
}

// The scripts are the tests of the commands and their documentation. Each has a home, and as many servers as it starts.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"), RequireExplicitExec: true, RequireUniqueNames: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("XDG_CONFIG_HOME", filepath.Join(e.WorkDir, "home"))
			e.Setenv("HOME", filepath.Join(e.WorkDir, "home"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"serve": serve, "ends": ends, "capture": capture, "tamper": tamper, "solana": solanaMemo, "psbt": bitcoinPSBT},
	})
}

// serve starts 'redoubt dev' with the arguments on a free port, and sets URL when it is ready.
//
//	serve --data data
func serve(ts *testscript.TestScript, _ bool, args []string) {
	path, err := exec.LookPath("redoubt")
	ts.Check(err)
	cmd := exec.Command(path, append([]string{"dev", "--addr", "127.0.0.1:0"}, args...)...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = append(os.Environ(), "HOME="+ts.Getenv("HOME"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var log strings.Builder
	cmd.Stderr = &log
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	ended := false
	end := func() {
		if !ended {
			ended = true
			_ = cmd.Process.Signal(syscall.SIGTERM)
			_ = cmd.Wait()
		}
	}
	ts.Defer(end)
	line, err := bufio.NewReader(out).ReadString('\n')
	url, ready := strings.CutPrefix(strings.TrimSpace(line), "ready ")
	if !ready {
		end()
		ts.Fatalf("the server is not ready: %v\n%s", err, log.String())
	}
	ts.Setenv("URL", url)
}

// ends runs a command and wants its exit code.
//
//	ends 3 redoubt org show
func ends(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: ends CODE COMMAND…")
	}
	code := 0
	if exit := (*exec.ExitError)(nil); errors.As(ts.Exec(args[1], args[2:]...), &exit) {
		code = exit.ExitCode()
	}
	if fmt.Sprint(code) != args[0] {
		ts.Fatalf("it ends with %d, not with %s", code, args[0])
	}
}

// capture sets a variable to what the last command printed behind a word at the beginning of a line.
//
//	capture WALLET wallet
func capture(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: capture VARIABLE WORD")
	}
	for line := range strings.Lines(ts.ReadFile("stdout")) {
		if rest, found := strings.CutPrefix(strings.TrimSpace(line), args[1]+" "); found {
			ts.Setenv(args[0], strings.Fields(rest)[0])
			return
		}
	}
	ts.Fatalf("the output has no line %q", args[1])
}

// tamper replaces text in a file, wherever it is. It must be there.
//
//	tamper FILE OLD NEW
func tamper(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: tamper FILE OLD NEW")
	}
	before := ts.ReadFile(args[0])
	after := strings.ReplaceAll(before, args[1], args[2])
	if before == after {
		ts.Fatalf("%s does not hold %q", args[0], args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(after), 0o600))
}

// solanaMemo writes the message of a transaction that leaves a memo, paid for by an address, into a file: in hexadecimal if
// the name says so, else in base64.
//
//	solana memo.b64 ADDRESS
func solanaMemo(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: solana FILE ADDRESS")
	}
	payer, err := base58.Decode(args[1])
	ts.Check(err)
	program, err := base58.Decode("MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr")
	ts.Check(err)
	message := slices.Concat([]byte{1, 0, 1, 2}, payer, program, make([]byte, 32), []byte{1, 1, 0, 2, 'h', 'i'})
	text := base64.StdEncoding.EncodeToString(message)
	if strings.HasSuffix(args[0], ".hex") {
		text = hex.EncodeToString(message)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text+"\n"), 0o600))
}

// bitcoinPSBT writes a PSBT in base64 that spends an output of a native segwit address.
//
//	psbt FILE ADDRESS
func bitcoinPSBT(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: psbt FILE ADDRESS")
	}
	_, program, err := bech32.Decode("bc", args[1])
	ts.Check(err)
	own := append([]byte{0, byte(len(program))}, program...)
	output := func(value byte, script []byte) []byte {
		return slices.Concat([]byte{1, value, 0, 0, 0, 0, 0, 0, 0, byte(len(script))}, script, make([]byte, 4))
	}
	prev := slices.Concat([]byte{2, 0, 0, 0, 1}, make([]byte, 36), []byte{1, 0x51, 0, 0, 0, 0}, output(90, own))
	id := sha256.Sum256(prev)
	id = sha256.Sum256(id[:])
	tx := slices.Concat([]byte{2, 0, 0, 0, 1}, id[:], make([]byte, 4+1+4), output(70, own))
	psbt := slices.Concat([]byte("psbt\xff\x01\x00"), []byte{byte(len(tx))}, tx, []byte{0, 1, 0, byte(len(prev))}, prev, []byte{0, 0})
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(base64.StdEncoding.EncodeToString(psbt)+"\n"), 0o600))
}

// Every command says in a line what it does and shows how it is used, and what it is called is found again in its example.
func TestEveryCommandHasAnExample(t *testing.T) {
	seen := 0
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		seen++
		if c.Short == "" || strings.HasSuffix(c.Short, ".") {
			t.Errorf("%s: wants a line without a full stop, has %q", c.CommandPath(), c.Short)
		}
		if !strings.Contains(c.Example, c.CommandPath()) {
			t.Errorf("%s has no example of itself: %q", c.CommandPath(), c.Example)
		}
		for line := range strings.Lines(c.Example) {
			if strings.TrimSpace(line) != "" && !strings.HasPrefix(line, "  ") {
				t.Errorf("%s: the example is not indented: %q", c.CommandPath(), line)
			}
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(root())
	if seen < 35 {
		t.Errorf("only %d commands were seen", seen)
	}
}

// The examples are command lines that the commands take: flags that do not exist, or too few arguments, are found here.
func TestExamplesParse(t *testing.T) {
	var walk func(*cobra.Command)
	parsed := 0
	walk = func(c *cobra.Command) {
		for line := range strings.Lines(strings.ReplaceAll(c.Example, "\\\n", " ")) {
			_, after, found := strings.Cut(line, "redoubt ")
			if !found || strings.ContainsAny(line, "<>") {
				continue
			}
			after, _, _ = strings.Cut(after, "|")
			parsed++
			if err := takes(words(after)); err != nil {
				t.Errorf("%s: %s: %v", c.CommandPath(), strings.TrimSpace(line), err)
			}
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(root())
	if parsed < 40 {
		t.Errorf("only %d examples were parsed", parsed)
	}
}

// takes says whether a command line is one, without running it.
func takes(args []string) error {
	c, rest, err := root().Find(args)
	if err != nil {
		return err
	}
	if err := c.ParseFlags(rest); err != nil {
		return err
	}
	if c.HasSubCommands() && c.HasParent() {
		return fmt.Errorf("%s is no command that runs", c.CommandPath())
	}
	if err := c.ValidateArgs(c.Flags().Args()); err != nil {
		return err
	}
	if err := c.ValidateRequiredFlags(); err != nil {
		return err
	}
	return c.ValidateFlagGroups()
}

// words splits a command line as a shell does, for double quotes only.
func words(line string) []string {
	var all []string
	for i, part := range strings.Split(strings.TrimSpace(line), `"`) {
		if i%2 == 1 {
			all = append(all, part)
			continue
		}
		all = append(all, strings.Fields(part)...)
	}
	return all
}
