package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/redoubt-kms/redoubt/cmd/redoubt/frame"
	"github.com/redoubt-kms/redoubt/host/config"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/launch"
	"github.com/redoubt-kms/redoubt/proof"
)

// configured gives a command the flag --config, and runs it with what that file says.
func configured(c *cobra.Command, run func(c *cobra.Command, with config.Config, args []string) error) *cobra.Command {
	path := c.Flags().String("config", "", "configuration `FILE`; deploy/redoubt.toml is an example")
	_ = c.MarkFlagRequired("config")
	c.RunE = func(c *cobra.Command, args []string) error {
		with, err := config.Read(*path)
		if err != nil {
			return err
		}
		return run(c, with, args)
	}
	return c
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

func initialise() *cobra.Command {
	var o connectFlags
	c := &cobra.Command{
		Use: "init", Short: "Create a deployment from a configuration file",
		Long: "Create a deployment from a configuration file, or, when there is one, admit the binaries and settings of today by a new manifest.",
		Example: `  redoubt init --config /etc/redoubt/redoubt.toml

  redoubt init --config /etc/redoubt/redoubt.toml --connect-origin https://connect.example --connect-provider Example=https://id.example,client`,
		Args: cobra.NoArgs,
	}
	o.addOrigin(c)
	o.addProviders(c)
	return frame.JSON(configured(c, o.runInit))
}

// initialised is what 'init --json' prints.
type initialised struct {
	Deployment   string            `json:"deployment"`
	Manifest     string            `json:"manifest"` // hash
	Epoch        uint64            `json:"epoch"`
	Measurements map[string]string `json:"measurements"` // by role
}

// runInit creates a deployment, or, when there is one, admits the binaries and settings of today by a new manifest.
func (o *connectFlags) runInit(cmd *cobra.Command, c config.Config, _ []string) error {
	ctx := cmd.Context()
	connect, err := o.wanted()
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
	wanted := settings{mode: c.Mode, openSignUp: c.OpenSignUp, measurements: measurements, connect: connect}
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
	made := initialised{c.Data, hex.EncodeToString(hash[:]), signed.Manifest.Epoch, map[string]string{}}
	for _, m := range signed.Manifest.Measurements {
		made.Measurements[string(m.Role)] = hex.EncodeToString(m.Hash[:])
	}
	return frame.Print(cmd, made, func(w io.Writer) {
		frame.Row(w, "deployment", made.Deployment)
		frame.Row(w, "manifest", fmt.Sprintf("%s, epoch %d", made.Manifest, made.Epoch))
		for _, m := range signed.Manifest.Measurements {
			frame.Row(w, m.Role, made.Measurements[string(m.Role)])
		}
		fmt.Fprintf(w, "keep %s away from this machine: it signs manifests\n", d.key(keyOperator))
	})
}

func launchEnclave() *cobra.Command {
	return configured(&cobra.Command{
		Use: "launch ROLE", Short: "Start one enclave of a deployment and vouch for it",
		Long:    "Start one enclave of a deployment, policy, signer or certifier, vouch for it, and keep it running. It is what a supervisor's unit calls.",
		Example: `  redoubt launch --config /etc/redoubt/redoubt.toml signer`,
		Args:    cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs), ValidArgs: []string{"policy", "signer", "certifier"},
	}, runLaunch)
}

func runLaunch(cmd *cobra.Command, c config.Config, args []string) error {
	role := proof.Role(args[0])
	d := deployment{dir: c.Data, anchor: c.AnchorDir, server: c.Database}
	_, manifest, err := d.readManifest()
	if err != nil {
		return err
	}
	order, err := d.readOrder()
	if err == nil {
		err = d.rebased()
	}
	if err != nil && role == proof.RoleCertifier {
		return err
	}
	key, err := d.readKey(keyLauncher)
	if err != nil {
		return err
	}
	image, err := launch.Load(c.Enclaves[args[0]].Binary)
	if err != nil {
		return err
	}
	defer image.Close()
	door, err := openDoor(c.Enclaves[args[0]].Address)
	if err != nil {
		return err
	}
	defer door.Close()
	launch.Keep(cmd.Context(), launch.Plan{
		Role: role, Image: image, Root: d.root(role), Anchor: d.anchorFile(), Door: door, Key: key,
		Log: slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil)),
		Pack: wire.Pack{
			Role: role, Manifest: manifest, RateLimit: c.RateLimit, MaxRate: c.MaxRate, Rebase: order, Users: c.Limits.Users, Keys: c.Limits.Authenticators,
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

// versions makes the command that says what this binary is.
func versions() *cobra.Command {
	return frame.JSON(&cobra.Command{
		Use: "version", Short: "Print the version and the measurement of this binary", Example: "  redoubt version", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			image, err := launch.Load("/proc/self/exe")
			if err != nil {
				return err
			}
			defer image.Close()
			told := struct {
				Version     string `json:"version"`
				Measurement string `json:"measurement"`
			}{version, hex.EncodeToString(image.Hash[:])}
			return frame.Print(c, told, func(w io.Writer) {
				fmt.Fprintf(w, "redoubt %s\nmeasurement %s\n", told.Version, told.Measurement)
			})
		},
	})
}

// version is that of CHANGELOG.md.
const version = "0.1.0"
