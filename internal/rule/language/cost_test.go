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
		"too many":              {append(many(120, dear, org.OutcomeAllow), last), false, "together cost more"},
		"too many that deny":    {append(many(120, dear, org.OutcomeDeny), last), false, "together cost more"},
		"many searches":         {append(many(250, search, org.OutcomeAllow), last), false, "together cost more"},
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
	p, err := language.Compile(many(8, strings.TrimSuffix(strings.Repeat("org.name+k==k||", 250), "||"), org.OutcomeAllow), constants)
	if err != nil {
		t.Fatal(err)
	}
	f := pay(t, big.NewInt(1))
	v := p.Evaluate(f)
	b, err := json.Marshal(p.Explain(f, v, nil))
	if err != nil || v.Allowed() || len(b) > 160<<10 {
		t.Errorf("allowed %t, explained with %d bytes, %v", v.Allowed(), len(b), err)
	}
}

// A limit on an asset whose name no effect has would hold nothing back, so it is refused when it is written.
func TestUnknownAssetsAreRefused(t *testing.T) {
	const key = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"
	for asset, good := range map[string]bool{
		"USD": true, "ETH": true, "SOL": true, "BTC": true, "SUI": true, "eip155:137/slip44:60": true, "token:" + key: true,
		"eip155:1/erc20:0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48": true, "solana:mainnet/token:" + key: true,
		"eip155:1/erc721:0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48/7": true, "coin:0x" + strings.Repeat("0", 63) + "2::foo::FOO": true,
		"coin:0x2::foo::FOO": false, "eth": false, "Usd": false, "USDC": false, "": false, " ETH": false, "MATIC": false, "usdc": false, "eip155:1/ERC20": false,
		"eip155:1:0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48": false, "eip155:01/erc20:0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48": false, key: false,
	} {
		_, err := language.Compile(allow("!effects.unknown && usage.spent('"+asset+"', 'day') <= uint256('1')"), nil)
		if (err == nil) != good {
			t.Errorf("%q: %v", asset, err)
		}
	}
}
