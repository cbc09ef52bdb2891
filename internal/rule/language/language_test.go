package language_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/big"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain"
	"github.com/redoubt-kms/redoubt/chain/evm"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/rule/amount"
	"github.com/redoubt-kms/redoubt/internal/rule/fact"
	"github.com/redoubt-kms/redoubt/internal/rule/language"
	"github.com/redoubt-kms/redoubt/proof"
)

// own is a compressed public key of secp256k1, of the secret 1.
func own() []byte {
	b, _ := new(big.Int).SetString("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798", 16)
	return b.Bytes()
}

var treasury = [20]byte{0xde, 0xad}

// pay is a plain transfer of so many wei on chain 1.
func pay(t testing.TB, wei *big.Int) *fact.Facts {
	t.Helper()
	tx, err := evm.NewDynamicFee(evm.DynamicFee{ChainID: big.NewInt(1), GasLimit: 21000, MaxFeePerGas: big.NewInt(1e9), MaxPriorityFeePerGas: big.NewInt(1), To: &treasury, Value: wei})
	if err != nil {
		t.Fatal(err)
	}
	return facts(tx, own())
}

func facts(p chain.Payload, key []byte) *fact.Facts {
	return &fact.Facts{
		Request: fact.Request{Method: api.SignTransaction, Time: 1795333819845, Index: -1}, Payload: p, PublicKey: key, Address: "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf",
		Organization: &org.Organization{Name: "Org", ID: proof.ID{1}}, Wallet: &org.Wallet{ID: proof.ID{2}, Tags: []string{"hot"}},
		User:          &org.User{Username: "ann", Traits: []org.Trait{{Name: "tags", Value: "ops,security"}}},
		Authenticator: &org.Authenticator{Kind: "keypair", Algorithm: api.Ed25519}, Usage: used{},
	}
}

// used has spent 3 of everything, in 2 requests.
type used struct{}

func (used) Spent(asset, _, _ string) (*amount.Amount, error) {
	if asset == "USD" {
		return nil, errors.New("no price")
	}
	return amount.New(3), nil
}
func (used) Count(string, string) (*amount.Amount, error) { return amount.New(2), nil }

func allow(expression string) []org.Rule {
	return []org.Rule{{Expression: expression, Outcome: org.OutcomeAllow}}
}

func compile(t testing.TB, rules []org.Rule, constants ...org.Constant) *language.Policy {
	t.Helper()
	p, err := language.Compile(rules, constants)
	if err != nil {
		t.Fatalf("%v: %v", rules, err)
	}
	return p
}

func TestExpressions(t *testing.T) {
	for expression, want := range map[string]string{
		"tx.evm.value == 5": "ALLOW",
		"5 == tx.evm.value && 6 >= tx.evm.value && !(5 < tx.evm.value)": "ALLOW",
		"tx.evm.value + 1 == uint256('6') && tx.evm.value - 5 == 0":     "ALLOW",
		"tx.evm.value - 6 == 0": "error",
		"tx.evm.value * uint256('0xffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff') > 0": "error",
		"tx.evm.value / 0 == 0":                                                                                 "error",
		"tx.evm.value < ether('0.000001') && tx.evm.chainId == 1":                                               "ALLOW",
		"tx.evm.to == '0xdead000000000000000000000000000000000000'":                                             "ALLOW",
		"tx.evm.to == '0xDEAD000000000000000000000000000000000000'":                                             "ALLOW",
		"tx.evm.to in treasuries":                                                                               "ALLOW",
		"tx.evm.to in ['0xdeAd000000000000000000000000000000000001']":                                           "wrong checksum",
		"tx.chain == 'evm' && !has(tx.solana) && has(tx.evm)":                                                   "ALLOW",
		"tx.solana.feePayer == ''":                                                                              "error",
		"typedData.primaryType == 'Permit'":                                                                     "error",
		"effects.transfers.size() == 1 && effects.transfers.all(t, t.asset == 'ETH' && t.amount <= cap)":        "ALLOW",
		"effects.transfers.map(t, t.amount).sum() == 5":                                                         "ALLOW",
		"effects.feeMax == gwei('21000') && !effects.unknown":                                                   "ALLOW",
		"'security' in user.tags && user.name == 'ann' && 'hot' in wallet.tags":                                 "ALLOW",
		"request.time.getFullYear() == 2026 && request.method == 'signTransaction'":                             "ALLOW",
		"request.time.getHours('America/New_York') == 2":                                                        "ALLOW",
		"usage.spent('ETH', duration('24h')) <= 3 && usage.count('day Europe/Berlin', 'wallet') == 2":           "ALLOW",
		"usage.spent('USD', duration('24h')) <= usd('10')":                                                      "error",
		"tokenAccount('11111111111111111111111111111111', 'So11111111111111111111111111111111111111112') != ''": "ALLOW",
		"littleEndian(b'\\x01\\x02\\x03', 1, 2) == 770 && littleEndian(b'\\x01\\x02\\x03', -2, 1) == 2":         "ALLOW",
		"littleEndian(b'\\x01\\x02\\x03', 2, 2) == 3 || littleEndian(b'\\x01', 0, 0) == 0":                      "error",
		"littleEndian(b'\\x01', -2, 1) == 1 || littleEndian(b'\\x01', 0, 33) == 1":                              "error",
		"hex(tx.evm.data) == '0x'":                                                                              "ALLOW",
		"tx.evm.call.name == 'transfer'":                                                                        "error",
		"has(tx.evm.call)":                                                                                      "",
	} {
		p, err := language.Compile(allow(expression), []org.Constant{
			{Name: "treasuries", Value: []byte(`["0xdead000000000000000000000000000000000000"]`)}, {Name: "cap", Value: []byte("5")},
		})
		if err != nil {
			if !strings.Contains(err.Error(), want) || want == "" {
				t.Errorf("%s: %v", expression, err)
			}
			continue
		}
		v := p.Evaluate(pay(t, big.NewInt(5)))
		got := v.Outcome
		if v.Err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("%s: %q, want %q (%v)", expression, got, want, v.Err)
		}
	}
}

