package enclave_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"io"
	"log"
	"strings"
	"testing"
	"time"

	"github.com/redoubt-kms/redoubt/enclave"
	"github.com/redoubt-kms/redoubt/internal/seal"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

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

func public(key ed25519.PrivateKey) []byte { return key.Public().(ed25519.PublicKey) }

// signed is a manifest as an enclave is told it.
func signed(t *testing.T, by ed25519.PrivateKey, edit func(*proof.Manifest)) []byte {
	t.Helper()
	m := proof.Manifest{
		Version: 1, Mode: proof.ModeDevelopment, Tier: proof.TierProcess, Epoch: 1, Shard: proof.ID{1}, Launcher: public(testKey(1)),
		Certifier: public(testKey(2)), Operators: [][]byte{public(testKey(3))},
		Roots: []proof.Measurement{{Role: proof.RoleSigner, Hash: testRoot(t, 7).Commitment()}, {Role: proof.RolePolicy, Hash: testRoot(t, 8).Commitment()}},
	}
	if edit != nil {
		edit(&m)
	}
	s, err := proof.SignManifest(by, m)
	if err != nil {
		t.Fatal(err)
	}
	b, err := proof.Encode(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// An enclave starts only as what it is, with its own root secret, under a manifest that an operator signed, and in a tier
// that proves as much as the mode promises.
func TestOpen(t *testing.T) {
	good := func() *enclave.Vault {
		return &enclave.Vault{Role: proof.RoleSigner, Root: testRoot(t, 7), Pack: wire.Pack{Role: proof.RoleSigner, Manifest: signed(t, testKey(3), nil)}}
	}
	v := good()
	if err := v.Open(); err != nil || v.Keys == nil || v.Manifest().Shard != (proof.ID{1}) {
		t.Fatalf("a good start: %v", err)
	}
	for why, c := range map[string]struct {
		edit func(*enclave.Vault)
		says string
	}{
		"another role's root secret": {func(v *enclave.Vault) { v.Root = testRoot(t, 8) }, "wrong key file"},
		"nobody's root secret":       {func(v *enclave.Vault) { v.Root = testRoot(t, 9) }, "wrong key file"},
		"launched as another":        {func(v *enclave.Vault) { v.Pack.Role = proof.RolePolicy }, "launched as"},
		"launched as nothing":        {func(v *enclave.Vault) { v.Pack.Role = "" }, "launched as"},
		"signed by somebody":         {func(v *enclave.Vault) { v.Pack.Manifest = signed(t, testKey(4), nil) }, "manifest refused"},
		"production in a process": {func(v *enclave.Vault) {
			v.Pack.Manifest = signed(t, testKey(3), func(m *proof.Manifest) { m.Mode = proof.ModeProduction })
		}, "proves nothing"},
		"no manifest":              {func(v *enclave.Vault) { v.Pack.Manifest = nil }, "manifest"},
		"more behind the manifest": {func(v *enclave.Vault) { v.Pack.Manifest = append(v.Pack.Manifest, 0) }, "manifest"},
	} {
		v := good()
		c.edit(v)
		if err := v.Open(); err == nil || !strings.Contains(err.Error(), c.says) || v.Keys != nil {
			t.Errorf("%s: %v", why, err)
		}
	}
}

// Without a certifier an enclave is not admitted, says so in time, and does not hang.
func TestAdmitGivesUp(t *testing.T) {
	v := &enclave.Vault{
		Role: proof.RoleSigner, Root: testRoot(t, 7), Log: log.New(io.Discard, "", 0),
		Pack: wire.Pack{Role: proof.RoleSigner, Manifest: signed(t, testKey(3), nil), Certifier: "unix:" + t.TempDir() + "/nobody"},
	}
	if err := v.Open(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 120*time.Millisecond)
	defer cancel()
	if err := v.Admit(ctx); err == nil || v.Keys.Certificate() != nil {
		t.Errorf("admitted by nobody: %v", err)
	}
	if _, err := v.Dial(t.Context(), proof.RolePolicy); err == nil {
		t.Error("a channel without a certifier")
	}
}

// A door that is closed by the end of the context is no error; one that breaks before is.
func TestAcceptEnds(t *testing.T) {
	for _, broken := range []bool{false, true} {
		door, err := wire.Listen("unix:" + t.TempDir() + "/d")
		if err != nil {
			t.Fatal(err)
		}
		v := &enclave.Vault{Role: proof.RoleSigner, Door: door, Log: log.New(io.Discard, "", 0)}
		ctx, cancel := context.WithCancel(t.Context())
		outcome := make(chan error, 1)
		go func() { outcome <- v.AcceptHost(ctx, nil) }()
		if broken {
			door.Close()
		} else {
			cancel()
		}
		if err := <-outcome; (err != nil) != broken || errors.Is(err, context.Canceled) {
			t.Errorf("broken %v: %v", broken, err)
		}
		cancel()
	}
}
