package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/redoubt-kms/redoubt/cmd/redoubt/frame"
	"github.com/redoubt-kms/redoubt/host/connect"
	"github.com/redoubt-kms/redoubt/host/connect/shelf"
)

// withApps opens where a deployment's apps are registered. A file is made only for who adds to it, and never in a folder
// that holds no deployment; for others it is an error that wraps shelf.ErrNone when nothing was ever kept.
func (p *place) withApps(ctx context.Context, add bool, do func(connect.Registry) error) error {
	if err := p.settle(); err != nil {
		return err
	}
	if !there(p.manifest()) {
		return fmt.Errorf("%s holds no deployment", p.dir)
	}
	if !add && p.server == "" && !there(p.shelfFile()) {
		return fmt.Errorf("%s: %w", p.shelfFile(), shelf.ErrNone)
	}
	kept, err := p.openShelf(ctx)
	if err != nil {
		return err
	}
	defer kept.Close()
	return do(connect.Registry{Shelf: kept})
}

// apps reads all apps.
func (p *place) apps(ctx context.Context) ([]connect.App, error) {
	var all []connect.App
	err := p.withApps(ctx, false, func(g connect.Registry) error {
		for after := ""; ; after = all[len(all)-1].ClientID {
			page, err := g.Apps(ctx, after, appPage)
			if err != nil || len(page) == 0 {
				return err
			}
			all = append(all, page...)
		}
	})
	if errors.Is(err, shelf.ErrNone) {
		err = nil
	}
	return all, err
}

// completeApps lists client ids for the shell, with the names.
func (p *place) completeApps(ctx context.Context) []string {
	all, err := p.apps(ctx)
	if err != nil {
		return nil
	}
	ids := make([]string, len(all))
	for i, a := range all {
		ids[i] = cobra.CompletionWithDesc(a.ClientID, frame.Plain(a.Name))
	}
	return ids
}
