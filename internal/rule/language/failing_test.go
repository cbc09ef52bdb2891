package language_test

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/redoubt-kms/redoubt/internal/org"
)

// failing are expressions of type bool that end in an error on a payment on EVM by ann, each in another way.
var failing = []string{
	"tx.solana.feePayer == ''", "has(typedData.domain)", "message == 'x'", "request.derivation.index == 0", "has(request.derivation.path)",
	"tx.evm.call.name == 'transfer'", "user.traits['none'] == 'x'", "user.traits.none != 'x'", "user.tags[7] == 'ops'", "user.tags[-1] != 'ops'", "{'a': 1}[user.name] == 1",
	"tx.evm.nonce / tx.evm.nonce == 1", "tx.evm.chainId % tx.evm.nonce != 1", "tx.evm.gas * 9223372036854775807 > 0", "9223372036854775807 + tx.evm.chainId > 0",
	"tx.evm.value - 6 != 0", "tx.evm.value / 0 == 0", "tx.evm.value % tx.evm.nonce == 0", "tx.evm.value * uint256('0xffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff') > 0",
	"uint256(user.name) == 1", "uint256(0 - tx.evm.chainId) < 1", "ether(user.name) > 0", "units('1', tx.evm.chainId + 100) > 0", "tokenAccount(user.name, user.name) == ''",
	"usage.spent('USD', duration('24h')) <= usd('10')", "int(user.name) == 1", "timestamp(user.name) < request.time", "duration(user.name) > duration('1s')",
	"dyn(tx.evm.chainId) + dyn(user.name) == 1", "dyn(user.name) < dyn(tx.evm.chainId)", "dyn(tx.evm.value) > dyn(user.name)", "dyn(user.name).size() > 0 && dyn(tx.evm.chainId)",
	"tx.evm.value in dyn(5)", "dyn(1).exists(x, true)", "request.time.getHours(user.name) == 1",
	"[1,2,3,4,5,6,7,8,9].all(a, [1,2,3,4,5,6,7,8,9].all(b, [1,2,3,4,5,6,7,8,9].all(c, (string(a) + string(b) + string(c) + user.name).size() + tx.evm.nonce >= 0 && user.name.startsWith('a') && user.name.contains('n') && tx.evm.value != 7 && tx.evm.chainId in [c, a, b, 1])))",
}

// around puts an error into an expression that cannot do without it.
func around(r *rand.Rand, e string) string {
	truths := []string{"true", "tx.chain == 'evm'", "request.method != ''", "[1, 2].exists(y, y == 2)", "tx.evm.value == 5"}
	yes := "(" + truths[r.IntN(len(truths))] + ")"
	no := "!" + yes
	forms := []string{
		"!(%[1]s)", "(%[1]s) && %[2]s", "%[2]s && (%[1]s)", "(%[1]s) || %[3]s", "%[3]s || (%[1]s)", "(%[1]s) ? true : false", "(%[1]s) ? false : true",
		"%[2]s ? (%[1]s) : true", "%[3]s ? true : (%[1]s)", "(%[1]s) == %[2]s", "(%[1]s) != %[2]s", "%[2]s == (%[1]s)", "%[3]s != (%[1]s)",
		"[(%[1]s)].size() == 1", "(%[1]s) in [true, false]", "{'a': (%[1]s)}.a", "[true, (%[1]s)][0]", "string(%[1]s) == 'true'", "dyn(%[1]s) == true",
	}
	return fmt.Sprintf(forms[r.IntN(len(forms))], e, yes, no)
}

// A rule of outcome ALLOW that ends in an error never allows; one of another outcome always denies, whatever others say.
func TestFailingRules(t *testing.T) {
	count := 400
	if os.Getenv("REDOUBT_ACCEPTANCE") == "full" {
		count = 10_000
	}
	r := rand.New(rand.NewPCG(9, 9)) //nolint:gosec // a seeded sample
	f := pay(t, big.NewInt(5))
	ok := org.Rule{Expression: "request.method == 'signTransaction'", Outcome: org.OutcomeAllow}
	for i := range count {
		e := failing[i%len(failing)]
		for range r.IntN(5) {
			e = around(r, e)
		}
		bad := func(outcome string) org.Rule {
			made := org.Rule{Expression: e, Outcome: outcome}
			if outcome == org.OutcomeApproval {
				made.Approvals = []org.Approval{{Required: 1}}
			}
			return made
		}
		if v := compile(t, []org.Rule{bad(org.OutcomeAllow)}).Evaluate(f); v.Outcome != "" || v.Allowed() || v.Err == nil {
			t.Fatalf("ALLOW %s: %+v", e, v)
		}
		if v := compile(t, []org.Rule{bad(org.OutcomeAllow), ok}).Evaluate(f); !v.Allowed() || v.Rule != 1 {
			t.Fatalf("ALLOW %s beside one that allows: %+v", e, v)
		}
		for _, outcome := range []string{org.OutcomeDeny, org.OutcomeApproval} {
			rules := []org.Rule{ok, bad(outcome)}
			if i%2 == 0 {
				rules[0], rules[1] = rules[1], rules[0]
			}
			if v := compile(t, rules).Evaluate(f); v.Outcome != org.OutcomeDeny || v.Allowed() || v.Err == nil {
				t.Fatalf("%s %s: %+v", outcome, e, v)
			}
		}
	}
}
