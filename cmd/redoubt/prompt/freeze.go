package prompt

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/client"
	"github.com/redoubt-kms/redoubt/cmd/redoubt/frame"
)

func freeze(s *session) *cobra.Command {
	return freezing(s, &cobra.Command{
		Use: "freeze", Short: "Stop a user, a wallet or the whole organization at once",
		Long: `Stop a user, a wallet or, with neither, the whole organization. It holds from the next request on: a frozen user may do
nothing, a frozen wallet is not signed with, exported, lent or given away, not by those it was lent to either, and in a
frozen organization its members only read and freeze more. To lift it takes policy ROOT: 'redoubt unfreeze'.`,
		Example: `  redoubt freeze

  redoubt freeze --user alice
  redoubt freeze --wallet 01a20315-5bc6-703b-82bf-65f2e8d8ff36`,
	}, (*client.Client).Freeze)
}

func unfreeze(s *session) *cobra.Command {
	return freezing(s, &cobra.Command{
		Use: "unfreeze", Short: "Lift a freeze",
		Long: `Lift a freeze of a user, a wallet or, with neither, of the organization. What else is frozen stays so. It takes policy
ROOT, of somebody who is not frozen.`,
		Example: `  redoubt unfreeze

  redoubt unfreeze --user alice`,
	}, (*client.Client).Unfreeze)
}

func freezing(s *session, c *cobra.Command, do func(*client.Client, context.Context, client.Target) (api.Frozen, error)) *cobra.Command {
	var what client.Target
	c.Args = cobra.NoArgs
	c.RunE = s.act(func(ctx context.Context, c *cobra.Command, to *client.Client, _ []string) error {
		for _, name := range []string{"user", "wallet"} { // an empty shell variable must not mean everybody
			if f := c.Flags().Lookup(name); f.Changed && f.Value.String() == "" {
				return frame.Usagef("--%s: is empty; leave it out for the whole organization", name)
			}
		}
		frozen, err := do(to, ctx, what)
		if err != nil {
			return err
		}
		return frame.Print(c, frozen, func(w io.Writer) { printFrozen(w, frozen) })
	})
	c.Flags().StringVar(&what.Username, "user", "", "`NAME` of a user (default the whole organization)")
	c.Flags().StringVar(&what.WalletID, "wallet", "", "`ID` of a wallet (default the whole organization)")
	c.MarkFlagsMutuallyExclusive("user", "wallet")
	return c
}

func printFrozen(w io.Writer, f api.Frozen) {
	if f.Organization {
		frame.Row(w, "frozen", "organization")
	}
	for _, name := range f.Usernames {
		frame.Row(w, "frozen", "user", name)
	}
	for _, id := range f.WalletIDs {
		frame.Row(w, "frozen", "wallet", id)
	}
	if !f.Organization && len(f.Usernames)+len(f.WalletIDs) == 0 {
		frame.Row(w, "nothing is frozen")
	}
}
