package policy

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"io"
	"log"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/redoubt-kms/redoubt/enclave"
	"github.com/redoubt-kms/redoubt/enclave/certifier"
	"github.com/redoubt-kms/redoubt/enclave/signer"
	hostdesk "github.com/redoubt-kms/redoubt/host/desk"
	"github.com/redoubt-kms/redoubt/host/store/sqlite"
	"github.com/redoubt-kms/redoubt/internal/attest"
	"github.com/redoubt-kms/redoubt/internal/ledger/state"
	"github.com/redoubt-kms/redoubt/internal/seal"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

// rig is a whole deployment in one process: the three enclaves behind Unix sockets, the host's desk, and its store. Files
// outlive a stop, so that a test can change them in between, as a hostile host would.
type rig struct {
	dir       string
	manifest  []byte
	verified  proof.Manifest
	launcher  ed25519.PrivateKey
	operator  ed25519.PrivateKey
	order     []byte // of a rebase, for the certifier
	rateLimit uint32
	maxRate   uint32
	ahead     time.Duration                       // of the machine's clock; a change holds from the next start
	between   func(hostdesk.Store) hostdesk.Store // what a test puts between desk and store; nil for nothing

	store *sqlite.Store
	desk  *hostdesk.Desk
	halt  []func() // in the order in which to stop

	mu   sync.Mutex
	last int64 // newest timestampMs
}

var binary = proof.Hash{1, 2, 3}

func (r *rig) database() string { return filepath.Join(r.dir, "redoubt.db") }
func (r *rig) anchor() string   { return filepath.Join(r.dir, "anchor") }

func roles() []proof.Role {
	return []proof.Role{proof.RoleCertifier, proof.RoleSigner, proof.RolePolicy}
}

func rootOf(t testing.TB, role proof.Role) seal.Root {
	t.Helper()
	root, err := seal.NewRoot(bytes.Repeat([]byte(role[:1]), seal.RootSize))
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// newFiles makes the files of a deployment that has not started yet.
func newFiles(t testing.TB) *rig {
	t.Helper()
	dir, err := os.MkdirTemp("", "rig") // t.TempDir may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	r := &rig{dir: dir}
	operator, launcher := newKey(t), newKey(t)
	r.launcher, r.operator = launcher, operator
	r.verified = proof.Manifest{
		Version: 2, Mode: proof.ModeDevelopment, Tier: proof.TierProcess, Epoch: 1, Shard: proof.ID{1, 2, 3},
		Connect:  proof.Connect{Origin: testOrigin},
		Launcher: public(launcher), Certifier: public(certifier.Key(rootOf(t, proof.RoleCertifier))),
		Operators: [][]byte{public(operator)}, OpenSignUp: true,
	}
	for _, role := range roles() {
		r.verified.Measurements = append(r.verified.Measurements, proof.Measurement{Role: role, Hash: binary})
		r.verified.Roots = append(r.verified.Roots, proof.Measurement{Role: role, Hash: rootOf(t, role).Commitment()})
	}
	signed, err := proof.SignManifest(operator, r.verified)
	if err != nil {
		t.Fatal(err)
	}
	if r.manifest, err = proof.Encode(signed); err != nil {
		t.Fatal(err)
	}
	if err := sqlite.Create(t.Context(), r.database()); err != nil {
		t.Fatal(err)
	}
	genesis, err := state.Genesis(r.verified.Shard)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(r.anchor())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(certifier.CreateAnchor(f, rootOf(t, proof.RoleCertifier), genesis, r.verified), f.Close()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.stop)
	return r
}

// newRig makes a deployment and starts it.
func newRig(t testing.TB) *rig {
	t.Helper()
	r := newFiles(t)
	r.start(t)
	return r
}

func newKey(t testing.TB) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func public(key ed25519.PrivateKey) []byte { return key.Public().(ed25519.PublicKey) }

// quoter is the launcher, without processes.
type quoter struct {
	key  ed25519.PrivateKey
	role proof.Role
}

// Quote implements enclave.Quoter.
func (q quoter) Quote(_ context.Context, r wire.EvidenceRequest) ([]byte, error) {
	return attest.Sign(q.key, attest.Evidence{
		Version: 1, Tier: proof.TierProcess, Role: q.role, Binary: binary, Channel: r.Channel, SigningKey: r.SigningKey, Nonce: r.Nonce,
	})
}

func (r *rig) start(t testing.TB) {
	t.Helper()
	if err := r.tryStart(t); err != nil {
		t.Fatal(err)
	}
}

// tryStart starts everything; the error is the reason for which the policy engine does not serve.
func (r *rig) tryStart(t testing.TB) error {
	t.Helper()
	var err error
	if r.store, err = sqlite.Open(t.Context(), r.database()); err != nil {
		return err
	}
	r.halt = append(r.halt, func() { _ = r.store.Close() })
	serve := map[proof.Role]func(context.Context, *enclave.Vault) error{
		proof.RoleCertifier: certifier.Serve, proof.RoleSigner: signer.Serve, proof.RolePolicy: Serve,
	}
	ctx := context.WithoutCancel(t.Context())
	for _, role := range roles() {
		if err := r.launch(ctx, t, role, serve[role]); err != nil {
			return err
		}
	}
	store := hostdesk.Store(r.store)
	if r.between != nil {
		store = r.between(store)
	}
	r.desk = hostdesk.New(store, "unix:"+r.socket(proof.RolePolicy), slog.New(slog.DiscardHandler))
	opening, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	_, err = r.desk.Open(opening, hostdesk.StartPatience)
	return err
}

// wall is what the deployment takes for the wall clock.
func (r *rig) wall() time.Time { return time.Now().Add(r.ahead) }

func (r *rig) socket(role proof.Role) string { return filepath.Join(r.dir, string(role)) }

func (r *rig) launch(ctx context.Context, t testing.TB, role proof.Role, serve func(context.Context, *enclave.Vault) error) error {
	t.Helper()
	door, err := wire.Listen("unix:" + r.socket(role))
	if err != nil {
		return err
	}
	v := &enclave.Vault{
		Role: role, Root: rootOf(t, role), Door: door, Log: log.New(io.Discard, "", 0), Platform: quoter{r.launcher, role}, Wall: r.wall,
		Pack: wire.Pack{
			Role: role, Manifest: r.manifest, RateLimit: r.rateLimit, MaxRate: r.maxRate, Rebase: r.order,
			Signer: "unix:" + r.socket(proof.RoleSigner), Certifier: "unix:" + r.socket(proof.RoleCertifier),
		},
	}
	if role == proof.RoleCertifier {
		// A certifier of an earlier run may still answer somebody: let it do so in a file of its own.
		copyFile(t, r.anchor(), r.anchor()+".next")
		if err := os.Rename(r.anchor()+".next", r.anchor()); err != nil {
			return err
		}
		if v.Anchor, err = os.OpenFile(r.anchor(), os.O_RDWR, 0); err != nil {
			return err
		}
	}
	if err := v.Open(); err != nil {
		return err
	}
	running, end := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = serve(running, v) // a test that needs the reason hears it from the desk
	}()
	r.halt = append(r.halt, func() {
		end()
		<-ended
		door.Close() // an enclave that never came to serve left it open
	})
	return nil
}

// stop ends everything, the policy engine first and the store last.
func (r *rig) stop() {
	for i := len(r.halt) - 1; i >= 0; i-- {
		r.halt[i]()
	}
	r.halt = nil
}

func (r *rig) restart(t testing.TB) {
	t.Helper()
	r.stop()
	r.start(t)
}
