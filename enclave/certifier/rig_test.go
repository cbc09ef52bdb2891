package certifier

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"log"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/redoubt-kms/redoubt/enclave"
	"github.com/redoubt-kms/redoubt/internal/attest"
	"github.com/redoubt-kms/redoubt/internal/cert"
	"github.com/redoubt-kms/redoubt/internal/ledger/state"
	"github.com/redoubt-kms/redoubt/internal/seal"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

// rig is a certifier with what it was made from.
type rig struct {
	file *os.File
	*Certifier
	root     seal.Root
	manifest proof.Manifest
	launcher ed25519.PrivateKey
	anchor   string // path
}

func testRoot(t *testing.T, fill byte) seal.Root {
	t.Helper()
	root, err := seal.NewRoot(bytes.Repeat([]byte{fill}, seal.RootSize))
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func testKey(fill byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{fill}, ed25519.SeedSize))
}

// The binaries that the manifest of the rig admits.
var policyBinary, signerBinary = proof.Hash{1}, proof.Hash{2}

func newRig(t *testing.T) *rig {
	t.Helper()
	return newRigWith(t, testConnect())
}

// newRigWith is newRig under a manifest with other settings for logins.
func newRigWith(t *testing.T, connect proof.Connect) *rig {
	t.Helper()
	r := &rig{root: testRoot(t, 7), launcher: testKey(8), anchor: filepath.Join(t.TempDir(), "anchor")}
	r.manifest = proof.Manifest{
		Version: 2, Mode: proof.ModeDevelopment, Tier: proof.TierProcess, Epoch: 3, Shard: proof.ID{5}, Connect: connect,
		Measurements: []proof.Measurement{{Role: proof.RolePolicy, Hash: policyBinary}, {Role: proof.RoleSigner, Hash: signerBinary}},
		Launcher:     r.launcher.Public().(ed25519.PublicKey), Certifier: Key(r.root).Public().(ed25519.PublicKey),
	}
	genesis, err := state.Genesis(r.manifest.Shard)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(r.anchor, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := CreateAnchor(f, r.root, genesis, r.manifest); err != nil {
		t.Fatal(err)
	}
	r.reopen(t)
	return r
}

// reopen starts the certifier anew from its files.
func (r *rig) reopen(t *testing.T) {
	t.Helper()
	c, err := open(r.vault(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.certifySelf(); err != nil {
		t.Fatal(err)
	}
	r.Certifier = c
}

func (r *rig) vault(t *testing.T) *enclave.Vault {
	t.Helper()
	keys, err := cert.NewKeys([32]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	if r.file != nil {
		r.file.Close() // the one before it has ended, and its lock with it
	}
	f, err := os.OpenFile(r.anchor, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	r.file = f
	t.Cleanup(func() { f.Close() })
	return &enclave.Vault{
		Wall: time.Now,
		Role: proof.RoleCertifier, Signed: proof.SignedManifest{Manifest: r.manifest}, Root: r.root, Keys: keys, Anchor: f,
		Log: log.New(t.Output(), "", 0),
	}
}

// next makes a head that follows another.
func next(t *testing.T, previous proof.Head, epoch uint64) proof.Head {
	t.Helper()
	link, err := previous.Hash()
	if err != nil {
		t.Fatal(err)
	}
	head := previous
	head.Epoch, head.Index, head.Previous, head.Size = epoch, previous.Index+1, link, previous.Size+2
	head.Root = proof.Hash{byte(head.Index)}
	return head
}

// opened makes the caller the writer.
func (r *rig) opened(t *testing.T) wire.Opened {
	t.Helper()
	opened, err := r.open(wire.Empty{})
	if err != nil {
		t.Fatal(err)
	}
	return opened
}

// ask sends one message to the certifier as a role would, over a link.
func (r *rig) ask(t *testing.T, role proof.Role, kind wire.Kind, message any) error {
	t.Helper()
	ours, theirs := net.Pipe()
	server := wire.NewLink(theirs, func(c *wire.Call) { r.handle(role, c) })
	client := wire.NewLink(ours, func(c *wire.Call) {})
	defer server.Close()
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	wait, err := wire.Begin[[]any](client, kind, message)
	if err != nil {
		t.Fatal(err)
	}
	_, err = wait(ctx)
	return err
}

// evidence makes evidence for a challenge, changed by edit.
func (r *rig) evidence(t *testing.T, nonce []byte, signedBy ed25519.PrivateKey, edit func(*attest.Evidence)) wire.Evidence {
	t.Helper()
	e := attest.Evidence{
		Version: 1, Tier: proof.TierProcess, Role: proof.RolePolicy, Binary: policyBinary, Channel: proof.Hash{9},
		SigningKey: make([]byte, 32), Nonce: nonce,
	}
	if edit != nil {
		edit(&e)
	}
	b, err := attest.Sign(signedBy, e)
	if err != nil {
		t.Fatal(err)
	}
	return wire.Evidence{Evidence: b}
}