// Deny overrides, then what needs approval; an error allows nothing and denies where it was to restrict.
func TestOutcomes(t *testing.T) {
	yes, no, broken := "request.method == 'signTransaction'", "request.method == 'getAccounts'", "tx.solana.feePayer == ''"
	a, d, r := org.OutcomeAllow, org.OutcomeDeny, org.OutcomeApproval
	for _, c := range []struct {
		rules [][2]string
		want  string
	}{
		{nil, ""},
		{[][2]string{{yes, a}}, a},
		{[][2]string{{no, a}}, ""},
		{[][2]string{{broken, a}}, ""},
		{[][2]string{{broken, a}, {yes, a}}, a},
		{[][2]string{{yes, a}, {yes, d}}, d},
		{[][2]string{{yes, a}, {no, d}}, a},
		{[][2]string{{yes, a}, {broken, d}}, d},
		{[][2]string{{yes, a}, {yes, r}}, r},
		{[][2]string{{yes, a}, {no, r}}, a},
		{[][2]string{{yes, a}, {broken, r}}, d},
		{[][2]string{{yes, r}, {yes, d}}, d},
		{[][2]string{{yes, r}}, r},
	} {
		var rules []org.Rule
		for _, rule := range c.rules {
			made := org.Rule{Expression: rule[0], Outcome: rule[1]}
			if rule[1] == r {
				made.Approvals = []org.Approval{{Required: 1}}
			}
			rules = append(rules, made)
		}
		if v := compile(t, rules).Evaluate(pay(t, big.NewInt(5))); v.Outcome != c.want || v.Allowed() != (c.want == a) {
			t.Errorf("%v: %+v, want %q", c.rules, v, c.want)
		}
	}
	if (language.Verdict{}).Allowed() {
		t.Error("the zero verdict allows")
	}
}

func TestExplain(t *testing.T) {
	p := compile(t, []org.Rule{
		{Expression: "request.method == 'signTransaction' && tx.evm.to == treasury && (tx.evm.value <= ether('1') || tx.evm.chainId == 5)", Outcome: org.OutcomeAllow, Comment: "small payments"},
		{Expression: "usage.spent('ETH', duration('24h')) <= uint256('2') && !effects.unknown", Outcome: org.OutcomeAllow},
	}, org.Constant{Name: "treasury", Value: []byte(`"0xdead000000000000000000000000000000000000"`)})
	f := pay(t, new(big.Int).Exp(big.NewInt(10), big.NewInt(19), nil))
	e := p.Explain(f, p.Evaluate(f), func(c language.Counter, limit *amount.Amount) *api.LimitExplanation {
		return &api.LimitExplanation{Asset: c.Asset, Window: c.Window, Limit: limit.String()}
	})
	if len(e.Rules) != 2 || e.Outcome != org.OutcomeDeny {
		t.Fatalf("%+v", e)
	}
	first, second := e.Rules[0], e.Rules[1]
	if len(first.Because) != 2 || first.Result != "false" || first.Comment != "small payments" ||
		first.Because[0].Expression != `tx.evm.value <= ether("1")` || first.Because[0].Values[0].Value != "10000000000000000000" ||
		first.Because[1].Values[0] != (api.Seen{Expression: "tx.evm.chainId", Value: "1"}) {
		t.Errorf("%+v", first)
	}
	if len(second.Because) != 1 || second.Because[0].Limit == nil || *second.Because[0].Limit != (api.LimitExplanation{Asset: "ETH", Window: "24h0m0s", Limit: "2"}) {
		t.Errorf("%+v", second.Because)
	}
}

