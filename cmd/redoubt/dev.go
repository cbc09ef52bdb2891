package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/redoubt-kms/redoubt/cmd/redoubt/frame"
	"github.com/redoubt-kms/redoubt/host/desk"
	"github.com/redoubt-kms/redoubt/host/network"
	"github.com/redoubt-kms/redoubt/host/telemetry"
	"github.com/redoubt-kms/redoubt/host/web"
	"github.com/redoubt-kms/redoubt/internal/seal"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/launch"
	"github.com/redoubt-kms/redoubt/proof"
)

const (
	stopBudget = 3 * time.Second
)

// devOptions are the flags of 'redoubt dev'.
type devOptions struct {
	address   string
	place     deployment
	nodes     []string
	rateLimit uint32
	badStamps uint32
	metrics   string // address of /metrics; empty for none
	verbose   bool
	profile   string // folder
	connect   connectFlags
}

func dev() *cobra.Command {
	var o devOptions
	c := &cobra.Command{
		Use: "dev", Short: "Run everything from this one binary, with data in a folder",
		Long: `Run everything from this one binary, with data in a folder. It prints 'ready URL' when it serves. For development: the
keys are files of that folder, and the enclaves are ordinary processes.`,
		Example: `  redoubt dev --data data

  redoubt dev --data data --anchor-dir /mnt/other/anchor --rpc solana/devnet=http://127.0.0.1:8899 --rate-limit 100`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c.Context(), c.OutOrStdout(), c.ErrOrStderr()) },
	}
	f := c.Flags()
	f.StringVar(&o.address, "addr", "127.0.0.1:8484", "`HOST:PORT` where to serve")
	f.StringVar(&o.place.dir, "data", "", "`DIR` of the data; an empty or missing one is set up")
	f.StringVar(&o.place.anchor, "anchor-dir", "", "`DIR` of the anchor, best on another disk (default the folder of the data)")
	f.StringArrayVar(&o.nodes, "rpc", nil, "node to broadcast through, `CHAIN/NETWORK=URL`; may be given several times")
	f.Uint32Var(&o.rateLimit, "rate-limit", 0, "`NUMBER` of requests a second of one organization; 0 for no limit")
	f.Uint32Var(&o.badStamps, "bad-stamps", 0, "`NUMBER` of requests a second with bad stamps from one address; 0 for no limit")
	f.StringVar(&o.metrics, "metrics-addr", "", "`HOST:PORT` of /metrics for Prometheus, not where the API is (default nowhere)")
	f.BoolVar(&o.verbose, "verbose", false, "log every request")
	f.StringVar(&o.place.server, "postgres", "", "keep the ledger in PostgreSQL at this `DSN` instead of a file of the data folder")
	f.StringVar(&o.profile, "profile", "", "write a processor profile of each process into this `folder` when it ends")
	o.connect.addProviders(c)
	o.connect.addTrust(c)
	_ = c.MarkFlagRequired("data")
	return c
}

func (o devOptions) run(ctx context.Context, stdout, stderr io.Writer) error {
	if err := o.place.absolute(); err != nil {
		return err
	}
	if _, _, err := net.SplitHostPort(o.metrics); o.metrics != "" && (err != nil || o.metrics == o.address && !strings.HasSuffix(o.address, ":0")) {
		return frame.Usagef("--metrics-addr: want HOST:PORT, and not that of the API")
	}
	broadcast, err := network.New(o.nodes)
	if err != nil {
		return frame.Usagef("%w", err)
	}
	level := slog.LevelInfo
	if o.verbose {
		level = slog.LevelDebug
	}
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level}))
	finish, err := o.profileHost()
	if err != nil {
		return err
	}
	return errors.Join(o.serve(ctx, broadcast, log, stdout), finish())
}

// absolute settles where the folders are; the anchor's is that of the data unless it is named.
func (d *deployment) absolute() error {
	var err error
	if d.dir, err = filepath.Abs(d.dir); err != nil {
		return err
	}
	if d.anchor == "" {
		d.anchor = d.dir
	}
	d.anchor, err = filepath.Abs(d.anchor)
	return err
}

