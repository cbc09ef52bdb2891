package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// A first start that is killed at any moment leaves a folder that the next start finishes or begins anew.
func TestInterruptedFirstStart(t *testing.T) {
	for i := range scale(25, 400) {
		root := t.TempDir()
		dir, anchor := filepath.Join(root, "data"), filepath.Join(root, "anchor")
		log := &lockedBuffer{}
		first := command("dev", "--addr", "127.0.0.1:0", "--data", dir, "--anchor-dir", anchor)
		first.Stderr = log
		if err := first.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(20+i*37%60) * time.Millisecond)
		_ = first.Process.Kill()
		_ = first.Wait()
		again, err := tryStart(dir, "--anchor-dir", anchor)
		if err != nil {
			t.Fatalf("round %d: %v\nfirst start: %s", i, err, log)
		}
		again.kill()
		if entries, _ := filepath.Glob(filepath.Join(dir, ".init*")); len(entries) > 0 {
			t.Errorf("round %d: %v is left", i, entries)
		}
	}
}

// A set-up that waits in a folder which is in use is not taken for an interrupted one: it would put an empty ledger in
// the place of the real one.
func TestSetUpNeverReplacesALedger(t *testing.T) {
	dir, other := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "other")
	s := start(t, dir)
	o := newTenant(t, s)
	s.stop(t)
	start(t, other).stop(t)
	copyFolder(t, other, filepath.Join(dir, ".init"))
	write(t, filepath.Join(dir, ".init", "complete"), nil)
	refuses(t, dir, "another set-up")
	if err := os.RemoveAll(filepath.Join(dir, ".init")); err != nil {
		t.Fatal(err)
	}
	o.at(start(t, dir)).sign(t, "still there")
}

// Mistakes on the command line leave no trace.
func TestMistakenStartsLeaveNothing(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "data")
	if code, out := redoubt(t, "dev", "--data", dir, "--addr", "nonsense"); code != 1 {
		t.Errorf("%d %s", code, out)
	}
	if code, out := redoubt(t, "dev", "--data", dir, "--addr", "127.0.0.1:0", "--anchor-dir", filepath.Join(dir, "anchor")); code != 1 || !strings.Contains(out, "inside") {
		t.Errorf("%d %s", code, out)
	}
	if left, _ := os.ReadDir(root); len(left) > 0 {
		t.Errorf("%v is left", left)
	}
}

// Connections that say nothing do not keep the server from ending well.
func TestSilentConnectionsDoNotDelayTheEnd(t *testing.T) {
	s := start(t, filepath.Join(t.TempDir(), "data"))
	host := strings.TrimSuffix(strings.TrimPrefix(s.url, "http://"), "/v1/wallets")
	for _, text := range []string{"", "POST /v1/wallets/kms/rpc HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"} {
		conn, err := net.Dial("tcp", host)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, text)
	}
	time.Sleep(50 * time.Millisecond)
	if code := s.stop(t); code != 0 {
		t.Errorf("exit code %d: %s", code, s.log)
	}
}

// Nothing is answered that went into a database which is no longer there.
func TestRemovedDatabase(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s := start(t, dir)
	o := newTenant(t, s)
	if err := os.Rename(filepath.Join(dir, "redoubt.db"), filepath.Join(dir, "elsewhere.db")); err != nil {
		t.Fatal(err)
	}
	a := o.root.call(t, "createWallet", object{"organizationId": o.id, "walletName": "lost"})
	if a.status != 503 || a.kind != "unavailable" {
		t.Errorf("without a database: %d %s", a.status, a.raw)
	}
	if err := os.Rename(filepath.Join(dir, "elsewhere.db"), filepath.Join(dir, "redoubt.db")); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool {
		return o.root.call(t, "createWallet", object{"organizationId": o.id, "walletName": "kept"}).status == 200
	})
}

// A retry is not answered before its entry is anchored, even when it is stored.
func TestRetryWaitsForTheAnchor(t *testing.T) {
	s := start(t, filepath.Join(t.TempDir(), "data"))
	o := newTenant(t, s)
	_ = syscall.Kill(s.pids["certifier"], syscall.SIGSTOP)
	b := body("createWallet", object{"organizationId": o.id, "walletName": "w"}, time.Now())
	for range 2 {
		if a, err := o.root.send(b); err != nil || a.status != 503 {
			t.Errorf("without an anchor: %d %s %v", a.status, a.raw, err)
		}
	}
	_ = syscall.Kill(s.pids["certifier"], syscall.SIGCONT)
	eventually(t, func() bool { a, err := o.root.send(b); return err == nil && a.status == 200 })
}

