package policy

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"math/big"
	"sync"
	"testing"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
	"github.com/redoubt-kms/redoubt/stamp"
)

// entries is the length of the log, once all that was answered is anchored.
func (r *rig) entries(t testing.TB) uint64 {
	t.Helper()
	attestation, err := r.desk.Attestation(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var receipt proof.SignedReceipt
	if err := proof.Decode(attestation.Receipt, &receipt); err != nil {
		t.Fatal(err)
	}
	return receipt.Receipt.Head.Size
}

// same says whether two answers are alike in all that a client sees, but for the receipt.
func same(a, b wire.Answer) bool {
	return a.Status == b.Status && string(a.Result) == string(b.Result) && a.RequestID == b.RequestID
}

// together sends requests at the same time.
func together(n int, send func(i int) wire.Answer) []wire.Answer {
	answers := make([]wire.Answer, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { answers[i] = send(i) })
	}
	all.Wait()
	return answers
}

// bodies are one request of each kind that leaves a trace: a change, a signature, a denial.
func bodies(t *testing.T, r *rig, o tenant, w api.Wallet) map[string][]byte {
	t.Helper()
	return map[string][]byte{
		"createWallet":  r.body(t, api.CreateWallet, object{"organizationId": o.id, "walletName": "once"}),
		"addUser":       r.body(t, api.AddUserToOrganization, object{"organizationId": o.id, "user": user("eve", preset("DENY_ALL"), newKey(t))}),
		"tag":           r.body(t, api.GetOrCreateWalletWithTag, object{"organizationId": o.id, "walletName": "t", "tag": "once"}),
		"signature":     r.body(t, api.SignUtf8Message, utf8Params(o, w.WalletID, "once")),
		"createOrg":     r.body(t, api.CreateOrganization, object{"organizationName": "n", "users": []object{user("u", object{"type": "ROOT"}, o.key)}}),
		"authenticator": r.body(t, api.CreateAuthenticator, object{"organizationId": o.id, "username": "root", "authenticator": keypair("k", newKey(t))}),
	}
}

// The same body by the same caller has one effect and one answer, however often and however concurrently it comes, and
// whatever is restarted in between.
func TestSameBodyHasOneEffect(t *testing.T) {
	r := newRig(t)
	o := r.tenant(t)
	w := r.wallet(t, o)
	all := bodies(t, r, o, w)
	first := map[string]wire.Answer{}
	for name, body := range all {
		before := r.entries(t)
		answers := together(24, func(int) wire.Answer { return r.send(t, o.key, body) })
		for i, a := range answers {
			if a.Status != 200 || !same(a, answers[0]) {
				t.Errorf("%s: answer %d is %d %s, the first %s", name, i, a.Status, a.Result, answers[0].Result)
			}
		}
		if grown := r.entries(t) - before; grown != 1 {
			t.Errorf("%s: %d entries for one request", name, grown)
		}
		first[name] = answers[0]
	}
	size := r.entries(t)
	for range 2 {
		r.restart(t)
		for name, body := range all {
			for i, a := range together(4, func(int) wire.Answer { return r.send(t, o.key, body) }) {
				if !same(a, first[name]) {
					t.Errorf("%s, after a restart, answer %d: %d %s %s, want %s %s", name, i, a.Status, a.RequestID, a.Result, first[name].RequestID, first[name].Result)
				}
			}
		}
	}
	if again := r.entries(t); again != size {
		t.Errorf("the retries made %d entries", again-size)
	}
	if n := must[api.Wallets](t, r, o.key, api.GetOrganizationWallets, object{"organizationId": o.id}).TotalCount; n != 3 {
		t.Errorf("%d wallets, want 3", n)
	}
}

// A denial is one entry and one answer too, so that asking again is no way around it, nor a way to fill the log.
func TestDenialIsRemembered(t *testing.T) {
	r := newRig(t)
	key := newKey(t)
	o := r.tenant(t, user("nobody", preset("DENY_ALL"), key))
	body := r.body(t, api.CreateWallet, object{"organizationId": o.id, "walletName": "w"})
	before := r.entries(t)
	answers := together(10, func(int) wire.Answer { return r.send(t, key, body) })
	r.restart(t)
	answers = append(answers, r.send(t, key, body))
	for i, a := range answers {
		if a.Status != 403 || errorType(a) != api.TypeDenied || !same(a, answers[0]) || a.Receipt == "" {
			t.Errorf("answer %d: %d %s", i, a.Status, a.Result)
		}
	}
	if grown := r.entries(t) - before; grown != 1 {
		t.Errorf("%d entries for one denial", grown)
	}
}

