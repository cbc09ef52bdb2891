package language_test

import (
	"encoding/json"
	"math/big"
	"strings"
	"testing"

	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/rule/language"
)

func many(n int, expression, outcome string) []org.Rule {
	all := make([]org.Rule, n)
	for i := range all {
		all[i] = org.Rule{Expression: expression, Outcome: outcome}
	}
	return all
}

// Each rule may cost what one may; all together may not, and then nothing is allowed, whatever rules are left.
func TestRulesTogetherAreBounded(t *testing.T) {
	constants := []org.Constant{{Name: "k", Value: []byte("[" + strings.Repeat(`"a",`, 40) + `"a"]`)}}
	const dear, search = "k.exists(a, k.exists(b, a != b))", "tokenAccount('EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v','EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v') == 'x'"
	last := org.Rule{Expression: "true", Outcome: org.OutcomeAllow}
	f := pay(t, big.NewInt(1))
	for name, c := range map[string]struct {
		rules []org.Rule
		allow bool
		err   string
	}{
		"few":                   {append(many(3, dear, org.OutcomeAllow), last), true, ""},
		"too many":              {append(many(600, dear, org.OutcomeAllow), last), false, "together cost more"},
		"too many that deny":    {append(many(600, dear, org.OutcomeDeny), last), false, "together cost more"},
		"many searches":         {append(many(600, search, org.OutcomeAllow), last), false, "together cost more"},
		"searches in one rule":  {append(many(1, "k.exists(a, "+search+")", org.OutcomeDeny), last), false, "cost limit exceeded"},
		"a thousand small ones": {append(many(999, "tx.evm.to == 'a'", org.OutcomeAllow), last), true, ""},
	} {
		p, err := language.Compile(c.rules, constants)
		if err != nil {
			t.Fatal(err)
		}
		v := p.Evaluate(f)
		if v.Allowed() != c.allow || c.err != "" && (v.Err == nil || !strings.Contains(v.Err.Error(), c.err)) {
			t.Errorf("%s: allowed %t, %v", name, v.Allowed(), v.Err)
		}
		p.Explain(f, v, nil)
	}
}

// An explanation goes into the log and into the answer, so it stays small whatever the rules are.
func TestExplanationsAreBounded(t *testing.T) {
	constants := []org.Constant{{Name: "k", Value: []byte(`"` + strings.Repeat("x", 4000) + `"`)}}
	p, err := language.Compile(many(28, strings.TrimSuffix(strings.Repeat("org.name+k==k||", 250), "||"), org.OutcomeAllow), constants)
	if err != nil {
		t.Fatal(err)
	}
	f := pay(t, big.NewInt(1))
	v := p.Evaluate(f)
	b, err := json.Marshal(p.Explain(f, v, nil))
	if err != nil || v.Allowed() || len(b) > 512<<10 {
		t.Errorf("allowed %t, explained with %d bytes, %v", v.Allowed(), len(b), err)
	}
}