// What a node refuses is told as refused; what it only knows already is told as sent, also by a host that has forgotten.
func TestSubmissionAnswers(t *testing.T) {
	var refusal atomic.Value
	var known atomic.Bool
	node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var call struct{ Method string }
		_ = json.NewDecoder(r.Body).Decode(&call)
		switch {
		case call.Method == "eth_getTransactionByHash" && known.Load():
			fmt.Fprint(w, `{"result":{"hash":"0x1"}}`)
		case call.Method == "eth_getTransactionByHash":
			fmt.Fprint(w, `{"result":null}`)
		default:
			fmt.Fprint(w, refusal.Load())
		}
	}))
	defer node.Close()
	s := start(t, filepath.Join(t.TempDir(), "data"), "--rpc", "ethereum/sepolia="+node.URL)
	o := newTenant(t, s)
	for name, c := range map[string]struct {
		reply string
		known bool
		want  string
	}{
		"unknown type":     {`{"error":{"code":-32000,"message":"unknown transaction type"}}`, false, `"error":{"code":-32000,"message":"unknown transaction type"}`},
		"already known":    {`{"error":{"code":-32000,"message":"already known"}}`, true, `"result":"0x`},
		"mined long ago":   {`{"error":{"code":-32000,"message":"nonce too low"}}`, true, `"result":"0x`},
		"another took it":  {`{"error":{"code":-32000,"message":"nonce too low"}}`, false, `"message":"nonce too low"`},
		"no answer at all": {`{"result":null}`, false, `"error"`},
		"sent":             {`{"result":"0xabc"}`, false, `"result":"0xabc"`},
	} {
		refusal.Store(c.reply)
		known.Store(c.known)
		a := o.root.call(t, "signTransaction", object{
			"organizationId": o.id, "walletId": o.wallet, "submissionConfig": object{"chain": "ethereum", "network": "sepolia"},
			"derivationInfo": "m/44'/60'/0'/0/0", "transaction": object{
				"kind": "EIP_1559", "chainId": 11155111, "nonce": len(name), "gasLimit": 21000, "maxFeePerGas": 1, "maxPriorityFeePerGas": 1,
				"to": "0x000000000000000000000000000000000000dEaD", "value": "0",
			},
		})
		var answer struct {
			Submission json.RawMessage `json:"rpc_submission_result"`
		}
		if a.status != 200 || json.Unmarshal(a.raw, &answer) != nil || !bytes.Contains(answer.Submission, []byte(c.want)) {
			t.Errorf("%s: %d %s", name, a.status, a.raw)
		}
	}
}

// An expired key is a stranger's everywhere.
func TestExpiredKeyIsAStrangersElsewhere(t *testing.T) {
	s := start(t, filepath.Join(t.TempDir(), "data"))
	o, other := newTenant(t, s), newTenant(t, s)
	k := newKey(s)
	short := k.authenticator("short")
	short["expiresInMs"] = 400
	o.root.must(t, "createAuthenticator", object{"organizationId": o.id, "username": "admin", "authenticator": short}, "id")
	if a := k.call(t, "getOrganization", object{"organizationId": other.id}); a.status != 404 {
		t.Errorf("a member of another organization: %d %s", a.status, a.raw)
	}
	time.Sleep(500 * time.Millisecond)
	for _, organization := range []string{o.id, other.id, "00000000-0000-4000-8000-000000000000"} {
		if a := k.call(t, "getOrganization", object{"organizationId": organization}); a.status != 401 {
			t.Errorf("an expired key: %d %s", a.status, a.raw)
		}
	}
}

// The tree beyond the log is not made up.
func TestTilesEndWithTheLog(t *testing.T) {
	s := start(t, filepath.Join(t.TempDir(), "data"))
	newTenant(t, s)
	for _, tile := range []string{"8/0/x999/x999/x999/x999/x999/999", "8/0/000", "8/0/000.p/3", "8/7/000.p/1", "8/63/000.p/1", "7/0/000.p/1", "8/0/x", "8/data/000"} {
		response, err := http.Get(s.url + "/log/tile/" + tile)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != 404 {
			t.Errorf("tile %s: %d", tile, response.StatusCode)
		}
	}
}
