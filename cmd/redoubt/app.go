package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/redoubt-kms/redoubt/cmd/redoubt/frame"
	"github.com/redoubt-kms/redoubt/host/connect"
	"github.com/redoubt-kms/redoubt/host/connect/shelf"
)

// apps makes the commands on the apps that people log in to.
func apps() *cobra.Command {
	return frame.Group("app", "Say which apps people may log in to, also while the server runs", frame.JSON(appAdd()), frame.JSON(appList()), frame.JSON(appRemove()))
}

// appPage is how many apps are read at once.
const appPage = 100

func appAdd() *cobra.Command {
	var p place
	var app connect.App
	var replace bool
	c := &cobra.Command{
		Use: "add CLIENT_ID", Short: "Register an app that people may log in to",
		Long: `Register an app that people may log in to. Its name is what they are shown. Answers are sent to its redirect URIs and to
no other address, compared as text; an app without any can use device codes only. Of an app that is registered,
--replace writes down anew all but when it came.`,
		Example: `  redoubt app add game --config /etc/redoubt/redoubt.toml --name "The Game" --redirect-uri https://game.example/auth/callback

  redoubt app add wallet-cli --data data --name "The command line"`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			app.ClientID, app.Source = args[0], connect.ByOperator
			if err := app.Check(); err != nil {
				return frame.Usagef("%w", err)
			}
			return p.withApps(c.Context(), true, func(g connect.Registry) error {
				if err := register(c.Context(), g, app, replace); err != nil {
					return err
				}
				kept, err := g.App(c.Context(), app.ClientID)
				if err != nil {
					return err
				}
				return frame.Print(c, shownApp(kept), func(w io.Writer) { appRows(w, kept) })
			})
		},
	}
	p.shelfFlags(c)
	f := c.Flags()
	f.StringVar(&app.Name, "name", "", "`NAME` that people are shown")
	f.StringArrayVar(&app.RedirectURIs, "redirect-uri", nil, "`URI` that answers may be sent to; may be given several times")
	f.StringArrayVar(&app.Origins, "origin", nil, "web `ORIGIN` that it may be used from (default those of its redirect URIs); may be given several times")
	f.BoolVar(&replace, "replace", false, "write down anew what is registered under this client id")
	_ = c.MarkFlagRequired("name")
	return c
}

// register registers an app that is not known, or one that is to be replaced.
func register(ctx context.Context, g connect.Registry, app connect.App, replace bool) error {
	if !replace {
		_, err := g.App(ctx, app.ClientID)
		if err == nil {
			return fmt.Errorf("%s is registered already; --replace writes it down anew", app.ClientID)
		}
		if !errors.Is(err, shelf.ErrNone) {
			return err
		}
	}
	return g.Register(ctx, app)
}

func appList() *cobra.Command {
	var p place
	c := &cobra.Command{
		Use: "list", Short: "List the apps, those included that registered themselves", Example: "  redoubt app list --config /etc/redoubt/redoubt.toml", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			all, err := p.apps(c.Context())
			if err != nil {
				return err
			}
			shown := make([]connect.App, len(all))
			for i, a := range all {
				shown[i] = shownApp(a)
			}
			return frame.Print(c, shown, func(w io.Writer) {
				for _, a := range all {
					frame.Row(w, a.ClientID, a.Name, a.Source, strings.Join(a.RedirectURIs, " "))
				}
			})
		},
	}
	p.shelfFlags(c)
	return c
}

func appRemove() *cobra.Command {
	var p place
	c := &cobra.Command{
		Use: "remove CLIENT_ID", Short: "Let nobody log in to an app any more",
		Long: `Let nobody log in to an app any more. Who is logged in to it stays so until the login ends, or until the person ends it on
the pages.`,
		Example: "  redoubt app remove game --config /etc/redoubt/redoubt.toml", Args: cobra.ExactArgs(1),
		ValidArgsFunction: func(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return p.completeApps(c.Context()), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, args []string) error {
			var was connect.App
			err := p.withApps(c.Context(), false, func(g connect.Registry) error {
				var err error
				if was, err = g.App(c.Context(), args[0]); err != nil {
					return err
				}
				return g.Unregister(c.Context(), args[0])
			})
			if errors.Is(err, shelf.ErrNone) {
				return fmt.Errorf("no app %s is registered", args[0])
			}
			if err != nil {
				return err
			}
			return frame.Print(c, shownApp(was), func(w io.Writer) { frame.Row(w, "app", was.ClientID) })
		},
	}
	p.shelfFlags(c)
	return c
}

// shownApp is an app as --json prints it: lists are never null.
func shownApp(a connect.App) connect.App {
	a.RedirectURIs, a.Origins = append([]string{}, a.RedirectURIs...), append([]string{}, a.Origins...)
	return a
}

func appRows(w io.Writer, a connect.App) {
	frame.Row(w, "app", a.ClientID)
	frame.Row(w, "name", a.Name)
	for _, uri := range a.RedirectURIs {
		frame.Row(w, "redirect", uri)
	}
	for _, origin := range a.Origins {
		frame.Row(w, "origin", origin)
	}
}
