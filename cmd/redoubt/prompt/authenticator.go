package prompt

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/client"
	"github.com/redoubt-kms/redoubt/cmd/redoubt/frame"
)

func authenticatorAdd(s *session) *cobra.Command {
	var public, name string
	var l life
	c := &cobra.Command{
		Use: "add USER", Short: "Register one more key of a user",
		Example: `  redoubt authenticator add alice --name phone --public-key 6kpsY-KcUgq-9VB7Ey7F-ZVHdq6-vnuSQh7qaRRG0iw

  redoubt authenticator add alice --name visit --public-key 6kpsY-KcUgq-9VB7Ey7F-ZVHdq6-vnuSQh7qaRRG0iw --expires 8h`,
		Args: cobra.ExactArgs(1),
		RunE: s.act(func(ctx context.Context, c *cobra.Command, to *client.Client, args []string) error {
			a, err := client.PublicKey(name, public)
			if err != nil {
				return frame.Usagef("--public-key: %w", err)
			}
			if a.ExpiresInMs, err = l.in(); err != nil {
				return err
			}
			made, err := to.CreateAuthenticator(ctx, args[0], a, l.replace)
			if err != nil {
				return err
			}
			return printOneAuthenticator(c, made)
		}),
	}
	c.Flags().StringVar(&public, "public-key", "", "the public `KEY`, base64url")
	c.Flags().StringVar(&name, "name", "", "`NAME` of the key, for people")
	l.flags(c)
	_ = c.MarkFlagRequired("public-key")
	_ = c.MarkFlagRequired("name")
	return c
}

func authenticatorUpdate(s *session) *cobra.Command {
	var name string
	var l life
	c := &cobra.Command{
		Use: "update USER ID", Short: "Rename a key of a user, or move its end",
		Example: `  redoubt authenticator update alice 61d1b7e9-d758-4c29-8af1-3c802a032d24 --name phone --expires 8h`,
		Args:    cobra.ExactArgs(2),
		RunE: s.act(func(ctx context.Context, c *cobra.Command, to *client.Client, args []string) error {
			var update api.AuthenticatorUpdate
			if name != "" {
				update.AuthenticatorName = &name
			}
			var err error
			if update.ExpiresInMs, err = l.in(); err != nil {
				return err
			}
			made, err := to.UpdateAuthenticator(ctx, args[0], args[1], update)
			if err != nil {
				return err
			}
			return printOneAuthenticator(c, made)
		}),
	}
	c.Flags().StringVar(&name, "name", "", "new `NAME` of the key")
	c.Flags().DurationVar(&l.expires, "expires", 0, "`TIME` from now until it may do nothing any more, for example 24h (default as it is)")
	c.MarkFlagsOneRequired("name", "expires")
	return c
}

func authenticatorRemove(s *session) *cobra.Command {
	return &cobra.Command{
		Use: "remove USER ID", Short: "Remove a key of a user; it signs nothing any more",
		Long: `Remove a key of a user. 'redoubt org show' lists the keys with their ids. The last key with policy ROOT stays, or nobody
could ever change the organization again.`,
		Example: `  redoubt authenticator remove alice 61d1b7e9-d758-4c29-8af1-3c802a032d24`,
		Args:    cobra.ExactArgs(2),
		RunE: s.act(func(ctx context.Context, c *cobra.Command, to *client.Client, args []string) error {
			gone, err := to.DeleteAuthenticator(ctx, args[0], args[1])
			if err != nil {
				return err
			}
			return printOneAuthenticator(c, gone)
		}),
	}
}

func printOneAuthenticator(c *cobra.Command, a api.Authenticator) error {
	return frame.Print(c, a, func(w io.Writer) { printAuthenticator(w, a) })
}
