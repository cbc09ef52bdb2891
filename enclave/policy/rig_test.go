package policy

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redoubt-kms/redoubt/api"
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
	"github.com/redoubt-kms/redoubt/stamp"
)

// rig is a whole deployment in one process: the three enclaves behind Unix sockets, the host's desk, and its store. Files
// outlive a stop, so that a test can change them in between, as a hostile host would.
type rig struct {
	dir       string
	manifest  []byte
	verified  proof.Manifest
	launcher  ed25519.PrivateKey
	rateLimit uint32
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
	r.launcher = launcher
	r.verified = proof.Manifest{
		Version: 1, Mode: proof.ModeDevelopment, Tier: proof.TierProcess, Epoch: 1, Shard: proof.ID{1, 2, 3},
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

func (r *rig) socket(role proof.Role) string { return filepath.Join(r.dir, string(role)) }

func (r *rig) launch(ctx context.Context, t testing.TB, role proof.Role, serve func(context.Context, *enclave.Vault) error) error {
	t.Helper()
	door, err := wire.Listen("unix:" + r.socket(role))
	if err != nil {
		return err
	}
	v := &enclave.Vault{
		Role: role, Root: rootOf(t, role), Door: door, Log: log.New(io.Discard, "", 0), Platform: quoter{r.launcher, role},
		Pack: wire.Pack{
			Role: role, Manifest: r.manifest, RateLimit: r.rateLimit,
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
		t.Cleanup(func() { v.Anchor.Close() })
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

// timestamp gives each request a time of its own, so that no two bodies are equal unless they are meant to be.
func (r *rig) timestamp() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last = max(r.last+1, time.Now().UnixMilli())
	return r.last
}

type object = map[string]any

func (r *rig) body(t testing.TB, method api.Method, params object) []byte {
	t.Helper()
	b, err := json.Marshal(object{"method": method, "params": params, "timestampMs": r.timestamp()})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// send sends a body, stamped by a key unless it is nil.
func (r *rig) send(t testing.TB, key ed25519.PrivateKey, body []byte) wire.Answer {
	t.Helper()
	request := wire.Request{Body: body}
	if key != nil {
		request.Stamp = stamp.SignEd25519(key, body)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 15*time.Second)
	defer cancel()
	answer, err := r.desk.Request(ctx, wire.KindRequest, request)
	if err != nil {
		t.Errorf("no answer: %v", err)
	}
	return answer
}

func (r *rig) call(t testing.TB, key ed25519.PrivateKey, method api.Method, params object) wire.Answer {
	t.Helper()
	return r.send(t, key, r.body(t, method, params))
}

// must calls and reads the result of what must succeed.
func must[Result any](t testing.TB, r *rig, key ed25519.PrivateKey, method api.Method, params object) Result {
	t.Helper()
	answer := r.call(t, key, method, params)
	var result Result
	if answer.Status != 200 {
		t.Fatalf("%s: %d %s", method, answer.Status, answer.Result)
	}
	if err := json.Unmarshal(answer.Result, &result); err != nil {
		t.Fatal(err)
	}
	return result
}

// errorType reads the type of an error.
func errorType(answer wire.Answer) string {
	var e api.Error
	if answer.Status == 200 || json.Unmarshal(answer.Result, &e) != nil {
		return ""
	}
	return e.Type
}

func errorPath(answer wire.Answer) string {
	var e api.Error
	if json.Unmarshal(answer.Result, &e) != nil {
		return ""
	}
	return e.Path
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// tenant is an organization with one user of policy ROOT.
type tenant struct {
	id  string
	key ed25519.PrivateKey
}

func keypair(name string, key ed25519.PrivateKey) object {
	return object{"authenticatorName": name, "authenticatorKind": "keypair", "publicKey": b64(public(key)), "algorithm": "Ed25519"}
}

func user(name string, policy object, keys ...ed25519.PrivateKey) object {
	all := []object{}
	for i, k := range keys {
		all = append(all, keypair(name+strings.Repeat("'", i), k))
	}
	return object{"username": name, "policy": policy, "authenticators": all}
}

func preset(name string) object { return object{"type": "CEL", "preset": name} }

func (r *rig) tenant(t testing.TB, users ...object) tenant {
	t.Helper()
	key := newKey(t)
	all := append([]object{user("root", object{"type": "ROOT"}, key)}, users...)
	made := must[api.Organization](t, r, nil, api.CreateOrganization, object{"organizationName": "org", "users": all})
	return tenant{made.OrganizationID, key}
}

const solanaPath = "m/44'/501'/0'/0'"

func (r *rig) wallet(t testing.TB, o tenant) api.Wallet {
	t.Helper()
	return must[api.Wallet](t, r, o.key, api.CreateWallet, object{"organizationId": o.id, "walletName": "w", "accounts": []string{solanaPath}})
}

func utf8Params(o tenant, wallet, text string) object {
	return object{"organizationId": o.id, "walletId": wallet, "message": text, "derivationInfo": solanaPath}
}
