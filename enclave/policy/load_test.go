package policy

import (
	"crypto/ed25519"
	"fmt"
	"strings"
	"testing"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/ledger"
	"github.com/redoubt-kms/redoubt/internal/wire"
)

// Many large requests at once must not add up to a commit, or to a batch for the signer, that does not fit into a frame:
// it would end the link, and with it the engine, for everybody.
func TestLargeRequestsAtOnce(t *testing.T) {
	r := newRig(t)
	o := r.tenant(t)
	w := must[api.Wallet](t, r, o.key, api.CreateWallet, object{"organizationId": o.id, "walletName": "w", "accounts": []string{"m/44'/60'/0'/0/0"}})
	const requests = 150 // of 240 KB each: more than one frame holds
	data := "0x" + strings.Repeat("00", 118_000)
	bodies := make([][]byte, requests)
	for i := range bodies {
		bodies[i] = r.body(t, api.SignTransaction, object{
			"organizationId": o.id, "walletId": w.WalletID, "derivationInfo": "m/44'/60'/0'/0/0",
			"transaction": object{
				"kind": "EIP_1559", "chainId": 1, "nonce": i, "gasLimit": 21000, "maxFeePerGas": 1, "maxPriorityFeePerGas": 1,
				"to": "0x000000000000000000000000000000000000dEaD", "value": 0, "data": data,
			},
		})
	}
	for i, a := range together(requests, func(i int) wire.Answer { return r.send(t, o.key, bodies[i]) }) {
		if a.Status != 200 {
			t.Fatalf("request %d: %d %.300s", i, a.Status, a.Result)
		}
	}
	r.restart(t) // and what was stored can be read again
	must[api.Organization](t, r, o.key, api.GetOrganization, object{"organizationId": o.id})
}

// A commit is cut where it grows too long for a frame; what is left is the next one, in the same order.
func TestCommitsAreCut(t *testing.T) {
	e := &Engine{}
	for i := range uint64(2000) {
		p := &proposal{entry: ledger.Entry{Index: i}}
		switch i % 4 {
		case 0:
			p.body = make([]byte, api.MaxBody)
		case 1:
			p.entry.Outcome = make([]byte, 100_000)
		case 2:
			p.order = &order{payload: make([]byte, 200_000)}
		}
		e.queue = append(e.queue, p)
	}
	next := uint64(0)
	for len(e.queue) > 0 {
		taken, size := e.take(), 0
		for _, p := range taken {
			if p.entry.Index != next {
				t.Fatalf("entry %d in the place of entry %d", p.entry.Index, next)
			}
			next++
			size += p.size()
		}
		if len(taken) == 0 || len(taken) > maxBatch || size > maxBatchBytes+api.MaxBody {
			t.Fatalf("%d proposals of %d bytes are taken at once", len(taken), size)
		}
	}
	for range 3 * maxBatch {
		e.queue = append(e.queue, &proposal{})
	}
	if n := len(e.take()); n != maxBatch {
		t.Errorf("%d small proposals are taken at once, want %d", n, maxBatch)
	}
}

// The log of a large organization that changes all the time can be read again after a stop, however long its entries are.
func TestStartAfterLongEntries(t *testing.T) {
	r := newRig(t)
	o := r.tenant(t)
	for i := range api.MaxUsers + 60 {
		u := user(fmt.Sprintf("session %d", i), preset("LEGACY_USER_ROLE"), keys(t, api.MaxKeys)...)
		u["expiresInMs"] = 3_600_000
		must[api.Organization](t, r, o.key, api.AddUserToOrganization, object{"organizationId": o.id, "user": u, "replaceExpirable": true})
	}
	r.restart(t)
	must[api.Organization](t, r, o.key, api.GetOrganization, object{"organizationId": o.id})
}

func keys(t testing.TB, n int) (all []ed25519.PrivateKey) {
	t.Helper()
	for range n {
		all = append(all, newKey(t))
	}
	return all
}
