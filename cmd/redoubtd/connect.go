package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"path/filepath"

	"github.com/redoubt-kms/redoubt/host/config"
	"github.com/redoubt-kms/redoubt/host/connect"
	"github.com/redoubt-kms/redoubt/host/connect/shelf"
	"github.com/redoubt-kms/redoubt/host/connect/shelf/postgres"
	"github.com/redoubt-kms/redoubt/host/connect/shelf/sqlite"
	"github.com/redoubt-kms/redoubt/host/desk"
	"github.com/redoubt-kms/redoubt/host/web"
)

// logins is Connect with the shelf that it keeps things on. The zero value serves none.
type logins struct {
	connect *connect.Connect
	shelf   shelf.Shelf
}

// openLogins opens Connect, if the manifest in force says where people log in.
func openLogins(ctx context.Context, c config.Config, counter *desk.Desk, limits web.Limits, log *slog.Logger) (logins, error) {
	options := connect.Options{Certifier: counter, Log: log, DailyLimit: uint64(c.Connect.DailyLimit), Address: limits.Address}
	if err := fromManifest(ctx, &options, c.Connect, counter); err != nil {
		return logins{}, err
	}
	if options.Origin == "" {
		log.LogAttrs(ctx, slog.LevelInfo, "nobody logs in here: the manifest names no origin for logins")
		return logins{}, nil
	}
	var err error
	if options.Mail, err = openMail(c.Connect.Mail); err != nil {
		return logins{}, err
	}
	if c.Connect.Operator != "" {
		if options.OperatorToken, err = config.Secret(c.Connect.Operator); err != nil {
			return logins{}, fmt.Errorf("connect.operator-token-file: %w", err)
		}
	}
	if options.Shelf, err = openShelf(ctx, c); err != nil {
		return logins{}, err
	}
	made, err := connect.New(options)
	if err != nil {
		options.Shelf.Close()
		return logins{}, err
	}
	log.LogAttrs(ctx, slog.LevelInfo, "people log in", slog.String("origin", options.Origin), slog.Int("providers", len(options.Providers)), slog.Bool("mail", options.Mail != nil))
	return logins{made, options.Shelf}, nil
}

// fromManifest takes origin and providers from the manifest that the enclaves show, since the host need not be able to read
// the file, and adds to each provider what the configuration has for it.
func fromManifest(ctx context.Context, o *connect.Options, c config.Connect, counter *desk.Desk) error {
	manifest, err := counter.Manifest(ctx)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	o.Origin = manifest.Connect.Origin
	more := maps.Clone(c.Providers)
	for _, p := range manifest.Connect.Providers {
		own := more[p.Name]
		delete(more, p.Name)
		one := connect.Provider{Name: p.Name, Title: cmp.Or(own.Title, p.Name), Issuer: p.Issuer, ClientID: p.ClientID}
		if own.SecretFile != "" {
			if one.ClientSecret, err = config.Secret(own.SecretFile); err != nil {
				return fmt.Errorf("connect.providers.%s: %w", p.Name, err)
			}
		}
		o.Providers = append(o.Providers, one)
	}
	for name := range more {
		return fmt.Errorf("connect.providers.%s: the manifest names no such provider; 'redoubt init --connect-provider' signs one that does", name)
	}
	return nil
}

// openMail returns how one-time codes are sent; nil for not at all.
func openMail(m config.Mail) (*connect.Mail, error) {
	if m.Server == "" {
		return nil, nil
	}
	mail := &connect.Mail{Server: m.Server, From: m.From, User: m.User, Plain: m.Plain}
	if m.PasswordFile == "" {
		return mail, nil
	}
	var err error
	if mail.Password, err = config.Secret(m.PasswordFile); err != nil {
		return nil, fmt.Errorf("connect.mail: %w", err)
	}
	return mail, nil
}

// openShelf opens what logins keep, where the ledger is.
func openShelf(ctx context.Context, c config.Config) (shelf.Shelf, error) {
	if c.Database != "" {
		return postgres.Open(ctx, c.Database)
	}
	return sqlite.Open(ctx, filepath.Join(c.Data, "connect.db"))
}

// run removes what has expired, until the context ends.
func (l logins) run(ctx context.Context) {
	if l.connect != nil {
		l.connect.Run(ctx)
	}
}

// routes returns what puts the pages on a mux; nil for none.
func (l logins) routes() func(*http.ServeMux) {
	if l.connect == nil {
		return nil
	}
	return l.connect.Routes
}

func (l logins) close() {
	if l.shelf != nil {
		l.shelf.Close()
	}
}
