// Soak drives a server of its own for an hour, at a rate that the machine carries with ease, and judges whether anything
// grows: memory, descriptors, threads, goroutines, latency. Every minute it prints one line. `make soak` runs it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// settings come from the environment, since that is what passes through make.
type settings struct {
	binary   string
	minutes  int    // SOAK_MINUTES
	rate     int    // SOAK_RATE: requests a second; 0 to measure first and take half of what the machine gives
	wallets  int    // SOAK_WALLETS: made before the clock runs, so that every cache is full
	postgres string // SOAK_POSTGRES: DSN; the ledger goes into a schema of its own there
}

const (
	defaultMinutes = 60
	defaultRate    = 300
	defaultWallets = 20_000 // more than any cache holds
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	s, err := read(os.Args[1:], os.Getenv)
	if err == nil {
		err = s.run(ctx, os.Stdout)
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

func read(args []string, env func(string) string) (settings, error) {
	s := settings{minutes: defaultMinutes, rate: defaultRate, wallets: defaultWallets, postgres: env("SOAK_POSTGRES")}
	if len(args) != 1 {
		return s, errors.New("want the path of the binary redoubt")
	}
	s.binary = args[0]
	for _, n := range []struct {
		name  string
		into  *int
		least int
	}{{"SOAK_MINUTES", &s.minutes, 1}, {"SOAK_RATE", &s.rate, 0}, {"SOAK_WALLETS", &s.wallets, 100}} {
		text := env(n.name)
		if text == "" {
			continue
		}
		v, err := strconv.Atoi(text)
		if err != nil || v < n.least {
			return s, fmt.Errorf("%s=%s: want a number of at least %d", n.name, text, n.least)
		}
		*n.into = v
	}
	return s, nil
}

// errFailed says that the run ended and its verdict is no.
var errFailed = errors.New("something grew or failed; the lines above say what")

func (s settings) run(ctx context.Context, out io.Writer) error {
	dir, err := os.MkdirTemp("", "redoubt-soak-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	store, err := s.openStore(ctx, dir)
	if err != nil {
		return err
	}
	defer store.drop()
	args := append([]string{"dev", "--addr", "127.0.0.1:0", "--metrics-addr", "127.0.0.1:0", "--data", filepath.Join(dir, "data")}, store.args...)
	system, err := spawn(s.binary, filepath.Join(dir, "system.log"), args...)
	if err != nil {
		return err
	}
	defer system.stop()
	floor, err := spawn(s.binary, filepath.Join(dir, "floor.err"), "bench-floor", filepath.Join(dir, "floor.log"))
	if err != nil {
		return err
	}
	defer floor.stop()
	fmt.Fprintf(out, "making %d wallets, so that every cache is full\n", s.wallets)
	l, err := newLoad(ctx, system, floor, s.wallets)
	if err != nil {
		return err
	}
	if s.rate == 0 {
		s.rate = int(l.most(ctx, 10*time.Second) / 2)
		fmt.Fprintf(out, "driving at %d requests a second, half of what the machine gave\n", s.rate)
	}
	minutes, err := s.watch(ctx, l, system, store, out)
	if err != nil {
		return err
	}
	findings := append(judge(minutes), l.finding(), system.finding())
	return report(out, append(findings, s.verify(system, store)...))
}

// report prints what was found and says whether all of it is well.
func report(out io.Writer, findings []finding) error {
	var failed error
	for _, f := range findings {
		word := "ok  "
		switch {
		case f.unjudged:
			word = "--  "
		case !f.ok:
			word, failed = "FAIL", errFailed
		}
		fmt.Fprintf(out, "%s  %s: %s\n", word, f.what, f.text)
	}
	return failed
}
