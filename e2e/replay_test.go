package e2e_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	mathrand "math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redoubt-kms/redoubt/stamp"
)

// entries returns the size of the log.
func entries(t testing.TB, s *server) int {
	t.Helper()
	code, out := redoubt(t, "log", "verify", "--url", s.url)
	var n int
	if _, err := fmt.Sscanf(lineOf(out, "size"), "size %d", &n); code != 0 || err != nil {
		t.Fatalf("%d %s %v", code, out, err)
	}
	return n
}

// A1: the same bodies, over and over, at once and after restarts, have one effect each and always the same answer.
func TestReplaysHaveOneEffect(t *testing.T) {
	replays, restarts := scale(3_000, 10_000), scale(3, 20)
	dir := filepath.Join(t.TempDir(), "data")
	s := start(t, dir)
	o := newTenant(t, s)
	now := time.Now()
	bodies := [][]byte{
		body("createWallet", object{"organizationId": o.id, "walletName": "once", "accounts": []string{"m/44'/60'/0'/0/0"}}, now),
		body("getOrCreateWalletWithTag", object{"organizationId": o.id, "walletName": "tagged", "tag": "t"}, now),
		body("signUtf8Message", o.signParams("once"), now),
		body("createAuthenticator", object{"organizationId": o.id, "username": "admin", "authenticator": newKey(s).authenticator("b")}, now),
	}
	first := make([]string, len(bodies))
	check := func(i int) error {
		a, err := o.root.send(bodies[i])
		if err != nil || a.status != 200 {
			return fmt.Errorf("body %d: %d %s %w", i, a.status, a.raw, err)
		}
		if first[i] == "" {
			first[i] = string(a.result)
		} else if first[i] != string(a.result) {
			return fmt.Errorf("body %d: %s\nbefore %s", i, a.result, first[i])
		}
		return nil
	}
	before := entries(t, s)
	for i := range bodies {
		if err := check(i); err != nil {
			t.Fatal(err)
		}
	}
	for round := range restarts + 1 {
		parallel(t, 8, replays/(restarts+1), func(n int) error { return check(n % len(bodies)) })
		if round < restarts {
			s.kill()
			s = start(t, dir)
			o.at(s)
		}
	}
	if got := entries(t, s) - before; got != len(bodies) {
		t.Errorf("%d entries for %d requests", got, len(bodies))
	}
	if got := o.root.must(t, "getWalletWithTag", object{"organizationId": o.id, "tag": "t"}, "walletName"); got != "tagged" {
		t.Errorf("tagged wallet: %q", got)
	}
}

