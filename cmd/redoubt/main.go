// Command redoubt is the all-in-one: the development server that launches its own enclaves, the tools that set up a
// deployment and launch its enclaves, and the tools that check what it proves.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
)

// The exit codes of all commands.
const (
	exitOK    = 0
	exitFault = 1 // it went wrong, or what was checked is not right
	exitUsage = 2
)

// command is one word of the command line.
type command struct {
	name    string
	summary string
	run     func(ctx context.Context, args []string, stdout, stderr io.Writer) error
}

func commands() []command {
	return []command{
		{"dev", "run everything from this one binary, with data in a folder", runDev},
		{"init", "create a deployment from a configuration file", runInit},
		{"launch", "start one enclave of a deployment and vouch for it", runLaunch},
		{"log", "verify the log of a data folder or of a server", runLog},
		{"receipt", "verify the receipt of one request", runReceipt},
		{"bench", "measure this machine: throughput and latency beside the least that any server must do", runBench},
		{"version", "print the version and the measurement of this binary", runVersion},
	}
}

// errUsage marks errors of the command line itself; they end with exit code 2.
var errUsage = errors.New("usage")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	code := dispatch(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func dispatch(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 && args[0] == enclaveWord {
		return runEnclave(args[1:], stderr)
	}
	if len(args) > 0 && args[0] == floorWord {
		if err := runFloor(ctx, args[1:], stdout, stderr); err != nil {
			fmt.Fprintf(stderr, "redoubt %s: %v\n", floorWord, err)
			return exitFault
		}
		return exitOK
	}
	if len(args) == 0 || args[0] == "help" || args[0] == "-h" || args[0] == "--help" {
		usage(stderr)
		return exitUsage
	}
	for _, c := range commands() {
		if c.name != args[0] {
			continue
		}
		err := c.run(ctx, args[1:], stdout, stderr)
		switch {
		case err == nil, errors.Is(err, flag.ErrHelp):
			return exitOK
		case errors.Is(err, errUsage):
			fmt.Fprintf(stderr, "redoubt %s: %v\n", c.name, err)
			return exitUsage
		}
		fmt.Fprintf(stderr, "redoubt %s: %v\n", c.name, err)
		return exitFault
	}
	fmt.Fprintf(stderr, "redoubt: there is no command %q\n\n", args[0])
	usage(stderr)
	return exitUsage
}

func usage(w io.Writer) {
	fmt.Fprint(w, "redoubt keeps wallet keys inside enclaves and signs what policies allow.\n\nusage: redoubt COMMAND [flags]\n\n")
	for _, c := range commands() {
		fmt.Fprintf(w, "  %-8s  %s\n", c.name, c.summary)
	}
	fmt.Fprint(w, "\n'redoubt COMMAND -h' says more about each.\n")
}

// flags makes a flag set that reports to stderr and returns its errors.
func flags(name, synopsis string, stderr io.Writer) *flag.FlagSet {
	f := flag.NewFlagSet(name, flag.ContinueOnError)
	f.SetOutput(stderr)
	f.Usage = func() {
		fmt.Fprintf(stderr, "usage: redoubt %s\n\n", synopsis)
		f.PrintDefaults()
	}
	return f
}

// parse reads flags and wants exactly n arguments after them.
func parse(f *flag.FlagSet, args []string, n int) error {
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	if f.NArg() != n {
		f.Usage()
		return fmt.Errorf("%w: %d arguments, want %d", errUsage, f.NArg(), n)
	}
	return nil
}

// list is a flag that may be given several times.
type list []string

// String implements flag.Value.
func (l *list) String() string { return fmt.Sprint(*l) }

// Set implements flag.Value.
func (l *list) Set(s string) error {
	*l = append(*l, s)
	return nil
}

// numbers is a flag of positive numbers with commas between.
type numbers []int

// String implements flag.Value.
func (n *numbers) String() string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(*n), " ", ","), "[]")
}

// Set implements flag.Value.
func (n *numbers) Set(s string) error {
	*n = nil
	for part := range strings.SplitSeq(s, ",") {
		one, err := strconv.Atoi(part)
		if err != nil || one <= 0 {
			return fmt.Errorf("%q is not a positive number", part)
		}
		*n = append(*n, one)
	}
	return nil
}
