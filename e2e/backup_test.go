package e2e_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/redoubt-kms/redoubt/host/connect/shelf"
	"github.com/redoubt-kms/redoubt/host/connect/shelf/sqlite"
	"github.com/redoubt-kms/redoubt/stamp"
)

// ageKey makes an identity's file, and returns it with its recipient.
func ageKey(t testing.TB) (file, recipient string) {
	t.Helper()
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "identity")
	if err := os.WriteFile(file, []byte(identity.String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file, identity.Recipient().String()
}

func (o *tenant) addresses(t testing.TB) string {
	t.Helper()
	a := o.root.call(t, "getAccounts", object{"organizationId": o.id, "walletId": o.wallet, "accounts": []object{
		solanaAccount(), {"derivationPath": "m/44'/60'/0'/0/0", "curve": "Secp256k1", "addressFormat": "Ethereum"},
	}})
	if a.status != 200 {
		t.Fatalf("accounts: %d %s", a.status, a.raw)
	}
	return string(a.result)
}

// kept is an answer with its request, as a client keeps it.
type kept struct {
	body, raw []byte
	receipt   string
}

func (o *tenant) signKept(t testing.TB, message string) kept {
	t.Helper()
	b := body("signUtf8Message", o.signParams(message), time.Now())
	status, raw, header, err := o.root.server.post("/kms/rpc", b, stamp.SignEd25519(o.root.private, b))
	if err != nil || status != 200 {
		t.Fatalf("%d %s %v", status, raw, err)
	}
	return kept{b, raw, header.Get("X-Redoubt-Receipt")}
}

// verify runs 'receipt verify' against a server.
func (k kept) verify(t testing.TB, url string) (int, string) {
	t.Helper()
	request, response := filepath.Join(t.TempDir(), "request"), filepath.Join(t.TempDir(), "response")
	if err := os.WriteFile(request, k.body, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(response, k.raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return redoubt(t, "receipt", "verify", "--url", url, "--receipt", k.receipt, "--request", request, "--response", response)
}

// load is a crowd that founds wallets until it is told to stop, and remembers which of them were acknowledged.
type load struct {
	mu      sync.Mutex
	wallets map[string]*tenant
	stop    chan struct{}
	all     sync.WaitGroup
}

func newLoad(t *testing.T, tenants []*tenant) *load {
	l := &load{wallets: map[string]*tenant{}, stop: make(chan struct{})}
	for _, o := range tenants {
		l.all.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-l.stop:
					return
				default:
				}
				a, err := o.root.send(body("createWallet", object{"organizationId": o.id, "walletName": fmt.Sprintf("under load %d", n)}, time.Now()))
				if err != nil || a.status != 200 {
					t.Errorf("under load: %d %s %v", a.status, a.raw, err)
					return
				}
				l.mu.Lock()
				l.wallets[memberOf(string(a.result), "walletId")] = o
				l.mu.Unlock()
			}
		})
	}
	return l
}

// acknowledged are the wallets so far.
func (l *load) acknowledged() map[string]*tenant {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.wallets)
}

func (l *load) end() {
	close(l.stop)
	l.all.Wait()
}

// do runs a command that must succeed.
func do(t testing.TB, args ...string) string {
	t.Helper()
	code, out := redoubt(t, args...)
	if code != 0 {
		t.Fatalf("redoubt %s ends with %d: %s", strings.Join(args, " "), code, out)
	}
	return out
}

