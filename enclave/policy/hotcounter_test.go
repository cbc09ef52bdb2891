package policy

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/redoubt-kms/redoubt/api"
)

// BenchmarkCounters signs with 64 callers at once: each by counters of their own, and all by one. The heavy policy has a
// hundred rules to ask.
func BenchmarkCounters(b *testing.B) {
	const callers = 64
	limit := "request.method == 'signTransaction' && !effects.unknown && usage.spent('ETH', duration('24h'), '%s') <= ether('1000000')"
	for _, rules := range []int{1, 100} {
		for _, scope := range []string{"user", "wallet"} {
			b.Run(fmt.Sprintf("%d rules by %s", rules, scope), func(b *testing.B) {
				r := newRig(b)
				o := r.tenant(b)
				w := r.wallet(b, o)
				all := []object{allows(fmt.Sprintf(limit, scope))}
				for i := range rules - 1 {
					expression := fmt.Sprintf("tx.chain == 'evm' && tx.evm.chainId == %d && effects.transfers.exists(t, t.amount > ether('9'))", i+2)
					all = append(all, object{"expression": expression, "outcome": "DENY", "comment": ""})
				}
				var keys [callers][]byte
				for i := range keys {
					keys[i] = r.agent(b, o, fmt.Sprint("agent", i), all...)
				}
				var nonce atomic.Int64
				var clients sync.WaitGroup
				b.ResetTimer()
				for i := range callers {
					clients.Go(func() {
						for n := nonce.Add(1); n <= int64(b.N); n = nonce.Add(1) {
							if a := r.call(b, keys[i], api.SignTransaction, payment(b, o, w.WalletID, 1, uint64(n))); a.Status != 200 {
								b.Errorf("%d %s", a.Status, strings.TrimSpace(string(a.Result)))
								return
							}
						}
					})
				}
				clients.Wait()
			})
		}
	}
}
