package e2e_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/client"
	"github.com/redoubt-kms/redoubt/internal/id"
	"github.com/redoubt-kms/redoubt/proof/envelope"
)

// An import that was answered before a power cut is there after it, its answer is given again, and its envelope is used up.
func TestImportSurvivesAKill(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s := start(t, dir)
	o := newTenant(t, s)
	var e api.ImportEnvelope
	if err := json.Unmarshal(o.root.call(t, "initWalletImport", object{"organizationId": o.id}).result, &e); err != nil {
		t.Fatal(err)
	}
	sealed, err := base64.StdEncoding.DecodeString(e.Envelope)
	if err != nil {
		t.Fatal(err)
	}
	publicKey, err := base64.StdEncoding.DecodeString(e.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	organization, err := id.Parse(o.id)
	if err != nil {
		t.Fatal(err)
	}
	purpose := envelope.Purpose{Method: api.CompleteImportWallet, Organization: organization, Context: sha256.Sum256(sealed)}
	encrypted, err := envelope.Seal(publicKey, purpose, client.Mnemonic([]byte(strings.Repeat("abandon ", 11)+"about")))
	if err != nil {
		t.Fatal(err)
	}
	params := object{
		"organizationId": o.id, "importEnvelope": e, "encryptedSecret": base64.StdEncoding.EncodeToString(encrypted), "walletName": "imported",
		"accounts": []string{"m/44'/60'/0'/0/0"},
	}
	b := body("completeImportWallet", params, time.Now())
	first, err := o.root.send(b)
	if err != nil || first.status != 200 || !strings.Contains(string(first.raw), "0x9858EfFD232B4033E47d90003D41EC34EcaEda94") {
		t.Fatalf("%d %s %v", first.status, first.raw, err)
	}
	s.kill()
	o.at(start(t, dir))
	again, err := o.root.send(b)
	if err != nil || !bytes.Equal(again.result, first.result) {
		t.Errorf("the same body: %d %s %v", again.status, again.raw, err)
	}
	if a := o.root.call(t, "completeImportWallet", params); a.status != 400 || a.kind != api.TypeInvalid {
		t.Errorf("the same envelope: %d %s", a.status, a.raw)
	}
	if ids, total := walletIDs(t, o.root.call(t, "getOrganizationWallets", object{"organizationId": o.id})); total != 2 {
		t.Errorf("wallets %v, want 2", ids)
	}
}

// A host that shows a key of its own in place of the signer's learns nothing: the SDK encrypts nothing to it. Nor does it
// to any key as long as it knows no manifest.
func TestSwappedImportKey(t *testing.T) {
	s := start(t, filepath.Join(t.TempDir(), "data"))
	target, err := url.Parse(strings.TrimSuffix(s.url, "/v1/wallets"))
	if err != nil {
		t.Fatal(err)
	}
	thief, err := envelope.NewKey(bytes.Repeat([]byte{1}, envelope.SeedSize), envelope.SizeHybrid)
	if err != nil {
		t.Fatal(err)
	}
	var swapping atomic.Bool
	var begun, completed atomic.Int64
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) },
		ModifyResponse: func(r *http.Response) error {
			b, err := io.ReadAll(r.Body)
			if err != nil {
				return err
			}
			var answer struct {
				Result    api.ImportEnvelope `json:"result"`
				Signature string             `json:"signature"`
			}
			if swapping.Load() && json.Unmarshal(b, &answer) == nil && answer.Result.PublicKey != "" {
				answer.Result.PublicKey = base64.StdEncoding.EncodeToString(thief.PublicKey())
				if b, err = json.Marshal(answer); err != nil {
					return err
				}
			}
			r.Body, r.ContentLength, r.Header["Content-Length"] = io.NopCloser(bytes.NewReader(b)), int64(len(b)), nil
			return nil
		},
	}
	host := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(b))
		if bytes.Contains(b, []byte(`"initWalletImport"`)) {
			begun.Add(1)
		}
		if bytes.Contains(b, []byte(`"completeImportWallet"`)) {
			completed.Add(1)
		}
		proxy.ServeHTTP(w, r)
	}))
	defer host.Close()
	c := found(t, host.URL+"/v1/wallets")
	secret := client.Mnemonic([]byte(strings.Repeat("abandon ", 11) + "about"))
	if _, err := c.ImportWallet(t.Context(), "w", nil, secret, api.WalletParameters{}); !errors.Is(err, client.ErrNoManifest) || begun.Load() != 0 {
		t.Errorf("without a manifest: %v", err)
	}
	a, err := c.Attestation(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c.Manifest = a.Hash
	swapping.Store(true)
	if _, err := c.ImportWallet(t.Context(), "w", nil, secret, api.WalletParameters{}); !errors.Is(err, client.ErrUnproven) {
		t.Errorf("a swapped key: %v", err)
	}
	if begun.Load() == 0 || completed.Load() != 0 {
		t.Errorf("%d begun, %d secrets were handed over", begun.Load(), completed.Load())
	}
	swapping.Store(false)
	w, err := c.ImportWallet(t.Context(), "w", nil, secret, api.WalletParameters{Accounts: client.Paths("m/44'/60'/0'/0/0")})
	if err != nil || w.Accounts[0].Address != "0x9858EfFD232B4033E47d90003D41EC34EcaEda94" {
		t.Fatalf("%+v, %v", w, err)
	}
	out, err := c.ExportWallet(t.Context(), w.WalletID)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := client.SecretText(out); err != nil || text != string(secret.Bytes) {
		t.Errorf("%v", err)
	}
}
