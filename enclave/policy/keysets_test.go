package policy

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/enclave"
	"github.com/redoubt-kms/redoubt/internal/jose"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

const keysTime = 1_795_333_820_985

// keysRig is an engine that has a host for fetches of keys and nothing else.
type keysRig struct {
	*Engine
	certifier ed25519.PrivateKey
	key       *ecdsa.PrivateKey
	asked     atomic.Int64
	mu        sync.Mutex
	edit      func(*proof.KeySet)
	err       error
	hold      chan struct{} // the host waits for it, when there is one
}

func newKeysRig(t *testing.T) *keysRig {
	t.Helper()
	r := &keysRig{certifier: newKey(t), key: newSessionKey(t).key}
	m := proof.Manifest{Version: 2, Certifier: public(r.certifier)}
	ours, theirs := net.Pipe()
	host := wire.NewLink(ours, func(c *wire.Call) {})
	other := wire.NewLink(theirs, func(c *wire.Call) { go wire.Serve(c, r.fetch) })
	t.Cleanup(func() { host.Close(); other.Close() })
	r.Engine = &Engine{
		vault: &enclave.Vault{Signed: proof.SignedManifest{Manifest: m}}, host: host, clock: &clock{}, keySets: newKeySets(),
	}
	r.at(0)
	return r
}

// at sets the clock to so long after the beginning.
func (r *keysRig) at(d time.Duration) {
	r.clock.set(proof.Receipt{Time: keysTime + uint64(d.Milliseconds())})
}

// fetch is the host's and the certifier's part.
func (r *keysRig) fetch(b wire.FetchBegin) (wire.Fetched, error) {
	r.asked.Add(1)
	if r.hold != nil {
		<-r.hold
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	hash, err := r.vault.Manifest().Hash()
	if err := errors.Join(err, r.err); err != nil {
		return wire.Fetched{}, err
	}
	now, err := r.clock.now()
	if err != nil {
		return wire.Fetched{}, err
	}
	k := proof.KeySet{Version: 1, URL: b.URL, Issuer: b.Issuer, Keys: jose.SingleKey(&r.key.PublicKey).JSON(), Fetched: now, Manifest: hash}
	if r.edit != nil {
		r.edit(&k)
	}
	signed, err := proof.SignKeySet(r.certifier, k)
	if err != nil {
		return wire.Fetched{}, err
	}
	statement, err := proof.Encode(signed)
	return wire.Fetched{Statement: statement}, err
}

const keysURL = "https://id.example"

// Keys are fetched once for many, again after an hour while the old ones count, and not believed after a day.
func TestKeysAge(t *testing.T) {
	r := newKeysRig(t)
	get := func(organization byte) error {
		_, err := r.keysOf(t.Context(), proof.ID{organization}, keysURL, true)
		return err
	}
	asked := func(why string, want int64) {
		t.Helper()
		for end := time.Now().Add(2 * time.Second); r.asked.Load() < want && time.Now().Before(end); time.Sleep(time.Millisecond) {
		}
		if n := r.asked.Load(); n != want {
			t.Errorf("%s: %d fetches, want %d", why, n, want)
		}
	}
	for range 10 {
		if err := get(1); err != nil {
			t.Fatal(err)
		}
	}
	asked("ten requests", 1)
	r.at(keysFresh)
	if err := get(1); err != nil {
		t.Fatal(err)
	}
	asked("within an hour", 1)
	r.mu.Lock()
	r.err = errors.New("the issuer is away")
	r.mu.Unlock()
	r.at(keysFresh + time.Second)
	for range 10 {
		if err := get(1); err != nil {
			t.Errorf("an outage ends what holds still: %v", err)
		}
	}
	asked("after an hour", 2)
	r.settle(t)
	r.at(keysHold)
	if err := get(1); err != nil {
		t.Errorf("after a day: %v", err)
	}
	r.at(keysHold + time.Second)
	var told *api.Error
	if err := get(1); !errors.As(err, &told) || told.Type != api.TypeUnavailable || !strings.Contains(told.Message, "the issuer is away") || !strings.Contains(told.Message, keysURL) {
		t.Errorf("after more than a day: %v", err)
	}
	asked("within a minute of a failure", 2)
	r.later()
	r.mu.Lock()
	r.err = nil
	r.mu.Unlock()
	if err := get(1); err != nil {
		t.Error(err)
	}
	asked("after it", 3)
}

// settle waits until no fetch is under way.
func (r *keysRig) settle(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		r.keySets.mu.Lock()
		n := len(r.keySets.flights)
		r.keySets.mu.Unlock()
		if n == 0 {
			return
		}
	}
	t.Fatal("a fetch does not end")
}

