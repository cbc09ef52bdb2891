package language_test

import (
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/rule/amount"
	"github.com/redoubt-kms/redoubt/internal/rule/fact"
	"github.com/redoubt-kms/redoubt/internal/rule/language"
)

// All approvals that matching rules want are wanted, and the least time is waited.
func TestApprovalsAddUp(t *testing.T) {
	f := pay(t, big.NewInt(5))
	wants := func(expression, tag string, expires uint64) org.Rule {
		return org.Rule{Expression: expression, Outcome: org.OutcomeApproval, Approvals: []org.Approval{{Required: 1, Tag: tag}}, Expires: expires, Comment: tag}
	}
	for _, c := range []struct {
		expires []uint64
		want    uint64
	}{{[]uint64{0, 0}, 0}, {[]uint64{5, 9}, 5}, {[]uint64{9, 5}, 5}, {[]uint64{0, 9}, 9}, {[]uint64{9, 0}, 9}} {
		p := compile(t, []org.Rule{wants("true", "a", c.expires[0]), wants("false", "x", 1), wants("true", "b", c.expires[1])})
		want := language.Verdict{Outcome: org.OutcomeApproval, Comment: "a", Approvals: []org.Approval{{Required: 1, Tag: "a"}, {Required: 1, Tag: "b"}}, Expires: c.want}
		if diff := cmp.Diff(want, p.Evaluate(f)); diff != "" {
			t.Errorf("%v: %s", c.expires, diff)
		}
	}
}

// A rule's outcome is one of three, and has approvals when and only when it waits for some.
func TestOutcomesRefused(t *testing.T) {
	some := []org.Approval{{Required: 1}}
	for i, c := range []struct {
		rule org.Rule
		want string
	}{
		{org.Rule{Outcome: ""}, "unknown outcome"},
		{org.Rule{Outcome: "allow"}, "unknown outcome"},
		{org.Rule{Outcome: "PERMIT"}, "unknown outcome"},
		{org.Rule{Outcome: org.OutcomeApproval}, "not whose"},
		{org.Rule{Outcome: org.OutcomeApproval, Expires: 5}, "not whose"},
		{org.Rule{Outcome: org.OutcomeAllow, Approvals: some}, "only a rule"},
		{org.Rule{Outcome: org.OutcomeDeny, Expires: 5}, "only a rule"},
		{org.Rule{Outcome: org.OutcomeApproval, Approvals: some}, ""},
	} {
		c.rule.Expression = "true"
		if _, err := language.Compile([]org.Rule{c.rule}, nil); (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%d: %v", i, err)
		}
	}
}

