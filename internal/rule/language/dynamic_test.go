package language_test

import (
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/redoubt-kms/redoubt/chain/evm"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/rule/fact"
)

// transfer calls transfer(0x1111…, 5) of a token on chain 5, of which 7 are paid.
func transfer(t testing.TB) *fact.Facts {
	t.Helper()
	to, n := make([]byte, 32), make([]byte, 32)
	for i := 12; i < 32; i++ {
		to[i] = 0x11
	}
	n[31] = 5
	tx, err := evm.NewDynamicFee(evm.DynamicFee{
		ChainID: big.NewInt(5), GasLimit: 21000, MaxFeePerGas: big.NewInt(1e9), MaxPriorityFeePerGas: big.NewInt(1), To: &treasury, Value: big.NewInt(7),
		Data: slices.Concat([]byte{0xa9, 0x05, 0x9c, 0xbb}, to, n),
	})
	if err != nil {
		t.Fatal(err)
	}
	return facts(tx, own())
}

// What is decoded of a call is compared with numbers by its value, whichever side it stands on and however deep: a rule
// that denies some of them must not be passed over because a list holds integers and the call an amount.
func TestNumbersOfCalls(t *testing.T) {
	const paid = "tx.evm.call.args.amount"
	constants := []org.Constant{
		{Name: "five", Value: []byte("5")},
		{Name: "some", Value: []byte("[4, 5]")},
		{Name: "others", Value: []byte("[4, 6]")},
		{Name: "mixed", Value: []byte(`["x", 5]`)},
		{Name: "named", Value: []byte(`{"n": 5, "deep": [[5]]}`)},
	}
	f := transfer(t)
	for expression, want := range map[string]bool{
		paid + " == 5": true, "5 == " + paid: true, paid + " == 5u": true, paid + " == 5.0": true, "5.0 == " + paid: true,
		paid + " == 6": false, paid + " == 5.5": false, "6 == " + paid: false, paid + " != 5": false, "5 != " + paid: false, paid + " != 6": true,
		paid + " == five": true, "five == " + paid: true, "five != " + paid: false,
		paid + " in [5]": true, paid + " in [6, 5]": true, paid + " in [uint256('5')]": true, paid + " in [5u]": true, paid + " in [5.0]": true,
		paid + " in [6]": false, paid + " in []": false, paid + " in some": true, paid + " in others": false, paid + " in mixed": true,
		paid + " in {5: true}": true, paid + " in {6: true}": false, paid + " in {'5': true}": false,
		"some.exists(x, x == " + paid + ")": true, "others.exists(x, x == " + paid + ")": false, "mixed.exists(x, x == " + paid + ")": true,
		"others.all(x, x != " + paid + ")": true, "some.all(x, x != " + paid + ")": false,
		"tx.evm.chainId == " + paid: true, "tx.evm.chainId != " + paid: false, "tx.evm.nonce == " + paid: false, "tx.evm.value == " + paid: false,
		paid + " == tx.evm.value": false, paid + " + 2 == tx.evm.value": true, "dyn(7) == tx.evm.value": true, "dyn(7) in [tx.evm.value]": true,
		"[5] == [" + paid + "]": true, "[" + paid + "] == [5]": true, "[5, 5] == [" + paid + "]": false, "[[6]] == [[" + paid + "]]": false, "[5] != [" + paid + "]": false,
		"{'a': 5} == {'a': " + paid + "}": true, "{'a': 6} == {'a': " + paid + "}": false, "{'b': 5} == {'a': " + paid + "}": false,
		"{" + paid + ": 1} == {5: 1}": true, "{'a': 5, 'b': 5} == {'a': " + paid + "}": false, "[" + paid + "] == [5, 5]": false, "{'a': " + paid + "} == {'a': 5, 'b': 5}": false,
		"named.n == " + paid: true, "named.deep == [[" + paid + "]]": true, "named.deep[0][0] == " + paid: true,
		"tx.evm.chainId <= " + paid: true, "tx.evm.chainId < " + paid: false, "tx.evm.nonce < " + paid: true, "tx.evm.chainId >= " + paid: true, "tx.evm.chainId > " + paid: false,
		paid + " == '5'": false, "'5' == " + paid: false, paid + " == null": false, "[5] == " + paid: false, paid + " == [5]": false, "{'a': 1} == " + paid: false,
		paid + " == b'5'": false, "tx.evm.call.args.to == 5": false, "5 in [tx.evm.call.args.to, " + paid + "]": true, "-5 == " + paid: false, paid + " == -5": false,
	} {
		v := compile(t, allow(expression), constants...).Evaluate(f)
		if v.Err != nil || v.Allowed() != want {
			t.Errorf("%s: %+v, want %v", expression, v, want)
		}
		denies := []org.Rule{{Expression: expression, Outcome: org.OutcomeDeny}, {Expression: "true", Outcome: org.OutcomeAllow}}
		if v := compile(t, denies, constants...).Evaluate(f); v.Allowed() == want {
			t.Errorf("DENY %s: %+v", expression, v)
		}
		if p := compile(t, allow(expression), constants...); !want {
			for _, r := range p.Explain(f, p.Evaluate(f), nil).Rules {
				for _, why := range r.Because {
					if strings.Contains(why.Expression, "@") {
						t.Errorf("%s: %q", expression, why.Expression)
					}
				}
			}
		}
	}
}
