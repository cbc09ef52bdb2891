package signer

import (
	"bytes"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/curve"
	"github.com/redoubt-kms/redoubt/internal/derivation"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

func solanaAccount(t testing.TB) []wire.AccountRequest {
	t.Helper()
	return []wire.AccountRequest{{Path: path(t, "m/44'/501'/0'/0'"), Curve: "Ed25519", Format: "Solana"}}
}

// What leaves the cache is wiped: seed, derived keys and single keys, and nothing can be signed with them any more.
func TestEvictionWipes(t *testing.T) {
	r := newRig(t)
	r.cache.max = 2
	synctest.Test(t, func(t *testing.T) {
		var all []*held
		var keys []curve.PrivateKey
		for i := range 4 {
			wallet := proof.ID{100, byte(i)}
			h, err := r.hold(wallet, r.sealed(t, wallet))
			if i%2 == 1 {
				h, err = r.hold(proof.ID{101, byte(i)}, r.sealSecret(t, proof.ID{101, byte(i)}, secret{
					Schema: 1, KeyEpoch: 1, Kind: api.WalletKeypair, Curve: api.CurveEd25519, Entropy: bytes.Repeat([]byte{7}, 32),
				}))
			}
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, h)
			use := func(k accountKey) error { keys = append(keys, k); return nil }
			if h.single != nil {
				err = h.use(nil, api.CurveEd25519, api.AddressSolana, use)
			} else {
				err = h.use(derivation.Path(path(t, "m/44'/501'/0'/0'")), api.CurveEd25519, api.AddressSolana, use)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		for i, h := range all[:3] {
			if !h.wiped || len(h.keys) != 0 {
				t.Errorf("wallet %d left the cache unwiped", i)
			}
			if h.seed != nil && !bytes.Equal(h.seed.Stretched(), make([]byte, 64)) {
				t.Errorf("the seed of wallet %d is still there", i)
			}
			if _, err := keys[i].Sign([]byte("x")); err == nil {
				t.Errorf("a key of wallet %d still signs", i)
			}
			err := h.use(derivation.Path(path(t, "m/44'/501'/0'/0'")), api.CurveEd25519, api.AddressSolana, func(accountKey) error { return nil })
			if !errors.Is(err, errNotHeld) && h.single == nil {
				t.Errorf("wallet %d is still used: %v", i, err)
			}
		}
		if all[3].wiped {
			t.Error("the newest wallet was wiped")
		}
		if r.cache.order.Len() > 2 || len(r.cache.by) > 2 {
			t.Errorf("%d wallets are held, at most 2", r.cache.order.Len())
		}
	})
}

// The keys of one wallet are bounded too, and the dropped ones are wiped.
func TestDerivedKeysAreBounded(t *testing.T) {
	r := newRig(t)
	h, err := r.hold(ownWallet, r.sealed(t, ownWallet))
	if err != nil {
		t.Fatal(err)
	}
	var all []curve.PrivateKey
	for i := range uint32(3 * cachedKeys) {
		account := derivation.Path{44 + derivation.Hardened, 501 + derivation.Hardened, i + derivation.Hardened, derivation.Hardened}
		err := h.use(account, api.CurveEd25519, api.AddressSolana, func(k accountKey) error { all = append(all, k); return nil })
		if err != nil {
			t.Fatal(err)
		}
	}
	live := 0
	for _, k := range all {
		if _, err := k.Sign([]byte("x")); err == nil {
			live++
		}
	}
	if live != cachedKeys || len(h.keys) != cachedKeys {
		t.Errorf("%d keys live, %d are kept, want %d", live, len(h.keys), cachedKeys)
	}
}

// A wallet that many orders need at once, right after a start, is opened by several of them. Each gets its signature:
// one must not wipe the secret under another's hands.
func TestConcurrentFirstUse(t *testing.T) {
	r := newRig(t)
	_, batch := good(t, r)
	for range 40 {
		s := newSigner(t, r.manifest)
		var many []wire.SignOrder
		for range 32 {
			many = append(many, batch.Orders[0])
		}
		results, err := submit(s, wire.SignBatch{Receipt: batch.Receipt, Orders: many})
		if err != nil {
			t.Fatal(err)
		}
		for i, result := range results {
			if result.Fault != "" || result.Missing || !bytes.Equal(result.Signature, results[0].Signature) {
				t.Fatalf("order %d: %+v", i, result)
			}
		}
	}
}

// While wallets are evicted all the time, an order is signed rightly or the secret is asked for; nothing else happens.
func TestUseWhileEvicting(t *testing.T) {
	r := newRig(t)
	r.cache.max = 2
	const wallets = 6
	var orders []wire.SignOrder
	var logged []authorised
	for i := range wallets {
		p, payload := r.solanaPermit(t, proof.ID{50, byte(i)}, "the same text")
		logged = append(logged, r.log(t, p, payload, nil))
	}
	receipt := r.receipt(t, nil)
	for _, a := range logged {
		orders = append(orders, r.order(t, a, r.sealed(t, a.permit.Wallet)))
	}
	want, err := r.signOne(receipt.Receipt, orders[0])
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for i := range 300 {
				order := orders[(worker+i*7)%wallets]
				if i%3 == 0 {
					order.Sealed = nil
				}
				result, err := r.signOne(receipt.Receipt, order)
				switch {
				case err != nil:
					t.Errorf("not signed: %v", err)
					return
				case result.Missing && order.Sealed != nil:
					t.Error("the secret is asked for though it was given")
					return
				case !result.Missing && !bytes.Equal(result.Signature, want.Signature):
					t.Error("a wrong signature")
					return
				}
				request := wire.AccountsRequest{Wallet: proof.ID{50, byte(i % wallets)}, Sealed: orders[i%wallets].Sealed, Accounts: solanaAccount(t)}
				answer, err := r.accounts(request)
				if err != nil || answer.Missing || answer.Accounts[0].Address != want.Address {
					t.Errorf("account: %+v, %v", answer, err)
					return
				}
			}
		})
	}
	all.Wait()
	if !slices.ContainsFunc(orders, func(o wire.SignOrder) bool { return len(o.Sealed) > 0 }) {
		t.Fatal("the orders lost their secrets")
	}
}

// Of two openings of one wallet the first stays, and the other one is wiped.
func TestSecondOpeningYields(t *testing.T) {
	r := newRig(t)
	first, err := r.hold(ownWallet, r.sealed(t, ownWallet))
	if err != nil {
		t.Fatal(err)
	}
	second := &held{keys: map[string]accountKey{}}
	if kept := r.cache.put(ownWallet, second); kept != first || first.wiped || !second.wiped {
		t.Errorf("kept the second: %v, first wiped: %v, second wiped: %v", kept == second, first.wiped, second.wiped)
	}
}
