package language_test

import (
	"runtime"
	"strings"
	"testing"

	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/rule/language"
)

// A few kilobytes of rules that name a long constant again and again are refused before they take gigabytes.
func TestConstantBombs(t *testing.T) {
	constants := []org.Constant{{Name: "k", Value: []byte("[" + strings.Repeat(`"a",`, 1000) + `"a"]`)}}
	many := make([]org.Rule, language.MaxRules)
	for i := range many {
		many[i] = org.Rule{Expression: strings.TrimSuffix(strings.Repeat("tx.chain in k||", 7), "||"), Outcome: org.OutcomeAllow}
	}
	for name, rules := range map[string][]org.Rule{
		"many rules": many,
		"one rule":   {{Expression: "size([" + strings.TrimSuffix(strings.Repeat("k,", 1900), ",") + "]) > 0", Outcome: org.OutcomeAllow}},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := language.Compile(rules, constants)
		runtime.ReadMemStats(&after)
		if err == nil || !strings.Contains(err.Error(), "too many parts") {
			t.Errorf("%s: %v", name, err)
		}
		if took := (after.TotalAlloc - before.TotalAlloc) >> 20; took > 96 {
			t.Errorf("%s: took %d MiB in all before it was refused", name, took)
		}
	}
	few := []org.Rule{{Expression: "tx.chain in k && tx.network in k", Outcome: org.OutcomeAllow}}
	if _, err := language.Compile(few, constants); err != nil {
		t.Errorf("a constant that is named twice: %v", err)
	}
}