// later makes failures older than a minute.
func (r *keysRig) later() {
	r.keySets.mu.Lock()
	defer r.keySets.mu.Unlock()
	for name, f := range r.keySets.failed {
		f.at -= keysAgain
		r.keySets.failed[name] = f
	}
}

// For a token by an unknown key there is one fetch a minute.
func TestKeysAnew(t *testing.T) {
	r := newKeysRig(t)
	for i, step := range []struct {
		at   time.Duration
		want int64
	}{{0, 1}, {0, 1}, {keysAgain, 1}, {keysAgain + time.Second, 2}, {keysAgain + 2*time.Second, 2}} {
		r.at(step.at)
		if _, err := r.keysAnew(t.Context(), proof.ID{1}, keysURL, true); err != nil || r.asked.Load() != step.want {
			t.Errorf("step %d: %d fetches, %v", i, r.asked.Load(), err)
		}
	}
}

// Many who need the same keys at once wait for one fetch; each organization keeps its own.
func TestKeysAreFetchedOnce(t *testing.T) {
	r := newKeysRig(t)
	r.hold = make(chan struct{})
	var all sync.WaitGroup
	var failed atomic.Int64
	for i := range 100 {
		all.Go(func() {
			if _, err := r.keysOf(t.Context(), proof.ID{byte(i % 10)}, keysURL, true); err != nil {
				failed.Add(1)
			}
		})
	}
	time.Sleep(50 * time.Millisecond)
	close(r.hold)
	all.Wait()
	if n := r.asked.Load(); n != 1 || failed.Load() != 0 || len(r.keySets.known) != 10 {
		t.Errorf("%d fetches, %d failed, %d are kept", n, failed.Load(), len(r.keySets.known))
	}
	if _, err := r.keysOf(t.Context(), proof.ID{1}, keysURL, false); err != nil || r.asked.Load() != 2 {
		t.Errorf("keys of the issuer are taken for those of the URL: %d fetches, %v", r.asked.Load(), err)
	}
}

// One organization has few fetches under way at once, so that others have theirs.
func TestFetchesOfAnOrganizationAreBounded(t *testing.T) {
	r := newKeysRig(t)
	r.hold = make(chan struct{})
	defer close(r.hold)
	var refused atomic.Int64
	for i := range 3 * maxFlightsEach {
		go func() {
			if _, err := r.keysOf(t.Context(), proof.ID{1}, fmt.Sprint(keysURL, i), true); errorsContain(err, "too many") {
				refused.Add(1)
			}
		}()
	}
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end) && (refused.Load() < 2*maxFlightsEach || r.asked.Load() < maxFlightsEach); time.Sleep(time.Millisecond) {
	}
	if refused.Load() != 2*maxFlightsEach || r.asked.Load() != maxFlightsEach {
		t.Errorf("%d fetches, %d refused", r.asked.Load(), refused.Load())
	}
	go func() { _, _ = r.keysOf(t.Context(), proof.ID{2}, keysURL, true) }()
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end) && r.asked.Load() == maxFlightsEach; time.Sleep(time.Millisecond) {
	}
	if r.asked.Load() != maxFlightsEach+1 {
		t.Error("another organization has no turn")
	}
}