func (o devOptions) serve(ctx context.Context, broadcast *network.Network, log *slog.Logger, stdout io.Writer) error {
	listener, err := o.listen(ctx)
	if err != nil {
		return err
	}
	defer listener.Close()
	image, err := launch.Load("/proc/self/exe")
	if err != nil {
		return err
	}
	defer image.Close()
	origin, err := localOrigin(listener)
	if err != nil {
		return err
	}
	connect, err := o.connect.connect(origin)
	if err != nil {
		return err
	}
	wanted := settings{mode: proof.ModeDevelopment, openSignUp: true, connect: &connect}
	for _, role := range roles() {
		wanted.measurements = append(wanted.measurements, proof.Measurement{Role: role, Hash: image.Hash})
	}
	there, err := o.place.exists()
	if err != nil {
		return err
	}
	if !there {
		log.LogAttrs(ctx, slog.LevelInfo, "setting up a new deployment", slog.String("folder", o.place.dir))
		if err := o.place.create(ctx, wanted); err != nil {
			return fmt.Errorf("set up %s: %w", o.place.dir, err)
		}
	}
	lock, err := lockFolder(o.place.dir)
	if err != nil {
		return err
	}
	defer lock.Close()
	manifest, err := o.place.admit(wanted)
	if err != nil {
		return err
	}
	if signed, _, err := o.place.readManifest(); err == nil && wanted.changesConnect(signed.Manifest) {
		log.LogAttrs(ctx, slog.LevelWarn, "people may be unable to log in: the manifest keeps its settings for logins, because a rebase waits that is signed under it, or the operator's key is not here to sign another",
			slog.String("origin", signed.Manifest.Connect.Origin))
	}
	log.LogAttrs(ctx, slog.LevelWarn, "development: keys are files of this folder and the enclaves are ordinary processes; root of this machine can read them")
	return o.start(ctx, log, broadcast, image, manifest, listener, stdout)
}

// start starts the enclaves, waits until they agree that the stored state is the anchored one, and serves.
func (o devOptions) start(ctx context.Context, log *slog.Logger, broadcast *network.Network, image *launch.Image, manifest []byte, listener net.Listener, stdout io.Writer) error {
	store, err := o.place.openStore(ctx)
	if err != nil {
		return err
	}
	defer store.Close()
	key, err := o.place.readKey(keyLauncher)
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := &enclaves{}
	defer func() { stop(); ended.wait(stopBudget) }()
	watch, err := telemetry.Start(running, telemetry.Options{Metrics: o.metrics}, log)
	if err != nil {
		return err
	}
	defer watch.Close()
	doors, err := o.launch(running, ended, log, image, manifest, key)
	if err != nil {
		return err
	}
	counter := desk.New(watch.Store(store), doors[proof.RolePolicy], log)
	ready, err := openDesk(ctx, counter, ended, log)
	if err != nil {
		return err
	}
	watch.Opened(ready, counter)
	go counter.Keep(running)
	limits := web.Limits{BadStamps: o.badStamps}
	logins, err := o.openConnect(ctx, counter, limits, log)
	if err != nil {
		return err
	}
	defer logins.close()
	go logins.Run(running)
	return web.Serve(ctx, watch.Server(web.New(watch.Desk(counter), watch.Network(broadcast), limits, logins.Routes, log)), listener, "", "", stdout)
}

// enclaves waits for the enclaves, and hears when one ends before everything serves.
type enclaves struct {
	all   sync.WaitGroup
	first chan string
}

func (e *enclaves) wait(limit time.Duration) {
	done := make(chan struct{})
	go func() { e.all.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(limit):
	}
}

