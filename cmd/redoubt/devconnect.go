package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"time"

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

// outsideTime bounds one question to an outside provider.
const outsideTime = 10 * time.Second

// outsideClient reaches outside providers. It trusts the certificates of the manifest as the certifier does, besides those of
// the machine: else the certifier would know a provider's keys, and the host could not ask for a token.
func outsideClient(roots [][]byte) (*http.Client, error) {
	trusted, err := x509.SystemCertPool()
	if err != nil {
		return nil, err
	}
	for _, der := range roots {
		root, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("a root of Connect in the manifest: %w", err)
		}
		trusted.AddCert(root)
	}
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{RootCAs: trusted, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true,
		TLSHandshakeTimeout: outsideTime, IdleConnTimeout: time.Minute, MaxIdleConns: 16,
	}
	return &http.Client{Timeout: outsideTime, Transport: transport}, nil
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
	outside, err := outsideClient(signed.Manifest.Connect.Roots)
	if err != nil {
		kept.Close()
		return logins{}, err
	}
	options := connect.Options{
		Origin: signed.Manifest.Connect.Origin, Certifier: certifier, Shelf: kept, LogCodes: true, OpenApps: true, Log: log,
		Address: limits.Address, Client: outside,
	}
	for _, p := range signed.Manifest.Connect.Providers {
		options.Providers = append(options.Providers, outsideProvider(p))
	}
	made, err := connect.New(options)
	if err != nil {
		kept.Close()
		return logins{}, err
	}
	return logins{Connect: made, shelf: kept}, nil
}
