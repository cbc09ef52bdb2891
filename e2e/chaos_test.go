package e2e_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redoubt-kms/redoubt/host/store/postgres/postgrestest"
	"github.com/redoubt-kms/redoubt/proof"
)

// kills is how often each victim dies: CHAOS_KILLS, or a sample.
func kills(t *testing.T, sample int) int {
	t.Helper()
	text := os.Getenv("CHAOS_KILLS")
	if text == "" {
		return scale(sample, 200)
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("CHAOS_KILLS=%s: want a number of at least 1", text)
	}
	return n
}

// acknowledged is a request that was answered with 200: what must not be lost.
type acknowledged struct {
	at     time.Time
	body   []byte
	result string
	entry  uint64 // of the log
	wallet bool   // it made one
}

// storm is a load that goes on while its server is killed and started again.
type storm struct {
	t      *testing.T
	tenant *tenant
	before int // entries of the log

	mu      sync.Mutex // guards what follows
	server  *server
	acked   []acknowledged
	answers int         // of any status
	refused map[int]int // how often each status other than 200 came
	stop    chan struct{}
	all     sync.WaitGroup
}

func newStorm(t *testing.T, s *server) *storm {
	return &storm{t: t, tenant: newTenant(t, s), server: s, before: entries(t, s), refused: map[int]int{}, stop: make(chan struct{})}
}

// key stamps, and sends to the server that runs now.
func (st *storm) key() *key {
	st.mu.Lock()
	defer st.mu.Unlock()
	return &key{private: st.tenant.root.private, server: st.server}
}

func (st *storm) stopped() bool {
	select {
	case <-st.stop:
		return true
	default:
		return false
	}
}

// blow has workers make wallets, add keys and sign, and one that sends again what was acknowledged.
func (st *storm) blow() {
	for worker := range 4 {
		st.all.Go(func() {
			for n := 0; !st.stopped() && !st.t.Failed(); n++ {
				st.once(st.body(worker, n), n%4 == 0)
			}
		})
	}
	st.all.Go(func() {
		r := mathrand.New(mathrand.NewPCG(5, 5))
		for !st.stopped() && !st.t.Failed() {
			st.mu.Lock()
			young := len(st.acked) > 0 && time.Since(st.acked[0].at) < 4*time.Minute
			from := 0
			if !young {
				from = max(0, len(st.acked)-500)
			}
			var one acknowledged
			if len(st.acked) > 0 {
				one = st.acked[from+r.IntN(len(st.acked)-from)]
			}
			st.mu.Unlock()
			if one.body != nil && time.Since(one.at) < 4*time.Minute {
				st.again(one)
			}
			time.Sleep(5 * time.Millisecond)
		}
	})
}

func (st *storm) body(worker, n int) []byte {
	o, name := st.tenant, fmt.Sprintf("%d-%d", worker, n)
	eth := object{"derivationPath": "m/44'/60'/0'/0/0", "curve": "Secp256k1", "addressFormat": "Ethereum"}
	switch n % 4 {
	case 0:
		return body("createWallet", object{"organizationId": o.id, "walletName": name}, time.Now())
	case 1:
		message := base64.RawURLEncoding.EncodeToString([]byte(name))
		return body("ethereumSignMessage", object{"organizationId": o.id, "walletId": o.wallet, "message": message, "derivationInfo": eth}, time.Now())
	default:
		return body("signUtf8Message", o.signParams(name), time.Now())
	}
}

// once sends a body until it is acknowledged: within a minute, whatever happens.
func (st *storm) once(b []byte, wallet bool) {
	a, ok := st.until(b)
	if !ok {
		return
	}
	entry, err := entryOf(a)
	if err != nil {
		st.t.Errorf("receipt: %v", err)
	}
	st.mu.Lock()
	st.acked = append(st.acked, acknowledged{time.Now(), b, string(a.result), entry, wallet})
	st.mu.Unlock()
}

