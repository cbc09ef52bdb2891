package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/redoubt-kms/redoubt/enclave/certifier"
	"github.com/redoubt-kms/redoubt/host/desk"
	"github.com/redoubt-kms/redoubt/host/store/postgres"
	"github.com/redoubt-kms/redoubt/host/store/sqlite"
	"github.com/redoubt-kms/redoubt/internal/id"
	"github.com/redoubt-kms/redoubt/internal/ledger/state"
	"github.com/redoubt-kms/redoubt/internal/seal"
	"github.com/redoubt-kms/redoubt/proof"
)

// deployment says where the files of a deployment are.
type deployment struct {
	dir    string
	anchor string // folder of the anchor
	server string // postgres://… when the ledger is not a file of the folder
}

const anchorName = "anchor.state"

func (d deployment) database() string         { return filepath.Join(d.dir, "redoubt.db") }
func (d deployment) manifest() string         { return filepath.Join(d.dir, "manifest.cbor") }
func (d deployment) kept() string             { return filepath.Join(d.dir, "restored.cbor") } // what a backup kept of the anchor
func (d deployment) order() string            { return filepath.Join(d.dir, "rebase.cbor") }   // the newest rebase, for the certifier
func (d deployment) anchorFile() string       { return filepath.Join(d.anchor, anchorName) }
func (d deployment) key(name string) string   { return filepath.Join(d.dir, "keys", name+".key") }
func (d deployment) root(r proof.Role) string { return d.key(string(r)) }
func (d deployment) at(dir string) deployment {
	return deployment{dir: dir, anchor: dir, server: d.server}
}

// The keys besides the enclaves' root secrets.
const (
	keyLauncher = "launcher"
	keyOperator = "operator"
)

func roles() []proof.Role {
	return []proof.Role{proof.RoleCertifier, proof.RoleSigner, proof.RolePolicy}
}

// exists says whether there is a deployment. A folder that is neither empty nor whole is an error: what is missing might
// be what proves that nothing was rolled back, so it is never made anew.
func (d deployment) exists() (bool, error) {
	if inside, err := filepath.Rel(d.dir, d.anchor); err == nil && inside != "." && !strings.HasPrefix(inside, "..") {
		return false, fmt.Errorf("the anchor's folder %s lies inside the data's %s: put it elsewhere, best on another disk", d.anchor, d.dir)
	}
	if err := d.resume(); err != nil {
		return false, err
	}
	entries, err := os.ReadDir(d.dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return false, err
	}
	if len(entries) == 0 {
		if there(d.anchorFile()) {
			return false, fmt.Errorf("%s holds the anchor of a deployment, but %s is empty: the database is missing; restore it, or name another --anchor-dir to begin anew", d.anchorFile(), d.dir)
		}
		return false, nil
	}
	if err := d.rebased(); err != nil {
		return false, err
	}
	needed := []string{d.manifest(), d.anchorFile(), d.key(keyLauncher)}
	if d.server == "" {
		needed = append(needed, d.database())
	}
	for _, r := range roles() {
		needed = append(needed, d.root(r))
	}
	for _, path := range needed {
		if !there(path) {
			return false, fmt.Errorf("%s is not empty, but %s is missing: restore it; nothing is ever made anew in place of a missing file", d.dir, path)
		}
	}
	return true, nil
}

// rebased refuses a folder that was restored from a backup and has no anchor. A copy of the old anchor beside the old
// database would start, and be a roll-back that nobody notices; so a backup brings none that could be used.
func (d deployment) rebased() error {
	if there(d.kept()) && !there(d.anchorFile()) {
		return fmt.Errorf("%s was restored from a backup, and no anchor says that it is the newest state: 'redoubt rebase' makes it usable, with the operator's key", d.dir)
	}
	return nil
}

// readOrder reads the newest rebase for the certifier; there need not be one.
func (d deployment) readOrder() ([]byte, error) {
	b, err := os.ReadFile(d.order())
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return b, err
}

