// Package enclave is what the three enclaves share: how one starts from the descriptors that it inherits, locks itself
// down, is admitted by the certifier, and opens or accepts channels to the others.
//
// An enclave inherits exactly these descriptors:
//
//	3  control: a link to the launcher, and the enclave's lifeline: when it closes, the enclave ends
//	4  the listening socket of its door
//	5  its root secret, read once
//	6  the anchor's file (certifier only)
package enclave

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"net"
	"os"
	"time"

	"github.com/redoubt-kms/redoubt/internal/cert"
	"github.com/redoubt-kms/redoubt/internal/seal"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

// Quoter makes the platform's evidence for the keys of an enclave.
type Quoter interface {
	Quote(ctx context.Context, request wire.EvidenceRequest) ([]byte, error)
}

// Vault is a running enclave: who it is, what it may hold, and whom it may talk to.
type Vault struct {
	Role     proof.Role
	Signed   proof.SignedManifest
	Root     seal.Root
	Keys     *cert.Keys
	Door     net.Listener
	Anchor   *os.File // certifier only
	Pack     wire.Pack
	Log      *log.Logger
	Platform Quoter
	Measures []string // protections achieved, for the evidence

	// Wall is the host's wall clock, which only the certifier looks at; time.Now where it is nil.
	Wall func() time.Time
}

// Manifest returns the verified manifest.
func (v *Vault) Manifest() proof.Manifest { return v.Signed.Manifest }

// Open checks what a vault was given and makes its keys.
func (v *Vault) Open() error {
	if v.Wall == nil {
		v.Wall = time.Now
	}
	if err := proof.Decode(v.Pack.Manifest, &v.Signed); err != nil {
		return fmt.Errorf("manifest: %w", err)
	}
	if err := v.Signed.Verify(); err != nil {
		return err
	}
	if v.Pack.Role != v.Role {
		return fmt.Errorf("launched as %q, but this is %q", v.Pack.Role, v.Role)
	}
	if v.Manifest().Mode == proof.ModeProduction && v.Manifest().Tier == proof.TierProcess {
		return errors.New("mode production refuses tier process: it proves nothing to a remote party; use mode development or another tier")
	}
	if !v.Manifest().Knows(v.Role, v.Root.Commitment()) {
		return fmt.Errorf("the root secret is not that of the %s in the manifest: wrong key file", v.Role)
	}
	keys, err := cert.NewKeys(v.Root.Derive("signing"))
	v.Keys = keys
	return err
}

// Admit shows evidence to the certifier until it certifies our keys, or the context ends.
func (v *Vault) Admit(ctx context.Context) error {
	for {
		err := v.admitOnce(ctx)
		if err == nil {
			return nil
		}
		var fault *wire.Fault
		if errors.As(err, &fault) {
			return fmt.Errorf("the certifier refuses to admit the %s: %w", v.Role, err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("no certifier admits the %s: %w", v.Role, err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (v *Vault) admitOnce(ctx context.Context) error {
	link, err := v.Dial(ctx, proof.RoleCertifier)
	if err != nil {
		return err
	}
	defer link.Close()
	challenge, err := wire.Ask[wire.Challenge](ctx, link, wire.KindChallenge, wire.Empty{})
	if err != nil {
		return err
	}
	evidence, err := v.Platform.Quote(ctx, wire.EvidenceRequest{
		Channel: v.Keys.Channel(), SigningKey: v.Keys.SigningKey(), Nonce: challenge.Nonce, Measures: v.Measures,
	})
	if err != nil {
		return err
	}
	answer, err := wire.Ask[wire.Certificate](ctx, link, wire.KindAdmit, wire.Evidence{Evidence: evidence})
	if err != nil {
		return err
	}
	if err := answer.Certificate.Verify(v.Manifest(), v.Role, time.Now()); err != nil {
		return err
	}
	return v.Keys.Use(answer.Certificate)
}

// Renew keeps the certificate fresh until the context ends.
func (v *Vault) Renew(ctx context.Context) {
	for {
		wait := cert.Lifetime / 2
		if c := v.Keys.Certificate(); c != nil && time.Until(time.UnixMilli(int64(c.Certificate.NotAfter))) < wait {
			wait = time.Minute
			if err := v.Admit(ctx); err != nil && ctx.Err() == nil {
				v.Log.Printf("certificate not renewed: %v", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// Dial opens an authenticated channel to an enclave of a role. Nothing is served on it.
func (v *Vault) Dial(ctx context.Context, role proof.Role) (*wire.Link, error) {
	address := v.Pack.Certifier
	if role == proof.RoleSigner {
		address = v.Pack.Signer
	}
	conn, err := wire.Dial(ctx, address)
	if err != nil {
		return nil, fmt.Errorf("the %s does not answer: %w", role, err)
	}
	secured := tls.Client(conn, v.Keys.Client(v.Manifest(), role))
	if err := secured.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, fmt.Errorf("channel to the %s: %w", role, err)
	}
	return wire.NewLink(secured, func(c *wire.Call) { c.Fail(wire.Faultf("refused", "nothing is served here")) }), nil
}

// Accept serves authenticated channels of the given roles until the context ends. With strangers, an enclave that is
// not yet admitted may connect too; its role is then empty.
func (v *Vault) Accept(ctx context.Context, strangers bool, serve func(proof.Role, *wire.Call), roles ...proof.Role) error {
	config := v.Keys.Server(v.Manifest(), strangers, roles...)
	return v.accept(ctx, func(conn net.Conn) error {
		secured := tls.Server(conn, config)
		handshake, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		if err := secured.HandshakeContext(handshake); err != nil {
			return err
		}
		role := proof.Role("")
		if state := secured.ConnectionState(); len(state.PeerCertificates) > 0 {
			var err error
			if role, err = cert.Peer(state, v.Manifest(), roles...); err != nil {
				return err
			}
		}
		wire.NewLink(secured, func(c *wire.Call) { serve(role, c) })
		return nil
	})
}

// accept runs serve for each connection, apart, until the context ends.
func (v *Vault) accept(ctx context.Context, serve func(net.Conn) error) error {
	stop := context.AfterFunc(ctx, func() { v.Door.Close() })
	defer stop()
	for {
		conn, err := v.Door.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("door of the %s: %w", v.Role, err)
		}
		go func() {
			if err := serve(conn); err != nil {
				v.Log.Printf("connection refused: %v", err)
				conn.Close()
			}
		}()
	}
}

// AcceptHost serves plain connections of the host until the context ends. The host proves nothing and is not believed.
func (v *Vault) AcceptHost(ctx context.Context, serve func(net.Conn)) error {
	return v.accept(ctx, func(conn net.Conn) error { serve(conn); return nil })
}