// again sends an acknowledged body once more and wants the same answer.
func (st *storm) again(one acknowledged) {
	a, ok := st.until(one.body)
	if ok && string(a.result) != one.result {
		st.t.Errorf("sent again: %s\nacknowledged: %s", a.result, one.result)
	}
	if entry, err := entryOf(a); ok && (err != nil || entry != one.entry) {
		st.t.Errorf("sent again: entry %d, acknowledged as %d: %v", entry, one.entry, err)
	}
}

func (st *storm) until(b []byte) (answer, bool) {
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		a, err := st.key().send(b)
		if err != nil {
			continue // the host is gone
		}
		st.mu.Lock()
		st.answers++
		if a.status != 200 {
			st.refused[a.status]++
		}
		st.mu.Unlock()
		switch a.status {
		case 200:
			return a, true
		case 503, 429:
		default:
			st.t.Errorf("%d %s", a.status, a.raw)
			return a, false
		}
	}
	st.t.Errorf("no answer within a minute: %s\n%.3000s", b, st.server.log)
	return answer{}, false
}

// entryOf is the place in the log that the answer's receipt names.
func entryOf(a answer) (uint64, error) {
	raw, err := base64.RawURLEncoding.DecodeString(a.receipt)
	if err != nil {
		return 0, err
	}
	var r proof.ResultReceipt
	if err := proof.Decode(raw, &r); err != nil {
		return 0, err
	}
	if !r.Result.Logged {
		return 0, errors.New("the answer names no entry")
	}
	return r.Result.LogIndex, nil
}

// acknowledgedSoon waits for the next acknowledgement: the system came back without hands.
func (st *storm) acknowledgedSoon() {
	st.mu.Lock()
	have := len(st.acked)
	st.mu.Unlock()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline) && !st.t.Failed(); time.Sleep(5 * time.Millisecond) {
		st.mu.Lock()
		n := len(st.acked)
		st.mu.Unlock()
		if n > have {
			return
		}
	}
	if !st.t.Failed() {
		st.t.Fatalf("nothing was acknowledged for 30 s: %.3000s", st.server.log)
	}
}

// rounds kills the victims in a random order, each so often, at random moments.
func (st *storm) rounds(each int, victims map[string]func()) {
	var order []string
	for _, name := range slices.Sorted(maps.Keys(victims)) {
		order = append(order, slices.Repeat([]string{name}, each)...)
	}
	r := mathrand.New(mathrand.NewPCG(3, uint64(each)))
	r.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	began := time.Now()
	for i, name := range order {
		if st.t.Failed() {
			return
		}
		time.Sleep(time.Duration(r.IntN(200)) * time.Millisecond)
		victims[name]()
		if r.IntN(4) > 0 { // else the next one dies while everything comes back
			st.acknowledgedSoon()
		}
		if (i+1)%100 == 0 {
			st.t.Logf("%d of %d kills in %v", i+1, len(order), time.Since(began).Round(time.Second))
		}
	}
}

// enclave kills an enclave, which must run for that.
func (st *storm) enclave(role string) func() {
	return func() {
		for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
			st.server.readPIDs()
			if syscall.Kill(st.server.pids[role], syscall.SIGKILL) == nil {
				return
			}
		}
		st.t.Errorf("the %s was not started again: %.3000s", role, st.server.log)
	}
}

// host kills the host, and its enclaves with it, and starts the server again until it serves, as a supervisor does: its
// database may be away.
func (st *storm) host(try func() (*server, error)) func() {
	return func() {
		st.server.kill()
		s, err := try()
		for deadline := time.Now().Add(30 * time.Second); err != nil && time.Now().Before(deadline); s, err = try() {
			time.Sleep(100 * time.Millisecond)
		}
		if err != nil {
			st.t.Errorf("the server was killed and does not start: %v", err)
			return
		}
		st.t.Cleanup(s.kill)
		st.mu.Lock()
		st.server = s
		st.mu.Unlock()
	}
}