// A P-256 signature has a twin that is as valid. The request is the same, so it has no second effect.
func TestMalleatedStampHasNoSecondEffect(t *testing.T) {
	r := newRig(t)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, err := key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	o := r.tenant(t, object{"username": "p256", "policy": object{"type": "ROOT"}, "authenticators": []object{{
		"authenticatorName": "p", "authenticatorKind": "keypair", "publicKey": b64(point), "algorithm": "Secp256r1",
	}}})
	before := r.entries(t)
	body := r.body(t, api.CreateWallet, object{"organizationId": o.id, "walletName": "w"})
	answers := together(12, func(i int) wire.Answer {
		header, err := stamp.SignP256(key, body) // another signature each time
		if err != nil {
			t.Error(err)
		}
		if i%2 == 0 {
			header = twin(t, header)
		}
		answer, err := r.desk.Request(t.Context(), wire.KindRequest, wire.Request{Body: body, Stamp: header})
		if err != nil {
			t.Error(err)
		}
		return answer
	})
	for i, a := range answers {
		if a.Status != 200 || !same(a, answers[0]) {
			t.Errorf("answer %d: %d %s", i, a.Status, a.Result)
		}
	}
	if grown := r.entries(t) - before; grown != 1 {
		t.Errorf("%d entries for one request", grown)
	}
}

// twin replaces s by n - s.
func twin(t *testing.T, header string) string {
	s, err := stamp.Parse(header)
	if err != nil {
		t.Error(err)
		return header
	}
	n := elliptic.P256().Params().N
	new(big.Int).Sub(n, new(big.Int).SetBytes(s.Signature[32:])).FillBytes(s.Signature[32:])
	return s.Encode()
}

// Another caller's equal body is another request: nobody gets somebody else's answer.
func TestEqualBodiesOfTwoCallers(t *testing.T) {
	r := newRig(t)
	second := newKey(t)
	o := r.tenant(t, user("second", object{"type": "ROOT"}, second))
	body := r.body(t, api.CreateWallet, object{"organizationId": o.id, "walletName": "w"})
	one, two := r.send(t, o.key, body), r.send(t, second, body)
	if one.Status != 200 || two.Status != 200 || same(one, two) {
		t.Errorf("%d %s and %d %s", one.Status, one.Result, two.Status, two.Result)
	}
}

// Authentication comes before the look-up: once a key is deleted, also its old requests are strangers' requests.
func TestDeletedKeyGetsNoOldAnswers(t *testing.T) {
	r := newRig(t)
	second := newKey(t)
	o := r.tenant(t, user("second", object{"type": "ROOT"}, second))
	w := r.wallet(t, o)
	body := r.body(t, api.SignUtf8Message, utf8Params(o, w.WalletID, "x"))
	if a := r.send(t, second, body); a.Status != 200 {
		t.Fatalf("%d %s", a.Status, a.Result)
	}
	organization := must[api.Organization](t, r, o.key, api.GetOrganization, object{"organizationId": o.id})
	must[api.Authenticator](t, r, o.key, api.DeleteAuthenticator, object{
		"organizationId": o.id, "username": "second", "authenticatorId": organization.Users[1].Authenticators[0].ID,
	})
	for range 2 {
		if a := r.send(t, second, body); a.Status != 401 {
			t.Errorf("%d %s", a.Status, a.Result)
		}
		r.restart(t)
	}
}

// A tag names one wallet, whoever comes first.
func TestTagIsClaimedOnce(t *testing.T) {
	r := newRig(t)
	o := r.tenant(t)
	for _, tag := range []string{"app", "agent"} {
		ids := map[string]bool{}
		for _, a := range together(50, func(int) wire.Answer {
			return r.call(t, o.key, api.GetOrCreateWalletWithTag, object{
				"organizationId": o.id, "walletName": "w", "tag": tag, "accounts": []string{solanaPath},
			})
		}) {
			if a.Status != 200 {
				t.Fatalf("%d %s", a.Status, a.Result)
			}
			ids[read1[api.Wallet](t, a).WalletID] = true
		}
		if len(ids) != 1 {
			t.Errorf("tag %q names %d wallets", tag, len(ids))
		}
	}
	list := must[api.Wallets](t, r, o.key, api.GetOrganizationWallets, object{"organizationId": o.id})
	if list.TotalCount != 2 {
		t.Errorf("%d wallets, want 2", list.TotalCount)
	}
	conflicts := 0
	for _, a := range together(10, func(int) wire.Answer {
		return r.call(t, o.key, api.CreateWallet, object{"organizationId": o.id, "walletName": "w", "tags": []string{"only"}})
	}) {
		if errorType(a) == api.TypeConflict {
			conflicts++
		}
	}
	if conflicts != 9 {
		t.Errorf("%d of 10 wallets with one tag were refused", conflicts)
	}
}
