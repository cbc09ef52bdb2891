package e2e_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain/base58"
	"github.com/redoubt-kms/redoubt/client"
	"github.com/redoubt-kms/redoubt/internal/ledger"
	"github.com/redoubt-kms/redoubt/internal/seal"
	"github.com/redoubt-kms/redoubt/internal/seed"
	"github.com/redoubt-kms/redoubt/proof"
)

// secretsOf opens every wallet's secret with the signer's root: the test alone may do that.
func secretsOf(t *testing.T, dir string) [][]byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, "keys", "signer.key"))
	if err != nil {
		t.Fatal(err)
	}
	root, err := seal.NewRoot(raw)
	if err != nil {
		t.Fatal(err)
	}
	db := database(t, dir)
	defer db.Close()
	rows, err := db.Query("SELECT key, sealed FROM records WHERE hex(substr(key, 2, 1)) = '03'")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var secrets [][]byte
	for rows.Next() {
		var key, sealed []byte
		if err := rows.Scan(&key, &sealed); err != nil {
			t.Fatal(err)
		}
		plain, err := root.Key("secret").Open(ledger.Context(ledger.Key(key), 1), sealed)
		if err != nil {
			t.Fatal(err)
		}
		var opened struct {
			_        struct{} `cbor:",toarray"`
			Schema   uint8
			KeyEpoch uint8
			Kind     string
			Curve    string
			Entropy  []byte
			Seed     []byte
		}
		if err := proof.Decode(plain, &opened); err != nil {
			t.Fatal(err)
		}
		secrets = append(secrets, opened.Entropy)
		if len(opened.Seed) > 0 {
			secrets = append(secrets, opened.Seed)
		}
	}
	return append(secrets, raw)
}

// spellings are the forms in which a secret might leak.
func spellings(secret []byte) [][]byte {
	all := [][]byte{
		secret, []byte(hex.EncodeToString(secret)), []byte(strings.ToUpper(hex.EncodeToString(secret))),
		[]byte(base64.RawStdEncoding.EncodeToString(secret)), []byte(base64.RawURLEncoding.EncodeToString(secret)), []byte(base58.Encode(secret)),
	}
	if s, err := seed.New(secret); err == nil {
		if words, err := s.Mnemonic(); err == nil {
			all = append(all, words)
		}
	}
	var wide []byte
	for _, u := range utf16.Encode([]rune(hex.EncodeToString(secret))) {
		wide = append(wide, byte(u), byte(u>>8))
	}
	return append(all, wide)
}

// S1: the secrets of wallets, of which there are many, are nowhere outside the signer: not in the database and its
// write-ahead log, not in logs, answers or temporary files, not in the memory of the host, the policy engine or the
// certifier.
func TestSecretsStayInTheSigner(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	start(t, dir).stop(t) // the first start makes the root secrets itself; no later one ever reads them
	s := start(t, dir, "--verbose")
	o := newTenant(t, s)
	var seen bytes.Buffer
	for i := range scale(30, 1000) {
		params := object{"organizationId": o.id, "walletName": "canary " + strconv.Itoa(i), "accounts": []string{"m/44'/501'/0'/0'", "m/44'/60'/0'/0/0"}}
		if i%3 == 0 {
			params = object{"organizationId": o.id, "walletName": "canary " + strconv.Itoa(i), "curve": []string{"Ed25519", "K256"}[i%2]}
		}
		a := o.root.call(t, "createWallet", params)
		if a.status != 200 {
			t.Fatalf("%d %s", a.status, a.raw)
		}
		seen.Write(a.raw)
	}
	importCanaries(t, s, o, &seen)
	o.sign(t, "x")
	for _, bad := range []string{"{", `{"method":"signUtf8Message"}`} {
		a, err := o.root.send([]byte(bad))
		if err != nil {
			t.Fatal(err)
		}
		seen.Write(a.raw)
	}
	memories := map[string][]byte{"host": dump(t, s.cmd.Process.Pid)}
	for role, pid := range s.pids {
		memories[role] = dump(t, pid)
	}
	s.stop(t)
	secrets := secretsOf(t, dir)
	if len(secrets) < 50 {
		t.Fatalf("%d secrets", len(secrets))
	}
	places := map[string][]byte{"answers": seen.Bytes(), "logs": []byte(s.log.String()), "memory of the host": memories["host"], "memory of the policy engine": memories["policy"], "memory of the certifier": memories["certifier"]}
	for _, folder := range []string{dir, os.TempDir()} {
		collect(t, folder, filepath.Join(dir, "keys"), places)
	}
	found := false
	for _, secret := range secrets {
		for _, form := range spellings(secret) {
			for place, b := range places {
				if bytes.Contains(b, form) {
					t.Errorf("a secret stands in %s", place)
				}
			}
		}
		found = found || bytes.Contains(memories["signer"], secret)
	}
	if !found && len(memories["signer"]) > 0 {
		t.Error("the signer's own memory holds none: the search would find nothing anywhere")
	}
}