// calm ends the load and looks at what is left: every acknowledged request has its one entry, its one wallet and its one
// answer, and there is nothing else.
func (st *storm) calm() {
	close(st.stop)
	st.all.Wait()
	if st.t.Failed() {
		return
	}
	seen := map[uint64]bool{}
	wallets := map[string]bool{st.tenant.wallet: true}
	for _, one := range st.acked {
		if seen[one.entry] {
			st.t.Errorf("two requests have entry %d", one.entry)
		}
		seen[one.entry] = true
		if one.wallet {
			wallets[memberOf(one.result, "walletId")] = true
		}
		if time.Since(one.at) < 4*time.Minute {
			st.again(one)
		}
	}
	if got := entries(st.t, st.server) - st.before; got != len(st.acked) {
		st.t.Errorf("%d entries for %d acknowledged requests", got, len(st.acked))
	}
	st.wallets(wallets)
	if len(st.acked) < 20 {
		st.t.Errorf("only %d requests were acknowledged", len(st.acked))
	}
	st.t.Logf("%d requests acknowledged and kept; of %d answers, by status: %v", len(st.acked), st.answers, st.refused)
}

// wallets wants exactly these wallets to exist.
func (st *storm) wallets(want map[string]bool) {
	const page = 100
	for offset, found := 0, 0; ; offset += page {
		a := st.key().call(st.t, "getOrganizationWallets", object{"organizationId": st.tenant.id, "limit": page, "offset": offset})
		ids, total := walletIDs(st.t, a)
		for _, id := range ids {
			if !want[id] {
				st.t.Errorf("wallet %s was never acknowledged", id)
			}
			found++
		}
		if len(ids) < page {
			if found != len(want) || total != len(want) {
				st.t.Errorf("%d wallets of %d (it says %d)", found, len(want), total)
			}
			return
		}
	}
}

// D1: host, policy engine, signer and certifier are killed at random moments under load. Nothing that was acknowledged
// is lost, no request has two effects, every retry is answered alike, and everything comes back without hands.
func TestKilledProcessesLoseNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	st := newStorm(t, start(t, dir))
	st.blow()
	st.rounds(kills(t, 3), map[string]func(){
		"host": st.host(func() (*server, error) { return tryStart(dir) }), "policy": st.enclave("policy"), "signer": st.enclave("signer"), "certifier": st.enclave("certifier"),
	})
	st.calm()
	st.server.stop(t)
	if code, out := redoubt(t, "log", "verify", "--data", dir); code != 0 {
		t.Errorf("log verify: %s", out)
	}
}

// D1 and D4 on PostgreSQL: the database dies too, by one of its processes and as a whole. While it is away, callers hear
// 503.
func TestKilledPostgresLosesNothing(t *testing.T) {
	cluster, err := postgrestest.Start(t.Context())
	if errors.Is(err, postgrestest.ErrNone) && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.Remove(); err != nil {
			t.Error(err)
		}
	})
	database, err := cluster.Database(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	dir, args := filepath.Join(t.TempDir(), "data"), []string{"--postgres", cluster.DSN(database)}
	st := newStorm(t, start(t, dir, args...))
	st.blow()
	st.rounds(kills(t, 2), map[string]func(){
		"host": st.host(func() (*server, error) { return tryStart(dir, args...) }), "policy": st.enclave("policy"),
		"backend": func() {
			for range 100 { // the server may be recovering from the last one
				if err = cluster.KillBackend(t.Context()); err == nil {
					return
				}
				time.Sleep(50 * time.Millisecond)
			}
			t.Error(err)
		},
		"database": func() {
			cluster.Stop()
			st.refusedSoon(503)
			if err := cluster.Run(t.Context()); err != nil {
				t.Error(err)
			}
		},
	})
	st.calm()
}

// refusedSoon waits until a caller hears a status.
func (st *storm) refusedSoon(status int) {
	count := func() int {
		st.mu.Lock()
		defer st.mu.Unlock()
		return st.refused[status]
	}
	before := count()
	for deadline := time.Now().Add(30 * time.Second); count() == before; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			st.t.Errorf("no caller heard %d within 30 s", status)
			return
		}
	}
}