// What the host brings is believed as far as the certifier signed it, for what was asked, and now.
func TestKeysOfALyingHost(t *testing.T) {
	for why, edit := range map[string]func(*proof.KeySet){
		"another URL":      func(k *proof.KeySet) { k.URL += "/" },
		"another kind":     func(k *proof.KeySet) { k.Issuer = false },
		"another manifest": func(k *proof.KeySet) { k.Manifest[0]++ },
		"another version":  func(k *proof.KeySet) { k.Version = 2 },
		"an old statement": func(k *proof.KeySet) { k.Fetched -= uint64(keysHold.Milliseconds()) + 1 },
		"the future":       func(k *proof.KeySet) { k.Fetched += uint64(keysAhead.Milliseconds()) + 10_000 },
		"no keys":          func(k *proof.KeySet) { k.Keys = []byte(`{"keys":[]}`) },
	} {
		r := newKeysRig(t)
		r.edit = edit
		if _, err := r.keysOf(t.Context(), proof.ID{1}, keysURL, true); err == nil || len(r.keySets.known) != 0 {
			t.Errorf("%s: %v", why, err)
		}
	}
	r := newKeysRig(t)
	r.certifier = newKey(t)
	if _, err := r.keysOf(t.Context(), proof.ID{1}, keysURL, true); !errorsContain(err, "not signed by the certifier") {
		t.Errorf("somebody else's statement: %v", err)
	}
	r = newKeysRig(t)
	r.at(2 * keysAgain)
	if _, err := r.keysOf(t.Context(), proof.ID{1}, keysURL, true); err != nil {
		t.Fatal(err)
	}
	r.edit = func(k *proof.KeySet) { k.Fetched = keysTime }
	r.at(4 * keysAgain)
	if _, err := r.keysAnew(t.Context(), proof.ID{1}, keysURL, true); !errorsContain(err, "older than the one before") {
		t.Errorf("a statement that was replaced: %v", err)
	}
}

func errorsContain(err error, text string) bool {
	return err != nil && strings.Contains(err.Error(), text)
}

// An organization has its share of the cache, and the cache its bound.
func TestKeysAreBounded(t *testing.T) {
	s := newKeySets()
	owner := func(o, i int) keysOwner {
		return keysOwner{proof.ID{byte(o), byte(o >> 8)}, keysName{fmt.Sprint(i), true}}
	}
	for i := range 3 * maxKeySetsEach {
		if err := s.keep(owner(1, i), keySet{fetched: 1}); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.known) != maxKeySetsEach || s.known[owner(1, 3*maxKeySetsEach-1)] == nil {
		t.Errorf("one organization has %d", len(s.known))
	}
	for o := range maxKeySets + 200 {
		s.note(keysName{fmt.Sprint(o), true}, errStopped)
		if err := s.keep(owner(o, 0), keySet{fetched: 1}); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.known) != maxKeySets || len(s.failed) > maxKeySets {
		t.Errorf("all have %d, and %d failed", len(s.known), len(s.failed))
	}
	r := newKeysRig(t)
	if _, err := r.keysOf(t.Context(), proof.ID{1}, strings.Repeat("x", maxKeysURL+1), true); err == nil || r.asked.Load() != 0 {
		t.Errorf("a long URL: %v", err)
	}
}

// The token of an outside provider signs in, with keys that the certifier fetches through policy engine and host.
func TestSignInFetchesKeys(t *testing.T) {
	provider := newSessionKey(t)
	var server *httptest.Server
	server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/keys" {
			_, _ = w.Write(jose.SingleKey(&provider.key.PublicKey).JSON())
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"issuer": server.URL, "jwks_uri": server.URL + "/keys"})
	}))
	defer server.Close()
	r := newFiles(t)
	r.verified.Connect.Providers = []proof.Provider{{Name: "Local", Issuer: server.URL, ClientID: "client"}}
	r.verified.Connect.Roots, r.verified.Connect.Loopback = [][]byte{server.Certificate().Raw}, []string{server.Listener.Addr().String()}
	signed, err := proof.SignManifest(r.operator, r.verified)
	if err != nil {
		t.Fatal(err)
	}
	if r.manifest, err = proof.Encode(signed); err != nil {
		t.Fatal(err)
	}
	r.start(t)
	page := newSessionKey(t)
	now := time.Now().Unix()
	token, err := jose.Sign(provider.key, jose.TypeID, map[string]any{
		"iss": server.URL, "sub": "somebody", "aud": "client", "nonce": page.nonce(t), "iat": now, "exp": now + 300,
	})
	if err != nil {
		t.Fatal(err)
	}
	begun, err := r.desk.SignInBegin(t.Context(), wire.SignInBegin{Nonce: page.nonce(t)})
	if err != nil {
		t.Fatal(err)
	}
	answer, err := r.desk.SignIn(t.Context(), wire.SignIn{Challenge: begun.Challenge, IDToken: token})
	if err != nil || !strings.HasPrefix(answer.Subject, "oidc:") {
		t.Fatalf("%+v, %v", answer, err)
	}
	server.Close()
	gone, err := r.desk.SignInBegin(t.Context(), wire.SignInBegin{Nonce: page.nonce(t)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.desk.SignIn(t.Context(), wire.SignIn{Challenge: gone.Challenge, IDToken: token}); err != nil {
		t.Errorf("while the provider is away: %v", err)
	}
}
