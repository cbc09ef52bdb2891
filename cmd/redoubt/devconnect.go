package main

import (
	"context"
	"log/slog"
	"path/filepath"

	"github.com/redoubt-kms/redoubt/host/connect"
	"github.com/redoubt-kms/redoubt/host/connect/shelf"
	"github.com/redoubt-kms/redoubt/host/connect/shelf/postgres"
	"github.com/redoubt-kms/redoubt/host/connect/shelf/sqlite"
	"github.com/redoubt-kms/redoubt/host/desk"
	"github.com/redoubt-kms/redoubt/host/web"
)

// logins is Connect with the shelf that it keeps things on.
type logins struct {
	*connect.Connect
	shelf shelf.Shelf
}

func (l logins) close() { l.shelf.Close() }

// shelfFile is what Connect keeps beside the ledger.
func (d deployment) shelfFile() string { return filepath.Join(d.dir, "connect.db") }

// openShelf opens what Connect keeps: in the database server of the ledger, or in a file beside it.
func (d deployment) openShelf(ctx context.Context) (shelf.Shelf, error) {
	if d.server != "" {
		return postgres.Open(ctx, d.server)
	}
	return sqlite.Open(ctx, d.shelfFile())
}

// openConnect opens the logins of a development server: one-time codes go to the log, and apps of this machine are
// registered when they first come.
func (o devOptions) openConnect(ctx context.Context, certifier *desk.Desk, limits web.Limits, log *slog.Logger) (logins, error) {
	signed, _, err := o.place.readManifest()
	if err != nil {
		return logins{}, err
	}
	kept, err := o.place.openShelf(ctx)
	if err != nil {
		return logins{}, err
	}
	options := connect.Options{
		Origin: signed.Manifest.Connect.Origin, Certifier: certifier, Shelf: kept, LogCodes: true, OpenApps: true, Log: log,
		Address: limits.Address,
	}
	for _, p := range signed.Manifest.Connect.Providers {
		options.Providers = append(options.Providers, connect.Provider{Name: p.Name, Title: p.Name, Issuer: p.Issuer, ClientID: p.ClientID})
	}
	made, err := connect.New(options)
	if err != nil {
		kept.Close()
		return logins{}, err
	}
	return logins{Connect: made, shelf: kept}, nil
}
