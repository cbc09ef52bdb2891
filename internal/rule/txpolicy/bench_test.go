package txpolicy_test

import (
	"strings"
	"testing"

	"github.com/redoubt-kms/redoubt/chain/solana"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/rule/txpolicy"
)

func BenchmarkCheck(b *testing.B) {
	usual := `{"rule":"NoAddressLookupTables"},{"rule":"ComputeBudgetLimit","maxComputeUnitPrice":1000},` +
		list("InstructionAllowlist", matcher(budget, `{"In":[2,3]}`), matcher(system, `{"Exact":2}`, lamports(`"max":1000`), recipients(key(5))))
	payments := []step{units(5000), price(7), pay(key(5), 9)}

	// The most matchers that fit, all of which look at every instruction, and none of which is met.
	most := list("InstructionAllowlist", strings.Split(strings.Repeat(matcher(system, "", recipients(key(6)))+"\n", 75), "\n")[:75]...)
	var many []step
	for len(many) < 55 {
		many = append(many, pay(key(5), 9))
	}
	// And the most token accounts that are derived.
	wallets := make([]solana.Key, 150)
	for i := range wallets {
		wallets[i] = key(byte(100 + i))
	}
	derive := list("InstructionAllowlist", matcher(token, "", constraints(`"recipientAllowlist":`+names(wallets))))
	var mints []step
	for i := range 10 {
		mints = append(mints, sent(token, key(byte(20+i)), key(41), 1))
	}
	for name, c := range map[string]struct {
		policy *org.TransactionPolicy
		tx     *solana.Transaction
	}{
		"usual":          {policy(b, usual), transaction(b, payments...)},
		"many matchers":  {policy(b, most), transaction(b, many...)},
		"token accounts": {policy(b, derive), transaction(b, mints...)},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_ = txpolicy.Check(c.policy, c.tx, key(1))
			}
		})
	}
}
