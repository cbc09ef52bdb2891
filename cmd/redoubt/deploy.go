package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"

	"github.com/redoubt-kms/redoubt/host/config"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/launch"
	"github.com/redoubt-kms/redoubt/proof"
)

// readConfig reads the flag --config, which is all that these commands take.
func readConfig(name, synopsis string, args []string, n int, stderr io.Writer) (config.Config, []string, error) {
	f := flags(name, synopsis, stderr)
	path := f.String("config", "", "configuration file; deploy/redoubt.toml is an example")
	if err := parse(f, args, n); err != nil {
		return config.Config{}, nil, err
	}
	if *path == "" {
		f.Usage()
		return config.Config{}, nil, fmt.Errorf("%w: --config is missing", errUsage)
	}
	c, err := config.Read(*path)
	return c, f.Args(), err
}

// measure reads the enclaves' binaries.
func measure(c config.Config) ([]proof.Measurement, error) {
	var all []proof.Measurement
	for _, role := range roles() {
		image, err := launch.Load(c.Enclaves[string(role)].Binary)
		if err != nil {
			return nil, fmt.Errorf("binary of the %s: %w", role, err)
		}
		all = append(all, proof.Measurement{Role: role, Hash: image.Hash})
		if err := image.Close(); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// runInit creates a deployment, or, when there is one, admits the binaries and settings of today by a new manifest.
func runInit(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	c, _, err := readConfig("init", "init --config FILE", args, 0, stderr)
	if err != nil {
		return err
	}
	if c.Mode == proof.ModeProduction {
		return errors.New("mode production refuses the process tier, the only one of this release: it proves nothing to a remote party; use mode development")
	}
	measurements, err := measure(c)
	if err != nil {
		return err
	}
	wanted := settings{mode: c.Mode, openSignUp: c.OpenSignUp, measurements: measurements}
	d := deployment{dir: c.Data, anchor: c.AnchorDir, server: c.Database}
	there, err := d.exists()
	if err != nil {
		return err
	}
	if there {
		_, err = d.admit(wanted)
	} else {
		err = d.create(ctx, wanted)
	}
	if err != nil {
		return err
	}
	signed, _, err := d.readManifest()
	if err != nil {
		return err
	}
	hash, err := signed.Manifest.Hash()
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "deployment  %s\nmanifest    %x, epoch %d\n", c.Data, hash[:], signed.Manifest.Epoch)
	for _, m := range signed.Manifest.Measurements {
		fmt.Fprintf(stdout, "%-10s  %x\n", m.Role, m.Hash[:])
	}
	fmt.Fprintf(stdout, "keep %s away from this machine: it signs manifests\n", d.key(keyOperator))
	return nil
}

// runLaunch starts one enclave and keeps it running. It is what a supervisor's unit calls.
func runLaunch(ctx context.Context, args []string, _, stderr io.Writer) error {
	c, rest, err := readConfig("launch", "launch --config FILE ROLE", args, 1, stderr)
	if err != nil {
		return err
	}
	role := proof.Role(rest[0])
	if _, known := c.Enclaves[rest[0]]; !known {
		return fmt.Errorf("%w: role %q: want policy, signer or certifier", errUsage, rest[0])
	}
	d := deployment{dir: c.Data, anchor: c.AnchorDir, server: c.Database}
	_, manifest, err := d.readManifest()
	if err != nil {
		return err
	}
	key, err := d.readKey(keyLauncher)
	if err != nil {
		return err
	}
	image, err := launch.Load(c.Enclaves[rest[0]].Binary)
	if err != nil {
		return err
	}
	defer image.Close()
	door, err := openDoor(c.Enclaves[rest[0]].Address)
	if err != nil {
		return err
	}
	defer door.Close()
	launch.Keep(ctx, launch.Plan{
		Role: role, Image: image, Root: d.root(role), Anchor: d.anchorFile(), Door: door, Key: key,
		Log: slog.New(slog.NewTextHandler(stderr, nil)),
		Pack: wire.Pack{
			Role: role, Manifest: manifest, RateLimit: c.RateLimit,
			Signer: c.Enclaves[string(proof.RoleSigner)].Address, Certifier: c.Enclaves[string(proof.RoleCertifier)].Address,
		},
	})
	return nil
}

// openDoor listens at an address, in place of a socket that an earlier run left behind.
func openDoor(address string) (*net.UnixListener, error) {
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		if info, err := os.Lstat(path); err == nil && info.Mode().Type() == os.ModeSocket {
			if conn, err := net.Dial("unix", path); err == nil {
				conn.Close()
				return nil, fmt.Errorf("address %q: another process listens there", address)
			}
			if err := os.Remove(path); err != nil {
				return nil, err
			}
		}
	}
	door, err := wire.Listen(address)
	if err != nil {
		return nil, err
	}
	unix, ok := door.(*net.UnixListener)
	if !ok {
		return nil, fmt.Errorf("address %q: the process tier listens on Unix sockets", address)
	}
	return unix, nil
}

// runVersion says what this binary is.
func runVersion(_ context.Context, args []string, stdout, stderr io.Writer) error {
	if err := parse(flags("version", "version", stderr), args, 0); err != nil {
		return err
	}
	image, err := launch.Load("/proc/self/exe")
	if err != nil {
		return err
	}
	defer image.Close()
	fmt.Fprintf(stdout, "redoubt %s\nmeasurement %x\n", version, image.Hash[:])
	return nil
}

// version is that of CHANGELOG.md.
const version = "0.1.0"
