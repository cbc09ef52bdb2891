package main

import (
	"bytes"
	"context"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/redoubt-kms/redoubt/cmd/redoubt/frame"
	"github.com/redoubt-kms/redoubt/enclave/certifier"
	"github.com/redoubt-kms/redoubt/host/connect"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

// connectFlags say where people log in.
type connectFlags struct {
	origin    string   // 'init' only; 'dev' takes its own address
	providers []string // NAME=ISSUER,CLIENT_ID
	roots     []string // 'dev' only: PEM files
	loopback  []string // 'dev' only: HOST:PORT
}

func (o *connectFlags) addProviders(c *cobra.Command) {
	c.Flags().StringArrayVar(&o.providers, "connect-provider", nil, "OpenID provider by which people may sign in, `NAME=ISSUER,CLIENT_ID`, with a name of letters, digits and -._~; may be given several times")
}

func (o *connectFlags) addOrigin(c *cobra.Command) {
	c.Flags().StringVar(&o.origin, "connect-origin", "", "`ORIGIN` of the pages where people log in, https://HOST or https://HOST:PORT (default what the manifest says)")
}

func (o *connectFlags) addTrust(c *cobra.Command) {
	c.Flags().StringArrayVar(&o.roots, "connect-root", nil, "`FILE` of certificates (PEM) to trust for providers besides the usual ones; may be given several times")
	c.Flags().StringArrayVar(&o.loopback, "connect-loopback", nil, "`HOST:PORT` of this machine that keys of providers may be fetched from; may be given several times")
}

// connect reads the flags.
func (o *connectFlags) connect(origin string) (proof.Connect, error) {
	c := proof.Connect{Origin: origin, Loopback: o.loopback}
	for _, text := range o.providers {
		name, rest, named := strings.Cut(text, "=")
		last := strings.LastIndexByte(rest, ',')
		if !named || last < 0 {
			return c, frame.Usagef("--connect-provider: want NAME=ISSUER,CLIENT_ID")
		}
		p := proof.Provider{Name: name, Issuer: rest[:last], ClientID: rest[last+1:]}
		if err := outsideProvider(p).Check(origin); err != nil { // else the manifest has it, and the server does not start
			return c, frame.Usagef("--connect-provider: %v", err)
		}
		c.Providers = append(c.Providers, p)
	}
	for _, path := range o.roots {
		roots, err := readRoots(path)
		if err != nil {
			return c, err
		}
		c.Roots = append(c.Roots, roots...)
	}
	return c, nil
}

// outsideProvider is a provider of the manifest as the host has it.
func outsideProvider(p proof.Provider) connect.Provider {
	return connect.Provider{Name: p.Name, Title: p.Name, Issuer: p.Issuer, ClientID: p.ClientID}
}

// wanted is what 'init' changes of Connect; nil for nothing.
func (o *connectFlags) wanted() (*proof.Connect, error) {
	if o.origin == "" {
		if len(o.providers) > 0 {
			return nil, frame.Usagef("--connect-provider needs --connect-origin")
		}
		return nil, nil
	}
	c, err := o.connect(o.origin)
	return &c, err
}

// readRoots reads certificates of a PEM file (RFC 7468).
func readRoots(path string) ([][]byte, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var all [][]byte
	for {
		var block *pem.Block
		if block, b = pem.Decode(b); block == nil {
			break
		}
		if block.Type == "CERTIFICATE" {
			all = append(all, block.Bytes)
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s holds no certificate in PEM", path)
	}
	return all, nil
}

// listen opens the address to serve at. Where any port will do, it is the one of the last start if that is free: another
// one is another origin, which ends logins and passkeys.
func (o devOptions) listen(ctx context.Context) (net.Listener, error) {
	var open net.ListenConfig
	if host, port, err := net.SplitHostPort(o.address); err == nil && port == "0" {
		signed, _, err := o.place.readManifest()
		before, known := strings.CutPrefix(signed.Manifest.Connect.Origin, "http://localhost:")
		if err == nil && known {
			if listener, err := open.Listen(ctx, "tcp", net.JoinHostPort(host, before)); err == nil {
				return listener, nil
			}
		}
	}
	return open.Listen(ctx, "tcp", o.address)
}

// localOrigin is that of a server of this machine, as its browsers name it.
func localOrigin(listener net.Listener) (string, error) {
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if port == "80" {
		return "http://localhost", err
	}
	return "http://localhost:" + port, err
}

// changesConnect says whether a manifest has other settings for logins than these.
func (s settings) changesConnect(m proof.Manifest) bool {
	if s.connect == nil {
		return false
	}
	had, err := proof.Encode(m.Connect)
	if err != nil {
		return true
	}
	want, err := proof.Encode(*s.connect)
	return err != nil || !bytes.Equal(had, want)
}

// connectInto puts the settings for logins into a manifest, whose version follows from them.
func (s settings) connectInto(m *proof.Manifest) {
	if s.connect != nil {
		m.Version, m.Connect = 2, *s.connect
	}
}

// rebaseWaits says whether a rebase that names this manifest was not taken yet: another manifest would undo it.
func (d deployment) rebaseWaits(m proof.Manifest) (bool, error) {
	b, err := d.readOrder()
	if err != nil || len(b) == 0 {
		return false, err
	}
	var order wire.RebaseOrder
	var signed proof.SignedRebase
	if proof.Decode(b, &order) != nil || proof.Decode(order.Statement, &signed) != nil {
		return false, nil // the certifier says what is wrong with it
	}
	hash, err := m.Hash()
	if err != nil || signed.Rebase.Manifest != hash {
		return false, err
	}
	f, err := os.Open(d.anchorFile())
	if err != nil {
		return false, err
	}
	defer f.Close()
	taken, err := certifier.Peek(f)
	return err != nil || !bytes.Equal(taken.Rebase, order.Statement), nil
}
