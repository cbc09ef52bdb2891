// Command redoubt is the all-in-one: the development server that launches its own enclaves, the tools that set up a
// deployment and launch its enclaves, the tools that check what it proves, and the commands of people who use a server.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/redoubt-kms/redoubt/cmd/redoubt/frame"
	"github.com/redoubt-kms/redoubt/cmd/redoubt/prompt"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	code := dispatch(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// dispatch looks for the two hidden words first: an enclave and the floor of the benchmark do without the commands.
func dispatch(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 && args[0] == enclaveWord {
		return runEnclave(args[1:], stderr)
	}
	if len(args) > 0 && args[0] == floorWord {
		if err := runFloor(ctx, args[1:], stdout); err != nil {
			fmt.Fprintf(stderr, "redoubt %s: %v\n", floorWord, err)
			return frame.ExitFault
		}
		return frame.ExitOK
	}
	return frame.Run(ctx, root(), args, stdout, stderr)
}

// root holds all commands. One more is one more line in one of the two lists, and a file of its own.
func root() *cobra.Command {
	const servers, people = "servers", "people"
	r := frame.Group("redoubt", "redoubt keeps wallet keys inside enclaves and signs what policies allow")
	r.AddGroup(&cobra.Group{ID: servers, Title: "To run and to check a server:"}, &cobra.Group{ID: people, Title: "To use one:"})
	for id, commands := range map[string][]*cobra.Command{
		servers: {dev(), initialise(), launchEnclave(), apps(), logs(), receipts(), backups(), backupKey(), restore(), rebase(), bench(), versions()},
		people:  prompt.Commands(),
	} {
		for _, c := range commands {
			c.GroupID = id
			r.AddCommand(c)
		}
	}
	completion(r)
	r.Example = "  redoubt dev --data data\n\n  redoubt keygen admin.key\n  redoubt org create Demo --url http://127.0.0.1:8484/v1/wallets --key admin.key\n  redoubt wallet create Treasury"
	return r
}
