package language_test

import (
	"math/big"
	"testing"

	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/rule/language"
)

// Whatever text is written as a rule is refused or evaluates without a panic; what denies explains itself.
func FuzzRule(f *testing.F) {
	for _, r := range tenRules() {
		f.Add(r.Expression, `["a"]`)
	}
	f.Add("usage.spent(c, 'day') < 5 && c in [c]", `"ETH"`)
	f.Add("request.origin.matches('^(?:a{2,}b*?){3}$') || c.matches(c)", `"x{7}"`)
	f.Add("tx.evm.call.args.amount in c || [c] == [tx.evm.call.args.amount] || 5 != tx.evm.call.args.amount", `[5, "a", {"b": [1]}]`)
	f.Fuzz(func(t *testing.T, expression, constant string) {
		p, err := language.Compile([]org.Rule{{Expression: expression, Outcome: org.OutcomeAllow}}, []org.Constant{{Name: "c", Value: []byte(constant)}})
		if err != nil {
			return
		}
		facts := pay(t, big.NewInt(5))
		if v := p.Evaluate(facts); !v.Allowed() {
			p.Explain(facts, v, nil)
		}
	})
}