func there(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// settings are what a new manifest says.
type settings struct {
	mode         string
	openSignUp   bool
	measurements []proof.Measurement
	connect      *proof.Connect // nil leaves what a manifest says
}

func (d deployment) fill(ctx context.Context, s settings) error {
	if err := os.Mkdir(filepath.Join(d.dir, "keys"), 0o700); err != nil {
		return err
	}
	roots := map[proof.Role]seal.Root{}
	manifest := proof.Manifest{
		Version: 1, Mode: s.mode, Tier: proof.TierProcess, Epoch: 1, Shard: id.Random(), Created: uint64(time.Now().UnixMilli()),
		Measurements: s.measurements, Anchors: []string{"file"}, OpenSignUp: s.openSignUp,
	}
	s.connectInto(&manifest)
	for _, role := range roles() {
		root, err := d.newRoot(role)
		if err != nil {
			return err
		}
		defer root.Zero()
		roots[role] = root
		manifest.Roots = append(manifest.Roots, proof.Measurement{Role: role, Hash: root.Commitment()})
	}
	launcher, err := d.newKey(keyLauncher)
	if err != nil {
		return err
	}
	operator, err := d.newKey(keyOperator)
	if err != nil {
		return err
	}
	manifest.Launcher = launcher.Public().(ed25519.PublicKey)
	manifest.Operators = [][]byte{operator.Public().(ed25519.PublicKey)}
	manifest.Certifier = certifier.Key(roots[proof.RoleCertifier]).Public().(ed25519.PublicKey)
	if err := d.writeManifest(operator, manifest); err != nil {
		return err
	}
	if err := d.createAnchor(roots[proof.RoleCertifier], manifest); err != nil {
		return err
	}
	if err := d.createLedger(ctx); err != nil {
		return err
	}
	return syncFolder(d.dir)
}

func (d deployment) createLedger(ctx context.Context) error {
	if d.server != "" {
		return postgres.Create(ctx, d.server)
	}
	return sqlite.Create(ctx, d.database())
}

func (d deployment) openStore(ctx context.Context) (desk.Store, error) {
	if d.server != "" {
		return postgres.Open(ctx, d.server)
	}
	return sqlite.Open(ctx, d.database())
}

func (d deployment) newRoot(role proof.Role) (seal.Root, error) {
	secret := make([]byte, seal.RootSize)
	defer clear(secret)
	rand.Read(secret)
	if err := writeNew(d.root(role), secret); err != nil {
		return seal.Root{}, err
	}
	return seal.NewRoot(secret)
}

func (d deployment) newKey(name string) (ed25519.PrivateKey, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	return key, writeNew(d.key(name), key.Seed())
}

func (d deployment) createAnchor(root seal.Root, m proof.Manifest) error {
	genesis, err := state.Genesis(m.Shard)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(d.anchorFile(), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(certifier.CreateAnchor(f, root, genesis, m), f.Close())
}

func (d deployment) writeManifest(operator ed25519.PrivateKey, m proof.Manifest) error {
	signed, err := proof.SignManifest(operator, m)
	if err == nil {
		err = signed.Verify()
	}
	if err != nil {
		return err
	}
	b, err := proof.Encode(signed)
	if err != nil {
		return err
	}
	next := d.manifest() + ".next"
	if err := os.RemoveAll(next); err != nil {
		return err
	}
	if err := writeNew(next, b); err != nil {
		return err
	}
	return errors.Join(os.Rename(next, d.manifest()), syncFolder(d.dir))
}

// readManifest reads and verifies the manifest.
func (d deployment) readManifest() (proof.SignedManifest, []byte, error) {
	var signed proof.SignedManifest
	b, err := os.ReadFile(d.manifest())
	if err != nil {
		return signed, nil, err
	}
	if err := proof.Decode(b, &signed); err != nil {
		return signed, nil, fmt.Errorf("%s: %w", d.manifest(), err)
	}
	return signed, b, signed.Verify()
}

// readKey reads an Ed25519 key.
func (d deployment) readKey(name string) (ed25519.PrivateKey, error) {
	seed, err := os.ReadFile(d.key(name))
	if err != nil {
		return nil, err
	}
	defer clear(seed)
	if len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("%s has %d bytes, want %d", d.key(name), len(seed), ed25519.SeedSize)
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

// admit makes sure that the manifest admits these binaries and says these settings. A development folder holds its
// operator's key, so that a rebuilt binary is admitted by a new manifest; anywhere else an operator does that.
func (d deployment) admit(wanted settings) ([]byte, error) {
	signed, encoded, err := d.readManifest()
	if err != nil {
		return nil, err
	}
	m := signed.Manifest
	same := m.OpenSignUp == wanted.openSignUp
	for _, one := range wanted.measurements {
		same = same && m.Admits(one.Role, one.Hash)
	}
	if same && !wanted.changesConnect(m) {
		return encoded, nil
	}
	if waits, err := d.rebaseWaits(m); err != nil || same && waits {
		return encoded, err // logins can wait for the next start, but a rebase that is signed under this manifest cannot
	}
	operator, err := d.readKey(keyOperator)
	if same && errors.Is(err, os.ErrNotExist) && m.Mode == proof.ModeDevelopment {
		return encoded, nil // all but logins works under the manifest that there is
	}
	if err != nil {
		return nil, fmt.Errorf("the manifest does not admit these binaries or settings, and the operator's key is not here to sign another: %w", err)
	}
	m.Epoch++
	m.Measurements, m.OpenSignUp = wanted.measurements, wanted.openSignUp
	wanted.connectInto(&m)
	if err := d.writeManifest(operator, m); err != nil {
		return nil, err
	}
	_, encoded, err = d.readManifest()
	return encoded, err
}

// writeNew writes a file that must not exist, for its owner only, and makes it durable.
func writeNew(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Sync(), f.Close())
}

func syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
