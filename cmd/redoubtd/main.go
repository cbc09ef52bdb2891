// Command redoubtd is the host: the KMS API, the pages where people log in, the database and the broadcasting of
// transactions. It launches nothing and holds no key; the enclaves run beside it, under a supervisor (deploy/).
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/redoubt-kms/redoubt/host/config"
	"github.com/redoubt-kms/redoubt/host/desk"
	"github.com/redoubt-kms/redoubt/host/network"
	"github.com/redoubt-kms/redoubt/host/store/postgres"
	"github.com/redoubt-kms/redoubt/host/store/sqlite"
	"github.com/redoubt-kms/redoubt/host/telemetry"
	"github.com/redoubt-kms/redoubt/host/web"
)

func main() {
	path := flag.String("config", "", "configuration file; deploy/redoubt.toml is an example")
	flag.Parse()
	if *path == "" || flag.NArg() != 0 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	err := run(ctx, *path)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "redoubtd: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, path string) error {
	c, err := config.Read(path)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	nodes, err := network.New(c.NodeList())
	if err != nil {
		return err
	}
	store, err := openStore(ctx, c)
	if err != nil {
		return err
	}
	defer store.Close()
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	watch, err := telemetry.Start(running, telemetry.Options{Metrics: c.MetricsAddr, Traces: c.Traces}, log)
	if err != nil {
		return err
	}
	defer watch.Close()
	counter := desk.New(watch.Store(store), c.Enclaves["policy"].Address, log)
	ready, err := counter.Open(ctx, desk.StartPatience)
	if err != nil {
		return err
	}
	log.LogAttrs(ctx, slog.LevelInfo, "the stored state is the anchored one", slog.Uint64("head", ready.Index), slog.Uint64("entries", ready.Size))
	watch.Opened(ready, counter)
	go counter.Keep(running)
	limits := web.Limits{BadStamps: c.BadStamps, TrustedProxies: c.TrustedProxies}
	logins, err := openLogins(ctx, c, counter, limits, log)
	if err != nil {
		return err
	}
	defer logins.close()
	go logins.run(running)
	listener, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return err
	}
	return web.Serve(ctx, watch.Server(web.New(watch.Desk(counter), watch.Network(nodes), limits, logins.routes(), log)), listener, c.TLS.Certificate, c.TLS.Key, os.Stdout)
}

// openStore opens the ledger where the configuration says it is.
func openStore(ctx context.Context, c config.Config) (desk.Store, error) {
	if c.Database != "" {
		return postgres.Open(ctx, c.Database)
	}
	return sqlite.Open(ctx, filepath.Join(c.Data, "redoubt.db"))
}