// parallel runs do n times on some goroutines and reports the first errors.
func parallel(t testing.TB, goroutines, n int, do func(int) error) {
	t.Helper()
	var all sync.WaitGroup
	work := make(chan int)
	for range goroutines {
		all.Go(func() {
			for i := range work {
				if err := do(i); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range n {
		work <- i
		if t.Failed() {
			break
		}
	}
	close(work)
	all.Wait()
}

// Twelve equal calls at once, as clients really make them, all get the one answer.
func TestEqualCallsAtOnce(t *testing.T) {
	s := start(t, filepath.Join(t.TempDir(), "data"))
	o := newTenant(t, s)
	for round := range 20 {
		b := body("createWallet", object{"organizationId": o.id, "walletName": fmt.Sprint(round)}, time.Now())
		answers := make(chan string, 12)
		parallel(t, 12, 12, func(int) error {
			a, err := o.root.send(b)
			if a.status != 200 || err != nil {
				return fmt.Errorf("%d %s %w", a.status, a.raw, err)
			}
			answers <- string(a.result)
			return nil
		})
		close(answers)
		want := <-answers
		for got := range answers {
			if got != want {
				t.Fatalf("two wallets: %s\n%s", got, want)
			}
		}
	}
}

// Fifty callers at once who want the wallet with a tag get the same one.
func TestTaggedWalletIsMadeOnce(t *testing.T) {
	s := start(t, filepath.Join(t.TempDir(), "data"))
	o := newTenant(t, s)
	for round := range 5 {
		ids := make(chan string, 50)
		parallel(t, 16, 50, func(n int) error {
			params := object{"organizationId": o.id, "walletName": fmt.Sprint("caller ", n), "tag": fmt.Sprint("tag ", round)}
			a, err := o.root.send(body("getOrCreateWalletWithTag", params, time.Now().Add(time.Duration(n)*time.Millisecond)))
			var w struct{ WalletID string }
			if err != nil || a.status != 200 || json.Unmarshal(a.result, &w) != nil {
				return fmt.Errorf("%d %s %w", a.status, a.raw, err)
			}
			ids <- w.WalletID
			return nil
		})
		close(ids)
		want := <-ids
		for got := range ids {
			if got != want {
				t.Fatalf("two wallets with one tag: %s and %s", got, want)
			}
		}
	}
}

// A2: other spellings of an accepted request's stamp have no second effect: they are refused, or they are the same
// request.
func TestMalleatedStampsHaveNoSecondEffect(t *testing.T) {
	s := start(t, filepath.Join(t.TempDir(), "data"))
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := private.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	b64 := base64.RawURLEncoding.EncodeToString
	send := func(b []byte, header string) (int, []byte) {
		status, raw, _, err := s.post("/kms/rpc", b, header)
		if err != nil {
			t.Fatal(err)
		}
		return status, raw
	}
	create := body("createOrganization", object{"organizationName": "P", "users": []object{{
		"username": "u", "policy": object{"type": "ROOT"},
		"authenticators": []object{{"authenticatorName": "p", "authenticatorKind": "keypair", "publicKey": b64(public), "algorithm": "Secp256r1"}},
	}}}, time.Now())
	header, err := stamp.SignP256(private, create)
	if err != nil {
		t.Fatal(err)
	}
	status, raw := send(create, header)
	var made struct {
		Result struct{ OrganizationID string }
	}
	if status != 200 || json.Unmarshal(raw, &made) != nil {
		t.Fatalf("%d %s", status, raw)
	}
	wallet := body("createWallet", object{"organizationId": made.Result.OrganizationID, "walletName": "once"}, time.Now())
	if header, err = stamp.SignP256(private, wallet); err != nil {
		t.Fatal(err)
	}
	_, want := send(wallet, header)
	before := entries(t, s)
	accepted := 0
	r := mathrand.New(mathrand.NewPCG(2, 2))
	for range scale(1500, 10_000) {
		status, got := send(wallet, malleate(t, header, r))
		if status == 200 {
			if accepted++; !bytes.Equal(resultIn(got), resultIn(want)) {
				t.Fatalf("a second effect: %s", got)
			}
		} else if status != 401 && status != 400 {
			t.Fatalf("%d %s", status, got)
		}
	}
	if got := entries(t, s); got != before {
		t.Errorf("%d new entries", got-before)
	}
	if accepted == 0 {
		t.Error("the other valid form of a signature was never accepted; real clients send either")
	}
}

func resultIn(raw []byte) []byte {
	var v struct{ Result json.RawMessage }
	_ = json.Unmarshal(raw, &v)
	return v.Result
}

// malleate spells a stamp in another way: some are still the same stamp, some are not.
func malleate(t *testing.T, header string, r *mathrand.Rand) string {
	t.Helper()
	s, err := stamp.Parse(header)
	if err != nil {
		t.Fatal(err)
	}
	switch r.IntN(7) {
	case 0: // the other s of the same signature
		n := elliptic.P256().Params().N
		half := new(big.Int).SetBytes(s.Signature[32:])
		new(big.Int).Sub(n, half).FillBytes(s.Signature[32:])
		return s.Encode()
	case 1: // s + n, when it fits
		sum := new(big.Int).Add(new(big.Int).SetBytes(s.Signature[32:]), elliptic.P256().Params().N)
		s.Signature = append(s.Signature[:32:32], sum.Bytes()...)
		return s.Encode()
	case 2: // DER
		s.Signature = append([]byte{0x30, 68, 2, 32}, append(append(s.Signature[:32:32], 2, 32), s.Signature[32:]...)...)
		return s.Encode()
	case 3: // compressed key
		s.PublicKey = append([]byte{2 + s.PublicKey[64]&1}, s.PublicKey[1:33]...)
		return s.Encode()
	case 4: // padding
		return header + strings.Repeat("=", (4-len(header)%4)%4)
	case 5: // the other alphabet
		return strings.NewReplacer("-", "+", "_", "/").Replace(header)
	default: // one character
		i := r.IntN(len(header))
		return header[:i] + string("ABCDEFGHIJKLMNOPabcdefghijklm0123456789-_"[r.IntN(41)]) + header[i+1:]
	}
}
