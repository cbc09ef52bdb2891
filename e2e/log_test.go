package e2e_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redoubt-kms/redoubt/stamp"
)

// Anybody can check the log: from the folder and from the server, and a lie is found wherever it is.
func TestLogVerify(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s := start(t, dir)
	o := newTenant(t, s)
	for range 300 {
		o.sign(t, "again") // different times, different requests
	}
	code, fromServer := redoubt(t, "log", "verify", "--url", s.url)
	if code != 0 || !strings.Contains(fromServer, "size      302") {
		t.Errorf("from the server: %d %s", code, fromServer)
	}
	code, fromFolder := redoubt(t, "log", "verify", "--data", dir)
	if code != 0 || !strings.Contains(fromFolder, "size      302") {
		t.Errorf("from the folder while it is served: %d %s", code, fromFolder)
	}
	if a, b := lineOf(fromServer, "root"), lineOf(fromFolder, "root"); a != b {
		t.Errorf("roots differ: %s and %s", a, b)
	}
	s.stop(t)
	if code, out := redoubt(t, "log", "verify", "--data", dir); code != 0 {
		t.Errorf("from the folder at rest: %d %s", code, out)
	}
	for name, statement := range map[string]string{
		"one byte of an entry":              "UPDATE commits SET blob = CAST(substr(blob, 1, 99) || char((unicode(substr(blob, 100, 1)) + 1) % 120) || substr(blob, 101) AS BLOB) WHERE idx = 100",
		"one byte of a body":                "UPDATE commits SET bodies = " + spoilt("bodies") + " WHERE idx = 100",
		"one byte of a head":                "UPDATE commits SET head = " + spoilt("head") + " WHERE idx = 100",
		"one byte of a tag":                 "UPDATE commits SET tag = " + spoilt("tag") + " WHERE idx = 100",
		"one byte of the tree":              "UPDATE tiles SET hashes = " + spoilt("hashes") + " WHERE level = 0 AND n = 0",
		"one commit missing":                "DELETE FROM commits WHERE idx = 100",
		"the last commit missing":           "DELETE FROM commits WHERE idx = (SELECT max(idx) FROM commits)",
		"two entries in each other's place": "UPDATE commits SET blob = CASE idx WHEN 100 THEN (SELECT blob FROM commits WHERE idx = 101) ELSE (SELECT blob FROM commits WHERE idx = 100) END WHERE idx IN (100, 101)",
	} {
		t.Run(name, func(t *testing.T) {
			again := filepath.Join(t.TempDir(), "data")
			copyFolder(t, dir, again)
			edit(t, again, statement)
			if code, out := redoubt(t, "log", "verify", "--data", again); code != 1 {
				t.Errorf("log verify ends with %d: %s", code, out)
			}
		})
	}
	t.Run("a server that lies about an old entry", func(t *testing.T) {
		again := filepath.Join(t.TempDir(), "data")
		copyFolder(t, dir, again)
		edit(t, again, "UPDATE tiles SET hashes = CAST(zeroblob(32) || substr(hashes, 33) AS BLOB) WHERE level = 0 AND n = 0")
		lying := start(t, again)
		if code, out := redoubt(t, "log", "verify", "--url", lying.url); code != 1 {
			t.Errorf("log verify ends with %d: %s", code, out)
		}
	})
}

func lineOf(text, word string) string {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, word) {
			return line
		}
	}
	return ""
}

// Every answer carries a receipt that a stranger can check, and that fits no other answer.
func TestReceiptVerify(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s := start(t, dir)
	o := newTenant(t, s)
	stranger := newKey(s)
	o.root.must(t, "addUserToOrganization", object{"organizationId": o.id, "user": object{
		"username": "reader", "policy": object{"type": "CEL", "preset": "DENY_ALL"}, "authenticators": []object{stranger.authenticator("k")},
	}}, "organizationId")
	old := time.Now()
	oldBody := body("signUtf8Message", o.signParams("old"), old)
	_, oldAnswer, oldHeader, err := s.post("/kms/rpc", oldBody, stamp.SignEd25519(o.root.private, oldBody))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // a receipt is good for as long as the deployment lasts
		s.stop(t)
		again := start(t, dir)
		request, response := filepath.Join(t.TempDir(), "request"), filepath.Join(t.TempDir(), "response")
		write(t, request, oldBody)
		write(t, response, oldAnswer)
		if code, out := redoubt(t, "receipt", "verify", "--url", again.url, "--receipt", oldHeader.Get("X-Redoubt-Receipt"), "--request", request, "--response", response); code != 0 {
			t.Errorf("after a restart: %d %s", code, out)
		}
	})
	requests := map[string]struct {
		by     *key
		method string
		params any
		status int
	}{
		"a signature": {o.root, "signUtf8Message", o.signParams("receipt"), 200},
		"a read":      {o.root, "getOrganization", object{"organizationId": o.id}, 200},
		"a denial":    {stranger, "getOrganization", object{"organizationId": o.id}, 403},
		"a wallet":    {o.root, "createWallet", object{"organizationId": o.id, "walletName": "X"}, 200},
	}
	for name, r := range requests {
		t.Run(name, func(t *testing.T) {
			b := body(r.method, r.params, time.Now())
			status, raw, header, err := s.post("/kms/rpc", b, stamp.SignEd25519(r.by.private, b))
			if err != nil || status != r.status {
				t.Fatalf("%d %s %v", status, raw, err)
			}
			dir := t.TempDir()
			request, response := filepath.Join(dir, "request"), filepath.Join(dir, "response")
			write(t, request, b)
			write(t, response, raw)
			args := []string{"receipt", "verify", "--url", s.url, "--receipt", header.Get("X-Redoubt-Receipt"), "--request", request, "--response", response}
			if code, out := redoubt(t, args...); code != 0 {
				t.Errorf("%d %s", code, out)
			}
			twice := bytes.Replace(raw, []byte("{"), []byte(`{"Result":null,`), 1)
			write(t, response, twice)
			if code, out := redoubt(t, args...); code != 1 {
				t.Errorf("an answer that two readers read differently passes: %d %s", code, out)
			}
			write(t, response, raw)
			write(t, request, append(b, ' '))
			if code, out := redoubt(t, args...); code != 1 {
				t.Errorf("another request passes: %d %s", code, out)
			}
			write(t, request, b)
			write(t, response, tampered(t, raw))
			if code, out := redoubt(t, args...); code != 1 {
				t.Errorf("another answer passes: %d %s", code, out)
			}
		})
	}
}

// tampered changes one value of an answer.
func tampered(t *testing.T, raw []byte) []byte {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	if result, ok := v["result"].(map[string]any); ok {
		for name := range result {
			result[name] = "other"
			break
		}
	} else {
		v["message"] = "other"
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