// What is wrong is refused, with its place and what to do.
func TestRefused(t *testing.T) {
	for expression, want := range map[string]string{
		"":                            "empty",
		"tx.evm.valu == 1":            "did you mean value?",
		"tx.evm.transfers.count == 1": "undefined field 'transfers'",
		"tx.evm.to == <ADDRESS>":      "quotes",
		"tx.evm.chainId == '1'":       "text stands in quotes, numbers do not",
		"tx.evm.data[0..4] == b'x'":   "Syntax error",
		"tx.evm.value":                "not bool",
		"usr.name == 'a'":             "did you mean user?",
		"usage.spent(tx.chain, duration('1h')) < 1":                         "must be written out",
		"usage.spent('ETH', duration('40d')) < 1":                           "Duration",
		"usage.spent('ETH', duration('1s')) < 1":                            "a window of 1s",
		"usage.spent('ETH', 'year') < 1":                                    "is no window",
		"usage.spent('ETH', 'day Mars/Phobos') < 1":                         "unknown time zone",
		"usage.spent('ETH', 'day', 'planet') < 1":                           "unknown scope",
		"[1].all(a, [1].all(b, [1].all(c, [1].all(d, a + b + c + d > 0))))": "nested 4 deep",
		strings.Repeat("true && ", 700) + "true":                            "size",
	} {
		p, err := language.Compile(allow(expression), nil)
		var finding language.Finding
		if !errors.As(err, &finding) || finding.Line < 1 || finding.Column < 1 || !strings.Contains(err.Error(), want) {
			t.Errorf("%.80s: %v, %v", expression, p, err)
		}
	}
	for value, want := range map[string]string{"null": "no value", "1.5": "64 bits", "[1": "not JSON", "1 2": "more than one", `"0xdEaD000000000000000000000000000000000000"`: "checksum", "": "not JSON"} {
		if _, err := language.Compile(nil, []org.Constant{{Name: "c", Value: []byte(value)}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("constant %s: %v", value, err)
		}
	}
	for _, name := range []string{"", "tx", "request", "in", "true", "a-b", "_a", "int", "1a", "null", "for"} {
		if _, err := language.Compile(nil, []org.Constant{{Name: name, Value: []byte("1")}}); err == nil {
			t.Errorf("a constant may be called %q", name)
		}
	}
}

// What is odd draws a warning.
func TestFindings(t *testing.T) {
	r := func(outcome, expression string) org.Rule { return org.Rule{Expression: expression, Outcome: outcome} }
	a, d := org.OutcomeAllow, org.OutcomeDeny
	for _, c := range []struct {
		rules []org.Rule
		want  string // empty for no finding
	}{
		{[]org.Rule{r(a, "effects.transfers.all(t, t.asset == 'ETH')")}, "true of an empty list"},
		{[]org.Rule{r(a, "size(effects.transfers) == 1 && effects.transfers.all(t, t.asset == 'ETH')")}, ""},
		{[]org.Rule{r(a, "request.method == 'signTx'")}, "never"},
		{[]org.Rule{r(a, "request.method in ['signTransaction', 'sign']")}, "never"},
		{[]org.Rule{r(a, "tx.evm.selector == 'a9059cbb'")}, "never"},
		{[]org.Rule{r(a, "tx.chain == 'ethereum'")}, "never"},
		{[]org.Rule{r(a, "request.method == 'getAccounts'"), r(d, "tx.evm.chainId == 137")}, "makes this rule fail"},
		{[]org.Rule{r(a, "request.method == 'getAccounts'"), r(d, "tx.chain == 'evm' && tx.evm.chainId == 137")}, ""},
		{[]org.Rule{r(a, "user.name == 'ann'")}, "names no method"},
		{[]org.Rule{r(a, "request.method == 'signTransaction' && usage.spent('ETH', 'day') < 5")}, "not counted"},
		{[]org.Rule{r(a, "request.method == 'signTransaction' && !effects.unknown && usage.spent('ETH', 'day') < 5")}, "no token"},
		{[]org.Rule{r(a, "tx.chain == 'evm' && !effects.unknown && usage.spent('eip155:137/slip44:60', 'day') < 5")}, "no token"},
		{[]org.Rule{r(a, "tx.chain == 'solana' && !effects.unknown && usage.spent('SOL', 'day') < 5")}, "no token"},
		{[]org.Rule{r(a, "tx.chain == 'sui' && !effects.unknown && usage.spent('SUI', 'day') < 5")}, "no token"},
		{[]org.Rule{r(a, "tx.chain == 'evm' && !effects.unknown && usage.spent('ETH', 'day') < 5 && usage.spent('USD', 'day') < 5")}, ""},
		{[]org.Rule{r(a, "tx.chain == 'bitcoin' && !effects.unknown && usage.spent('BTC', 'day') < 5")}, ""},
		{[]org.Rule{r(a, "tx.evm.data == b'' && !effects.unknown && usage.spent('ETH', 'day') < 5")}, ""},
		{[]org.Rule{r(a, "!effects.unknown && !effects.transfers.exists(t, t.asset != 'ETH') && effects.approvals.size() == 0 && usage.spent('ETH', 'day') < 5")}, ""},
		{[]org.Rule{r(d, "request.method == 'signTransaction'")}, "no rule allows"},
		{[]org.Rule{r(a, "tx.chain == 'sui'"), r(a, "tx.chain == 'sui'")}, "rule 0 decides"},
		{[]org.Rule{r(a, "tx.chain == 'sui'"), r(a, "user.name == 'x' && tx.chain == 'sui'")}, "rule 0 decides"},
		{[]org.Rule{r(d, "tx.chain == 'sui'"), r(a, "tx.chain == 'sui'")}, "rule 0 decides"},
	} {
		p := compile(t, c.rules)
		var text []string
		for _, f := range p.Findings() {
			text = append(text, f.Error())
		}
		if all := strings.Join(text, "\n"); !strings.Contains(all, c.want) || c.want == "" && all != "" {
			t.Errorf("%v: %q, want %q", c.rules, all, c.want)
		}
	}
}

// Expressions that would take for ever, or all memory, end at the cost limit.
func TestBombs(t *testing.T) {
	list := "[" + strings.Repeat("1,", 1000) + "1]"
	large := bytes.Repeat([]byte{'a'}, 1<<20)
	thousand := org.Constant{Name: "many", Value: []byte(list)}
	for name, expression := range map[string]string{
		"loops":    "many.all(a, many.all(b, many.all(c, a + b + c > 0)))",
		"doubling": "[1].all(x, many.map(a, 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' + 'b').all(b, (b+b+b+b+b+b+b+b+b+b+b+b).size() > 0) && many.all(c, many.all(d, ('x' + string(c)).size() > 0)))",
		"regex":    "many.all(a, many.all(b, 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'.matches('(a|aa)+$')))",
		"maps":     "many.map(a, many.map(b, many)).size() > 0",
		"members":  "many.all(a, dyn(a) in many || !(dyn(a) in many))",
		"lists":    "dyn(many) == dyn(many)",
		"message":  "message.contains('b') && message.size() > 0",
		"equal":    "many.all(a, dyn(many) == dyn(many))",
		"sorted":   "many.filter(a, many.exists(b, b == 2)).size() == 0",
	} {
		p := compile(t, allow(expression), thousand)
		var before, after runtime.MemStats
		f := pay(t, big.NewInt(5))
		f.Message = large
		runtime.ReadMemStats(&before)
		began := time.Now()
		v := p.Evaluate(f)
		took := time.Since(began)
		runtime.ReadMemStats(&after)
		t.Logf("%s: %v, %d kB, %v", name, took, (after.TotalAlloc-before.TotalAlloc)>>10, v.Err)
		if v.Allowed() || v.Err == nil || after.TotalAlloc-before.TotalAlloc > 16<<20 {
			t.Errorf("%s: %+v after %d bytes", name, v, after.TotalAlloc-before.TotalAlloc)
		}
		runtime.ReadMemStats(&before)
		e := p.Explain(f, v, nil)
		runtime.ReadMemStats(&after)
		if len(e.Rules) != 1 || !strings.Contains(e.Rules[0].Error, "cost limit") || after.TotalAlloc-before.TotalAlloc > 16<<20 {
			t.Errorf("%s is explained: %+v after %d bytes", name, e, after.TotalAlloc-before.TotalAlloc)
		}
	}
}

func tenRules() []org.Rule {
	rules := []org.Rule{
		{Expression: "tx.chain == 'evm' && tx.evm.chainId != 1 && tx.evm.chainId != 8453", Outcome: org.OutcomeDeny},
		{Expression: "request.method in ['exportWallet', 'signRawPayload']", Outcome: org.OutcomeDeny},
		{Expression: "tx.chain == 'evm' && tx.evm.createsContract", Outcome: org.OutcomeDeny},
		{Expression: "request.method == 'signTransaction' && effects.approvals.exists(a, a.unlimited)", Outcome: org.OutcomeDeny},
		{Expression: "request.method == 'signTransaction' && effects.authorityChanges.size() > 0", Outcome: org.OutcomeDeny},
		{Expression: "request.method == 'signTransaction' && tx.chain == 'solana' && tx.solana.feePayer == 'x'", Outcome: org.OutcomeAllow},
		{Expression: "request.method == 'signUtf8Message' && 'ops' in user.tags", Outcome: org.OutcomeAllow},
		{Expression: "request.method == 'signTransaction' && effects.transfers.size() == 2", Outcome: org.OutcomeAllow},
		{Expression: "request.method == 'signTransaction' && tx.chain == 'evm' && tx.evm.to == '0x0000000000000000000000000000000000000001'", Outcome: org.OutcomeAllow},
		{Expression: "request.method == 'signTransaction' && !effects.unknown && effects.transfers.size() == 1 && effects.transfers.all(t, t.asset == 'ETH' && t.amount <= ether('1')) && effects.feeMax <= ether('0.01')", Outcome: org.OutcomeAllow},
	}
	return rules
}

func BenchmarkRules(b *testing.B) {
	for _, n := range []int{10, 100} {
		b.Run(map[int]string{10: "10", 100: "100"}[n], func(b *testing.B) {
			var rules []org.Rule
			for range n / 10 {
				rules = append(rules, tenRules()...)
			}
			for i := range rules[:n-1] { // all but the last rule of all are looked at in vain
				rules[i].Expression = strings.ReplaceAll(rules[i].Expression, "size() == 1", "size() == 3")
			}
			p := compile(b, rules)
			f := pay(b, big.NewInt(5))
			b.ReportAllocs()
			for b.Loop() {
				fresh := facts(f.Payload, f.PublicKey)
				if v := p.Evaluate(fresh); !v.Allowed() {
					b.Fatal(v)
				}
			}
		})
	}
}

// BenchmarkCompile compiles a hundred rules, as when a policy is written or first used.
func BenchmarkCompile(b *testing.B) {
	var rules []org.Rule
	for i := range 10 {
		for _, r := range tenRules() {
			r.Expression = fmt.Sprintf("(%s) && tx.evm.chainId != %d", r.Expression, i+2)
			rules = append(rules, r)
		}
	}
	for b.Loop() {
		compile(b, rules)
	}
}

// What a rule is not about is passed over, and never otherwise: the outcome is that of evaluating it.
func TestGuards(t *testing.T) {
	for expression, want := range map[string]string{
		"request.method == 'getAccounts' && tx.solana.feePayer == ''":                                 "",
		"tx.solana.feePayer == '' && request.method == 'getAccounts'":                                 "",
		"request.method == 'getAccounts' || tx.evm.value == 5":                                        org.OutcomeDeny,
		"!(request.method == 'getAccounts')":                                                          org.OutcomeDeny,
		"request.method in ['getAccounts', 'signTransaction'] && tx.chain == 'evm'":                   org.OutcomeDeny,
		"request.method in [] && tx.solana.feePayer == ''":                                            "",
		"tx.chain == 'solana' && tx.solana.feePayer == 'x'":                                           "",
		"tx.chain in ['solana', 'evm'] && tx.solana.feePayer == 'x'":                                  org.OutcomeDeny, // it fails, and denies
		"request.method == user.name && tx.solana.feePayer == 'x'":                                    "",
		"(request.method == 'getAccounts') == false":                                                  org.OutcomeDeny,
		"['getAccounts'].all(m, request.method == m) ? tx.solana.feePayer == 'x' : tx.chain == 'evm'": org.OutcomeDeny,
		"request.method in ['getAccounts', 'sign' + 'Transaction']":                                   org.OutcomeDeny,
		"request.method != 'getAccounts' && tx.chain != 'solana'":                                     org.OutcomeDeny,
		"request.method == 'getAccounts' ? tx.solana.feePayer == 'x' : tx.evm.value == 5":             org.OutcomeDeny,
		"request.policyName == '' && tx.network == ''":                                                org.OutcomeDeny,
		"'signTransaction' == request.method && tx.evm.value == 5":                                    org.OutcomeDeny,
	} {
		p := compile(t, []org.Rule{{Expression: expression, Outcome: org.OutcomeDeny}})
		if v := p.Evaluate(pay(t, big.NewInt(5))); v.Outcome != want {
			t.Errorf("%s: %+v, want %q", expression, v, want)
		}
	}
}