// importCanaries brings secrets in and takes them out again, as well as one that was made here.
func importCanaries(t *testing.T, s *server, o *tenant, seen *bytes.Buffer) {
	t.Helper()
	c := client.New(s.url, o.id, client.NewKey(o.root.private))
	c.Answered = func(a client.Answer) { seen.Write(a.Request); seen.Write(a.Result) }
	a, err := c.Attestation(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c.Manifest = a.Hash
	wallets := []string{o.wallet}
	for i := range scale(6, 100) {
		entropy := make([]byte, 16+4*(i%5))
		rand.Read(entropy)
		made, err := seed.New(entropy)
		if err != nil {
			t.Fatal(err)
		}
		words, err := made.Mnemonic()
		if err != nil {
			t.Fatal(err)
		}
		secret, p := client.Mnemonic(words), api.WalletParameters{Accounts: client.Paths("m/44'/501'/0'/0'")}
		if i%3 == 0 {
			p = api.WalletParameters{Curve: api.CurveK256}
			key := make([]byte, 32)
			rand.Read(key)
			if secret, err = client.PrivateKey(p.Curve, []byte(hex.EncodeToString(key))); err != nil {
				t.Fatal(err)
			}
		}
		w, err := c.ImportWallet(t.Context(), "imported", nil, secret, p)
		if err != nil {
			t.Fatal(err)
		}
		wallets = append(wallets, w.WalletID)
	}
	for _, wallet := range wallets {
		if _, err := c.ExportWallet(t.Context(), wallet); err != nil {
			t.Fatal(err)
		}
	}
}

// collect reads the files of a folder that this test made, but for one folder.
func collect(t *testing.T, folder, except string, places map[string][]byte) {
	t.Helper()
	_ = filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && (path == except || folder == os.TempDir() && path != folder && !strings.HasPrefix(d.Name(), "redoubt-")) {
			if d != nil && d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		info, err := d.Info()
		if err == nil && info.Mode().IsRegular() && info.Size() < 64<<20 && !strings.HasPrefix(path, binaries) {
			if b, err := os.ReadFile(path); err == nil {
				places[path] = b
			}
		}
		return nil
	})
}

// dump reads a process's writable memory, as root of the machine can: in the process tier nothing hides it, and the
// signer's would show everything. It is empty where this user may not read it.
func dump(t *testing.T, pid int) []byte {
	t.Helper()
	maps, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/maps")
	if err != nil {
		return nil
	}
	mem, err := os.Open("/proc/" + strconv.Itoa(pid) + "/mem")
	if err != nil {
		return nil
	}
	defer mem.Close()
	var all []byte
	for line := range strings.Lines(string(maps)) {
		f := strings.Fields(line)
		from, to, _ := strings.Cut(f[0], "-")
		a, _ := strconv.ParseUint(from, 16, 64)
		b, _ := strconv.ParseUint(to, 16, 64)
		if !strings.HasPrefix(f[1], "rw") || b-a > 256<<20 {
			continue
		}
		page := make([]byte, b-a)
		if n, err := mem.ReadAt(page, int64(a)); err == nil || n > 0 {
			all = append(all, page[:n]...)
		}
	}
	return all
}

// S6: two builds in two places are the same to the last bit.
func TestBuildsAreReproducible(t *testing.T) {
	top, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	out := [2]string{t.TempDir(), t.TempDir()}
	for i := range out {
		source := filepath.Join(t.TempDir(), "somewhere", strings.Repeat("x", i+1))
		if err := os.MkdirAll(source, 0o700); err != nil {
			t.Fatal(err)
		}
		for _, part := range []string{"api", "chain", "cmd", "enclave", "host", "internal", "launch", "proof", "stamp"} {
			copyFolder(t, filepath.Join(top, part), filepath.Join(source, part))
		}
		for _, file := range []string{"go.mod", "go.sum"} {
			b, err := os.ReadFile(filepath.Join(top, file))
			if err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(source, file), b)
		}
		build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", out[i]+"/", "./cmd/redoubt-policy", "./cmd/redoubt-signer", "./cmd/redoubt-certifier")
		build.Dir = source
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if b, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%s %v", b, err)
		}
	}
	for _, name := range []string{"redoubt-policy", "redoubt-signer", "redoubt-certifier"} {
		one, err := os.ReadFile(filepath.Join(out[0], name))
		if err != nil {
			t.Fatal(err)
		}
		other, err := os.ReadFile(filepath.Join(out[1], name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(one, other) {
			t.Errorf("two builds of %s differ", name)
		}
	}
}
