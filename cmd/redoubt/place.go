package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/redoubt-kms/redoubt/cmd/redoubt/frame"
	"github.com/redoubt-kms/redoubt/host/config"
	"github.com/redoubt-kms/redoubt/host/connect/shelf"
	shelfpostgres "github.com/redoubt-kms/redoubt/host/connect/shelf/postgres"
	shelfsqlite "github.com/redoubt-kms/redoubt/host/connect/shelf/sqlite"
	"github.com/redoubt-kms/redoubt/host/store/postgres"
	"github.com/redoubt-kms/redoubt/host/store/sqlite"
	"github.com/redoubt-kms/redoubt/internal/wire"
)

// place says which deployment a command is about: one in a folder, or one of a configuration file.
type place struct {
	deployment
	config string
}

func (p *place) flags(c *cobra.Command) {
	p.shelfFlags(c)
	c.Flags().StringVar(&p.anchor, "anchor-dir", "", "`DIR` of the anchor (default the folder of the data)")
	c.MarkFlagsMutuallyExclusive("config", "anchor-dir")
}

// shelfFlags are those of commands that need no anchor.
func (p *place) shelfFlags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&p.dir, "data", "", "`DIR` of the data")
	f.StringVar(&p.server, "postgres", "", "the ledger is in PostgreSQL at this `DSN`, not in the folder of the data")
	f.StringVar(&p.config, "config", "", "configuration `FILE` of a deployment, instead of the others")
	c.MarkFlagsOneRequired("data", "config")
	for _, other := range []string{"data", "postgres"} {
		c.MarkFlagsMutuallyExclusive("config", other)
	}
}

// settle reads the configuration, if there is one, and makes the paths absolute.
func (p *place) settle() error {
	if p.config == "" {
		return p.absolute()
	}
	c, err := config.Read(p.config)
	p.deployment = deployment{dir: c.Data, anchor: c.AnchorDir, server: c.Database}
	return err
}

// commits calls see for each commit of one snapshot of the ledger, also while a server writes.
func (d deployment) commits(ctx context.Context, see func(wire.Commit) error) error {
	if d.server != "" {
		return postgres.Dump(ctx, d.server, see)
	}
	reader, err := sqlite.OpenReader(ctx, d.database())
	if err != nil {
		return err
	}
	defer reader.Close()
	return reader.Commits(ctx, see)
}

// importer is a ledger that is made from the commits of another one.
type importer interface {
	Add(ctx context.Context, c wire.Commit) error
	Finish(ctx context.Context) error
	Abort()
}

func (d deployment) importer(ctx context.Context) (importer, error) {
	if d.server != "" {
		return postgres.NewImport(ctx, d.server)
	}
	return sqlite.NewImport(ctx, d.database())
}

// lasting calls see for each row that logins keep and a backup, too, also while a server writes.
func (d deployment) lasting(ctx context.Context, see func(shelf.Kind, shelf.Row) error) error {
	if d.server != "" {
		return shelfpostgres.Dump(ctx, d.server, time.Now(), see)
	}
	if !there(d.shelfFile()) {
		return nil // nobody ever logged in here
	}
	return shelfsqlite.Dump(ctx, d.shelfFile(), time.Now(), see)
}

func (d deployment) shelfImporter(ctx context.Context) (shelf.Importer, error) {
	if d.server != "" {
		return shelfpostgres.NewImport(ctx, d.server)
	}
	return shelfsqlite.NewImport(ctx, d.shelfFile())
}

// progress shows how many commits of about how many are done.
func progress(c *cobra.Command, what string, all uint64, see func(wire.Commit) error) (func(wire.Commit) error, func()) {
	show, done := frame.Progress(c, what)
	return func(commit wire.Commit) error {
		show(min(commit.Index, all), all)
		return see(commit)
	}, done
}