// Each bound of a policy, at and beyond.
func TestBounds(t *testing.T) {
	many := func(n int) string { return "[" + strings.TrimSuffix(strings.Repeat("1,", n), ",") + "]" }
	constant := func(value string) []org.Constant { return []org.Constant{{Name: "c", Value: []byte(value)}} }
	constants := func(n int) (all []org.Constant) {
		for i := range n {
			all = append(all, org.Constant{Name: fmt.Sprint("c", i), Value: []byte("1")})
		}
		return all
	}
	counters := func(n int) string {
		var parts []string
		for i := range n {
			parts = append(parts, fmt.Sprintf("usage.count(duration('%dm')) < 5", i+1))
		}
		return strings.Join(parts, " && ")
	}
	rules := func(n int) []org.Rule {
		all := make([]org.Rule, n)
		for i := range all {
			all[i] = org.Rule{Expression: "true", Outcome: org.OutcomeAllow}
		}
		return all
	}
	for name, c := range map[string]struct {
		rules     []org.Rule
		constants []org.Constant
		want      string
	}{
		"rules":               {rules: rules(language.MaxRules + 1), want: "the most is 1000"},
		"constants":           {constants: constants(language.MaxConstants), want: ""},
		"too many constants":  {constants: constants(language.MaxConstants + 1), want: "the most is 256"},
		"items":               {constants: constant(many(language.MaxItems - 1)), want: ""},
		"too many items":      {constants: constant(many(language.MaxItems)), want: "more than 1024 items"},
		"depth":               {constants: constant("[[[[1]]]]"), want: ""},
		"too deep":            {constants: constant("[[[[[1]]]]]"), want: "more than 4 deep"},
		"twice":               {constants: append(constant("1"), constant("1")...), want: "is there twice"},
		"named as a variable": {constants: []org.Constant{{Name: "wallet", Value: []byte("1")}}, want: "cannot name"},
		"named as a type":     {constants: []org.Constant{{Name: "uint256", Value: []byte("1")}}, want: "cannot name"},
		"counters":            {rules: allow(counters(language.MaxCounters)), want: ""},
		"too many counters":   {rules: allow(counters(language.MaxCounters + 1)), want: "more than 16 counters"},
		"expression":          {rules: allow("true" + strings.Repeat(" ", language.MaxExpression-4)), want: ""},
		"too long":            {rules: allow("true" + strings.Repeat(" ", language.MaxExpression-3)), want: "size"},
		"nodes":               {rules: allow(strings.Repeat("c.size() > 0 && ", 9) + "true"), constants: constant(many(1000)), want: "limit"},
		"a loop's variable":   {rules: allow("[1].all(c, c > 0)"), constants: constant("1"), want: "another name"},
		"window":              {rules: allow("usage.count('year') < 5"), want: "no window"},
		"scope":               {rules: allow("usage.count('day', 'User') < 5"), want: "unknown scope"},
		"count":               {rules: allow("usage.count(request.method) < 5"), want: "written out"},
	} {
		_, err := language.Compile(c.rules, c.constants)
		var finding language.Finding
		if c.want == "" && err != nil || c.want != "" && (!errors.As(err, &finding) || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// asked remembers what was read of usage.
type asked struct{ calls *[]string }

func (a asked) Spent(asset, window, scope string) (*amount.Amount, error) {
	*a.calls = append(*a.calls, asset+"|"+window+"|"+scope)
	return amount.New(1), nil
}

func (a asked) Count(window, scope string) (*amount.Amount, error) { return a.Spent("", window, scope) }

// What a rule reads of usage is what the policy says that it counts, in the spelling that effects have.
func TestCountersAreWhatIsRead(t *testing.T) {
	for expression, want := range map[string]language.Counter{
		"usage.spent('ETH', 'day') < 5":                                                       {Asset: "ETH", Window: "day", Scope: "user"},
		"usage.spent('ETH', duration('24h'), 'wallet') < 5":                                   {Asset: "ETH", Window: "24h0m0s", Scope: "wallet"},
		"usage.spent(token, window, 'destination') < 5":                                       {Asset: "eip155:1/erc20:0xab00000000000000000000000000000000000000", Window: "week UTC", Scope: "destination"},
		"5 > usage.spent('eip155:1/erc20:0xAB00000000000000000000000000000000000000', 'day')": {Asset: "eip155:1/erc20:0xab00000000000000000000000000000000000000", Window: "day", Scope: "user"},
		"usage.spent('token:EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v', 'day') < 5":        {Asset: fact.Asset("token:EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"), Window: "day", Scope: "user"},
		"usage.count(duration('90m')) < 5":                                                    {Window: "1h30m0s", Scope: "user"},
		"usage.count('month', 'organization') < 5":                                            {Window: "month", Scope: "organization"},
	} {
		p := compile(t, allow(expression), org.Constant{Name: "token", Value: []byte(`"eip155:1/erc20:0xAb00000000000000000000000000000000000000"`)},
			org.Constant{Name: "window", Value: []byte(`"week UTC"`)})
		if diff := cmp.Diff([]language.Counter{want}, p.Counters()); diff != "" {
			t.Errorf("%s: %s", expression, diff)
		}
		var calls []string
		f := pay(t, big.NewInt(5))
		f.Usage = asked{&calls}
		if v := p.Evaluate(f); !v.Allowed() || len(calls) != 1 || calls[0] != want.Asset+"|"+want.Window+"|"+want.Scope {
			t.Errorf("%s: %+v, %q", expression, v, calls)
		}
	}
}

// Units are those of the networks; bounds keep their meaning when their sides change places.
func TestUnitsAndSides(t *testing.T) {
	f := transfer(t)
	for _, expression := range []string{
		"string(ether('1')) == '1000000000000000000'", "string(gwei('1')) == '1000000000'", "string(sol('1')) == '1000000000'", "string(btc('1')) == '100000000'",
		"string(sui('1')) == '1000000000'", "string(usd('1')) == '1000000'", "string(units('1.5', 6)) == '1500000'", "units('1', 77) > units('1', 76)",
		"[uint256('1'), uint256('20'), tx.evm.value].sum() == 28", "dyn([]) == [] && [uint256('1')].filter(x, x > 1).sum() == 0",
		"7 <= tx.evm.value && 7 >= tx.evm.value && !(7 < tx.evm.value) && !(7 > tx.evm.value) && 6 < tx.evm.value && 8 > tx.evm.value && 6 <= tx.evm.value && 8 >= tx.evm.value",
		"!(8 <= tx.evm.value) && !(6 >= tx.evm.value) && 6 != tx.evm.value && !(7 != tx.evm.value) && 7 == tx.evm.value",
		"tx.evm.value != 8 && !(tx.evm.value != 7) && tx.evm.value == 7",
		"tokenAccount('GsbwXfJraMomNxBcjYLcG3mxkBUiyWXAB32fGbSMQRdW', 'EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v') != tokenAccount('EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v', 'GsbwXfJraMomNxBcjYLcG3mxkBUiyWXAB32fGbSMQRdW')",
	} {
		if v := compile(t, allow(expression)).Evaluate(f); !v.Allowed() {
			t.Errorf("%s: %+v", expression, v)
		}
	}
	for _, expression := range []string{"units('1', 78) > 0", "units('1', -1) > 0"} {
		p, err := language.Compile(allow(expression), nil)
		if err == nil && p.Evaluate(f).Allowed() {
			t.Errorf("%s", expression)
		}
	}
}