// shelve puts a row among those that logins keep, as a server does.
func shelve(t *testing.T, dir string, k shelf.Kind, key string) {
	t.Helper()
	rows, err := sqlite.Open(t.Context(), filepath.Join(dir, "connect.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	if err := rows.Add(t.Context(), k, shelf.Row{Key: key, Value: []byte("{}")}, time.Now()); err != nil {
		t.Fatal(err)
	}
}

// shelved says whether logins keep a row.
func shelved(t *testing.T, dir string, k shelf.Kind, key string) bool {
	t.Helper()
	rows, err := sqlite.Open(t.Context(), filepath.Join(dir, "connect.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	_, err = rows.Get(t.Context(), k, key, time.Now())
	if err != nil && !errors.Is(err, shelf.ErrNone) {
		t.Fatal(err)
	}
	return err == nil
}

// D7, the drill: a backup under load is restored on a fresh site, is refused, is rebased, and serves; nothing that was
// acknowledged before the backup is lost, every wallet signs, and what was lost cannot happen a second time.
func TestBackupDrill(t *testing.T) {
	identity, recipient := ageKey(t)
	dir, anchor := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "anchor")
	s := start(t, dir, "--anchor-dir", anchor)
	tenants := make([]*tenant, scale(4, 32))
	addresses, signatures := map[*tenant]string{}, map[*tenant]string{}
	for i := range tenants {
		o := newTenant(t, s)
		tenants[i], addresses[o], signatures[o] = o, o.addresses(t), o.sign(t, "the same")
	}
	old := tenants[0].signKept(t, "before the backup")
	do(t, "app", "add", "game", "--data", dir, "--name", "The Game")
	shelve(t, dir, shelf.Credentials, "a passkey")
	shelve(t, dir, shelf.Codes, "a code")

	crowd := newLoad(t, tenants)
	var wallets map[string]*tenant
	backup := ""
	for round := range scale(3, 20) { // at other moments of the load each time
		for before := len(crowd.acknowledged()); len(crowd.acknowledged()) < before+20; {
			time.Sleep(time.Millisecond)
		}
		wallets, backup = crowd.acknowledged(), filepath.Join(t.TempDir(), fmt.Sprint(round))
		do(t, "backup", backup, "--data", dir, "--anchor-dir", anchor, "--recipient", recipient)
	}
	crowd.end()
	lost := tenants[0].signKept(t, "after the backup")
	stolen := newKey(s)
	grant := body("createAuthenticator", object{"organizationId": tenants[0].id, "username": "admin", "authenticator": stolen.authenticator("lost")}, time.Now())
	if a, err := tenants[0].root.send(grant); err != nil || a.status != 200 {
		t.Fatalf("%d %s %v", a.status, a.raw, err)
	}
	do(t, "app", "add", "later", "--data", dir, "--name", "After the backup")
	s.kill()

	fresh := filepath.Join(t.TempDir(), "fresh")
	if out := do(t, "restore", backup, "--data", fresh, "--identity", identity, "--json"); !strings.Contains(out, `"apps":1,"passkeys":1,`) {
		t.Errorf("what logins keep: %s", out)
	}
	if out := do(t, "app", "list", "--data", fresh); !strings.HasPrefix(out, "game ") || strings.Contains(out, "later") {
		t.Errorf("apps: %s", out)
	}
	if !shelved(t, fresh, shelf.Credentials, "a passkey") || shelved(t, fresh, shelf.Codes, "a code") {
		t.Error("wanted is the passkey, and no code that may have been spent")
	}
	refuses(t, fresh, "redoubt rebase")
	do(t, "rebase", "--data", fresh, "--reason", "a drill")
	s = start(t, fresh)
	for wallet, o := range wallets {
		o.at(s)
		p := o.signParams("x")
		p["walletId"] = wallet
		if a := o.root.call(t, "signUtf8Message", p); a.status != 200 {
			t.Errorf("wallet %s was acknowledged before the backup: %d %s", wallet, a.status, a.raw)
		}
	}
	for _, o := range tenants {
		if o.at(s).addresses(t) != addresses[o] || o.sign(t, "the same") != signatures[o] {
			t.Errorf("organization %s has other keys", o.id)
		}
	}
	for _, args := range [][]string{{"--data", fresh}, {"--url", s.url}} {
		if out := do(t, append([]string{"log", "verify"}, args...)...); !strings.Contains(out, `"a drill"`) {
			t.Errorf("log verify %v does not tell of the rebase: %s", args, out)
		}
	}
	if code, out := old.verify(t, s.url); code != 0 {
		t.Errorf("the receipt of an answer before the backup: %d %s", code, out)
	}
	if code, out := lost.verify(t, s.url); code != 1 || !strings.Contains(out, "an operator rebased the server onto entry") {
		t.Errorf("the receipt of a lost answer: %d %s", code, out)
	}
	before := do(t, "log", "verify", "--url", s.url)
	for _, b := range [][]byte{lost.body, grant, old.body} {
		if a, err := tenants[0].root.send(b); err != nil || a.status != 400 || a.kind != "request-expired" {
			t.Errorf("a request from before the rebase: %d %s %v", a.status, a.raw, err)
		}
	}
	stolen.server = s
	if a := stolen.call(t, "getOrganization", object{"organizationId": tenants[0].id}); a.status != 401 {
		t.Errorf("a key of the lost future: %d %s", a.status, a.raw)
	}
	if after := do(t, "log", "verify", "--url", s.url); after != before {
		t.Errorf("refused requests changed the log:\n%s\n%s", before, after)
	}
	// It goes on as any other: restarts, and backups of its own.
	s.kill()
	s = start(t, fresh)
	tenants[0].at(s).sign(t, "again")
	do(t, "backup", backup+".next", "--data", fresh, "--recipient", recipient)
}

// The anchor survived: an older database is refused as ever, and rebased it goes on under the next epoch. What was written
// after it does not follow any more.
func TestRebaseWithTheAnchor(t *testing.T) {
	identity, recipient := ageKey(t)
	dir, anchor := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "anchor")
	s := start(t, dir, "--anchor-dir", anchor)
	o := newTenant(t, s)
	backup := filepath.Join(t.TempDir(), "backup")
	do(t, "backup", backup, "--data", dir, "--anchor-dir", anchor, "--recipient", recipient)
	for n := range 3 {
		o.sign(t, fmt.Sprint(n))
	}
	s.stop(t)
	fresh := filepath.Join(t.TempDir(), "fresh")
	do(t, "restore", backup, "--data", fresh, "--anchor-dir", anchor, "--identity", identity)
	refuses(t, fresh, "rolled back", "--anchor-dir", anchor)
	out := do(t, "rebase", "--data", fresh, "--anchor-dir", anchor, "--reason", "the database is lost")
	if !strings.Contains(out, "from       head 5, 5 entries") || strings.Contains(out, "anchor     lost") {
		t.Errorf("the anchor is there: %s", out)
	}
	order := read(t, filepath.Join(fresh, "rebase.cbor"))

	// The newest database under the statement for the older one: its commits were written before.
	newer := filepath.Join(t.TempDir(), "newer")
	copyFolder(t, dir, newer)
	write(t, filepath.Join(newer, "rebase.cbor"), order)
	other := filepath.Join(t.TempDir(), "anchor")
	copyFolder(t, anchor, other)
	refuses(t, newer, "", "--anchor-dir", other)

	s = start(t, fresh, "--anchor-dir", anchor)
	o.at(s).sign(t, "after")
	if out := do(t, "log", "show", "--data", fresh, "--anchor-dir", anchor, "--json"); !strings.Contains(out, `"epoch":4,`) {
		t.Errorf("opened three times, with one more for the rebase: %s", out) // one start, one refused, the rebase, one start
	}
	s.stop(t)

	// The same order again, and the old one after a later one.
	s = start(t, fresh, "--anchor-dir", anchor)
	s.stop(t)
	again := filepath.Join(t.TempDir(), "again")
	do(t, "restore", backup, "--data", again, "--anchor-dir", anchor, "--identity", identity)
	write(t, filepath.Join(again, "rebase.cbor"), order)
	refuses(t, again, "rolled back", "--anchor-dir", anchor) // taken already: it has no second effect
	do(t, "rebase", "--data", again, "--anchor-dir", anchor, "--reason", "once more")
	s = start(t, again, "--anchor-dir", anchor)
	o.at(s).sign(t, "once more")
	s.stop(t)
	write(t, filepath.Join(again, "rebase.cbor"), order)
	refuses(t, again, "rebase refused", "--anchor-dir", anchor)
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Whoever has the folder and not the operator's key cannot make an older ledger serve.
func TestRebaseNeedsTheOperator(t *testing.T) {
	identity, recipient := ageKey(t)
	dir := filepath.Join(t.TempDir(), "data")
	s := start(t, dir)
	o := newTenant(t, s)
	backup := filepath.Join(t.TempDir(), "backup")
	do(t, "backup", backup, "--data", dir, "--recipient", recipient)
	o.sign(t, "later")
	s.stop(t)
	fresh := filepath.Join(t.TempDir(), "fresh")
	do(t, "restore", backup, "--data", fresh, "--identity", identity)

	operator := filepath.Join(fresh, "keys", "operator.key")
	elsewhere := filepath.Join(t.TempDir(), "operator.key")
	if err := os.Rename(operator, elsewhere); err != nil {
		t.Fatal(err)
	}
	own := filepath.Join(t.TempDir(), "own.key")
	write(t, own, bytes.Repeat([]byte{7}, 32))
	for _, args := range [][]string{{}, {"--operator-key", own}, {"--operator-key", filepath.Join(fresh, "keys", "launcher.key")}, {"--operator-key", identity}} {
		if code, out := redoubt(t, append([]string{"rebase", "--data", fresh, "--reason", "mine"}, args...)...); code != 1 {
			t.Errorf("rebase %v ends with %d: %s", args, code, out)
		}
	}
	if entries, _ := os.ReadDir(fresh); len(entries) != 4 { // keys, database, manifest, what was kept of the anchor
		t.Errorf("refused rebases left something: %v", entries)
	}
	// The anchor of the time of the backup, if he kept it, is a roll-back that nothing here can notice; made up, it is not.
	kept := read(t, filepath.Join(fresh, "restored.cbor"))
	for name, contents := range map[string][]byte{"empty": nil, "what was kept": kept, "a slot of it": append(kept[5:], make([]byte, 8192)...)} {
		write(t, filepath.Join(fresh, "anchor.state"), contents)
		refuses(t, fresh, "anchor")
		if err := os.Remove(filepath.Join(fresh, "anchor.state")); err != nil {
			t.Fatal(err)
		}
		t.Log(name)
	}
	do(t, "rebase", "--data", fresh, "--reason", "an operator's", "--operator-key", elsewhere)
	good := read(t, filepath.Join(fresh, "rebase.cbor"))
	for i := 0; i < len(good); i += 1 + len(good)/scale(5, 200) {
		bad := bytes.Clone(good)
		bad[i] ^= 4
		write(t, filepath.Join(fresh, "rebase.cbor"), bad)
		refuses(t, fresh, "")
	}
	write(t, filepath.Join(fresh, "rebase.cbor"), good)
	s = start(t, fresh)
	o.at(s).sign(t, "by an operator's word")
}

// One flipped byte, or a missing end, wherever it is: nothing is restored, and nothing of it is left.
func TestDamagedBackupIsRefused(t *testing.T) {
	identity, recipient := ageKey(t)
	dir := filepath.Join(t.TempDir(), "data")
	s := start(t, dir)
	o := newTenant(t, s)
	o.sign(t, "x")
	backup := filepath.Join(t.TempDir(), "backup")
	do(t, "backup", backup, "--data", dir, "--recipient", recipient)
	whole := read(t, backup)
	bad, fresh := filepath.Join(t.TempDir(), "bad"), filepath.Join(t.TempDir(), "fresh")
	check := func(what string, b []byte) {
		t.Helper()
		if err := os.WriteFile(bad, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if code, out := redoubt(t, "restore", bad, "--data", fresh, "--identity", identity); code != 1 || strings.Contains(out, "goroutine") {
			t.Fatalf("%s: it ends with %d: %s", what, code, out)
		}
		if _, err := os.Lstat(fresh); err == nil {
			t.Fatalf("%s: something was left", what)
		}
	}
	r := rand.New(rand.NewPCG(7, 7))
	for range scale(40, 400) {
		i := r.IntN(len(whole))
		flipped := bytes.Clone(whole)
		flipped[i] ^= 1 << r.IntN(8)
		check(fmt.Sprintf("byte %d flipped", i), flipped)
	}
	for _, size := range []int{0, 1, 100, len(whole) / 2, len(whole) - 1, len(whole) - 16, len(whole) - 1024} {
		check(fmt.Sprintf("cut to %d bytes", size), whole[:size])
	}
	check("something added", append(bytes.Clone(whole), 0))
	do(t, "restore", backup, "--data", fresh, "--identity", identity)
}

// Killed at any moment, a backup, a restore and a rebase can be run again, and nothing half-done serves or has a name.
func TestKilledBackups(t *testing.T) {
	identity, recipient := ageKey(t)
	dir := filepath.Join(t.TempDir(), "data")
	s := start(t, dir)
	o := newTenant(t, s)
	crowd := newLoad(t, []*tenant{o})
	for len(crowd.acknowledged()) < 100 {
		time.Sleep(time.Millisecond)
	}
	crowd.end()
	r := rand.New(rand.NewPCG(3, 3))
	folder := t.TempDir()
	for i := range scale(6, 60) {
		backup, fresh := filepath.Join(folder, fmt.Sprintf("b%d", i)), filepath.Join(folder, fmt.Sprintf("f%d", i))
		killed(t, r, "backup", backup, "--data", dir, "--recipient", recipient)
		if _, err := os.Lstat(backup); err != nil {
			do(t, "backup", backup, "--data", dir, "--recipient", recipient)
		}
		killed(t, r, "restore", backup, "--data", fresh, "--identity", identity)
		if code, out := redoubt(t, "restore", backup, "--data", fresh, "--identity", identity); code != 0 && !strings.Contains(out, "is finished now") && !strings.Contains(out, "is not empty") {
			t.Fatalf("a restore after one that was killed: %d %s", code, out)
		}
		killed(t, r, "rebase", "--data", fresh, "--reason", "killed")
		do(t, "rebase", "--data", fresh, "--reason", "not killed")
		again := start(t, fresh)
		o.at(again).sign(t, "after it")
		again.kill()
		o.at(s)
	}
}

// killed runs a command and kills it after a while.
func killed(t testing.TB, r *rand.Rand, args ...string) {
	t.Helper()
	c := command(args...)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Duration(r.IntN(60_000)) * time.Microsecond)
	_ = c.Process.Kill()
	_ = c.Wait()
}