// launch starts the three enclaves with their doors in a folder of their own, and returns the addresses.
// checkRoots refuses root secrets that cannot be any before something is started: else the others may serve for a moment
// before the enclave with the wrong one ends.
func (o devOptions) checkRoots() error {
	for _, role := range roles() {
		file := o.place.root(role)
		if info, err := os.Stat(file); err != nil || info.Size() != seal.RootSize {
			return fmt.Errorf("%s is not a root secret of %d bytes: restore it from the backup", file, seal.RootSize)
		}
	}
	return nil
}

func (o devOptions) launch(ctx context.Context, e *enclaves, log *slog.Logger, image *launch.Image, manifest []byte, key ed25519.PrivateKey) (map[proof.Role]string, error) {
	if err := o.checkRoots(); err != nil {
		return nil, err
	}
	folder, err := doorFolder()
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { os.RemoveAll(folder) })
	doors := map[proof.Role]string{}
	for _, role := range roles() {
		doors[role] = "unix:" + filepath.Join(folder, string(role))
	}
	e.first = make(chan string, 1)
	order, err := o.place.readOrder()
	if err != nil {
		return nil, err
	}
	for _, role := range roles() {
		door, err := wire.Listen(doors[role])
		if err != nil {
			return nil, err
		}
		plan := launch.Plan{
			Role: role, Image: image, Args: o.enclaveArgs(role), Root: o.place.root(role), Anchor: o.place.anchorFile(),
			Profile: o.profileOf(string(role)),
			Door:    door.(*net.UnixListener), Key: key, Log: log,
			Pack: wire.Pack{Role: role, Manifest: manifest, Signer: doors[proof.RoleSigner], Certifier: doors[proof.RoleCertifier], RateLimit: o.rateLimit, Rebase: order},
			Exited: func(role proof.Role, reason string) {
				select {
				case e.first <- fmt.Sprintf("the %s ended: %s", role, reason):
				default:
				}
			},
			Announce: func(role proof.Role, pid int) {
				log.LogAttrs(ctx, slog.LevelInfo, "enclave started", slog.String("role", string(role)), slog.Int("pid", pid))
			},
		}
		e.all.Go(func() { launch.Keep(ctx, plan) })
	}
	return doors, nil
}

// openDesk waits until the policy engine serves, or says why it does not.
func openDesk(ctx context.Context, d *desk.Desk, e *enclaves, log *slog.Logger) (wire.Ready, error) {
	opened := make(chan error, 1)
	var ready wire.Ready
	go func() {
		var err error
		ready, err = d.Open(ctx, desk.StartPatience)
		if err == nil {
			log.LogAttrs(ctx, slog.LevelInfo, "the stored state is the anchored one", slog.Uint64("head", ready.Index), slog.Uint64("entries", ready.Size))
		}
		opened <- err
	}()
	select {
	case err := <-opened:
		return ready, err
	case reason := <-e.first:
		var refused *desk.RefusedError
		select {
		case err := <-opened: // the reason that the policy engine gave is the better one
			if errors.As(err, &refused) {
				return wire.Ready{}, err
			}
		case <-time.After(200 * time.Millisecond):
		}
		return wire.Ready{}, errors.New(reason)
	}
}

// lockFolder keeps a second server away from the folder.
func lockFolder(path string) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("%s is in use by another redoubt", path), f.Close())
	}
	return f, nil
}

// doorFolder makes a folder for the enclaves' sockets, short enough for a socket's name, and removes those of servers
// that were killed.
func doorFolder() (string, error) {
	const prefix = "redoubt-doors-"
	old, err := filepath.Glob(filepath.Join(os.TempDir(), prefix+"*"))
	if err != nil {
		return "", err
	}
	for _, folder := range old {
		var pid int
		if _, err := fmt.Sscanf(filepath.Base(folder), prefix+"%d-", &pid); err == nil && errors.Is(unix.Kill(pid, 0), unix.ESRCH) {
			os.RemoveAll(folder)
		}
	}
	return os.MkdirTemp("", fmt.Sprintf("%s%d-", prefix, os.Getpid()))
}
