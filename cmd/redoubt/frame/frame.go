// Package frame is what all commands of redoubt have in common: how a wrong command line is told from a fault, which exit
// code an error ends with, how results are printed for people and for programs, and what only a terminal gets to see.
package frame

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// The exit codes of all commands.
const (
	ExitOK              = 0
	ExitFault           = 1 // it went wrong, or what was checked is not right
	ExitUsage           = 2 // the command line is wrong; nothing was done
	ExitDenied          = 3 // a policy denied it; the same request gets the same answer
	ExitUnauthenticated = 4 // the key is not one of the organization
	ExitUnavailable     = 5 // the server cannot answer now; the same command may work later
	ExitPending         = 6 // it waits for approvals
)

// errUsage marks errors of the command line itself.
var errUsage = errors.New("usage")

// Usagef makes an error of the command line itself, which ends with ExitUsage.
func Usagef(format string, args ...any) error {
	return usage{fmt.Errorf(format, args...)}
}

type usage struct{ error }

// Is says that it is an error of the command line.
func (usage) Is(target error) bool { return target == errUsage }

// Unwrap returns what is wrong.
func (u usage) Unwrap() error { return u.error }

// Group gathers commands under a word. Its examples are the first ones of its commands.
func Group(word, short string, commands ...*cobra.Command) *cobra.Command {
	group := &cobra.Command{Use: word, Short: short, RunE: func(c *cobra.Command, args []string) error {
		if len(args) > 0 {
			return Usagef("there is no command %q", strings.Join(append([]string{c.CommandPath()}, args...), " "))
		}
		c.SetOut(c.ErrOrStderr())
		return errors.Join(c.Help(), Usagef("a command is missing"))
	}}
	var examples []string
	for _, c := range commands {
		first, _, _ := strings.Cut(c.Example, "\n\n")
		examples = append(examples, first)
	}
	group.Example = strings.Join(examples, "\n")
	group.AddCommand(commands...)
	return group
}

// Run runs the command that the arguments name and returns the exit code.
func Run(ctx context.Context, root *cobra.Command, args []string, stdout, stderr io.Writer) int {
	began := false
	mark(root, &began)
	root.SilenceErrors, root.SilenceUsage = true, true
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	c, err := root.ExecuteContextC(ctx)
	if err == nil {
		return ExitOK
	}
	inJSON := wantsJSON(c)
	if !began { // flags and arguments are checked before
		err = usage{err}
		inJSON = inJSON || asksJSON(c, args)
	}
	tell(c, stderr, err, inJSON)
	return Exit(err)
}

// mark notes when a command begins to run. What fails before is a wrong command line.
func mark(c *cobra.Command, began *bool) {
	if run := c.RunE; run != nil {
		c.RunE = func(c *cobra.Command, args []string) error {
			*began = true
			return run(c, args)
		}
	}
	for _, sub := range c.Commands() {
		mark(sub, began)
	}
}
