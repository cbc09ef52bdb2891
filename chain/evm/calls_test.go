package evm_test

import (
	"encoding/hex"
	"encoding/json"
	"math/big"
	"strings"
	"testing"

	geth "github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/google/go-cmp/cmp"

	"github.com/redoubt-kms/redoubt/chain"
	"github.com/redoubt-kms/redoubt/chain/evm/abi"
	"github.com/redoubt-kms/redoubt/chain/evm/eip55"
)

const (
	permit2   = "0x000000000022D473030F116dDEE9F6B43aC78BA3"
	multi     = "0xcA11bde05977b3631167028862bE2a173976CA11" // Multicall3
	usdcAsset = "eip155:1" + usdcID
)

// encodeCall writes the call of a built-in function as go-ethereum does. Of functions of one name, match picks one by a
// part of its signature.
func encodeCall(t *testing.T, name, match string, args ...any) []byte {
	t.Helper()
	for _, f := range abi.Known().Functions() {
		if f.Name != name || !strings.Contains(f.Signature, match) {
			continue
		}
		text, err := json.Marshal([]any{map[string]any{"type": "function", "name": name, "inputs": inputs(f.Inputs)}})
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := geth.JSON(strings.NewReader(string(text)))
		if err != nil {
			t.Fatal(err)
		}
		data, err := theirs.Pack(name, args...)
		if err != nil {
			t.Fatalf("%s: %v", f.Signature, err)
		}
		return data
	}
	t.Fatalf("no %s with %q", name, match)
	return nil
}

func inputs(all []abi.Parameter) []any {
	out := []any{}
	for _, p := range all {
		out = append(out, map[string]any{"name": p.Name, "type": p.Type, "components": inputs(p.Components)})
	}
	return out
}

func account(t *testing.T, text string) [20]byte {
	t.Helper()
	a, err := eip55.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

type (
	target3 struct {
		Target   [20]byte
		CallData []byte
	}
	target3Value struct {
		Target       [20]byte
		AllowFailure bool
		Value        *big.Int
		CallData     []byte
	}
	accountCall struct {
		Target [20]byte
		Value  *big.Int
		Data   []byte
	}
	permission   struct{ Token, Spender [20]byte }
	tokenDetails struct {
		From, To [20]byte
		Amount   *big.Int
		Token    [20]byte
	}
	permitted struct {
		Token  [20]byte
		Amount *big.Int
	}
	transferDetails struct {
		To              [20]byte
		RequestedAmount *big.Int
	}
	permitSingle struct {
		Details struct {
			Token             [20]byte
			Amount            *big.Int
			Expiration, Nonce *big.Int
		}
		Spender     [20]byte
		SigDeadline *big.Int
	}
	permitTransfer struct {
		Permitted       permitted
		Nonce, Deadline *big.Int
	}
	permitTransfers struct {
		Permitted       []permitted
		Nonce, Deadline *big.Int
	}
)

func TestCalls(t *testing.T) {
	n := big.NewInt
	to, from, token, me := account(t, dead), account(t, beef), account(t, usdc), account(t, self)
	pay := encodeCall(t, "transfer", "", to, n(2))
	odd := []byte{1, 2, 3, 4}
	sig := []any{uint8(27), [32]byte{1}, [32]byte{2}}
	single := permitSingle{Spender: to, SigDeadline: n(9)}
	single.Details.Token, single.Details.Amount, single.Details.Expiration, single.Details.Nonce = token, n(7), n(1), n(2)
	auth := append([]any{me, to, n(5), n(0), n(1), [32]byte{}}, sig...)
	for _, tc := range []struct {
		name, to string
		data     []byte
		want     chain.Effects
	}{
		{"EIP-3009", usdc, encodeCall(t, "transferWithAuthorization", "uint8", auth...), chain.Effects{Transfers: moved(usdcAsset, self, dead, 5)}},
		{"EIP-3009 receive", usdc, encodeCall(t, "receiveWithAuthorization", "bytes)", append(auth[:6:6], []byte{1})...), chain.Effects{Transfers: moved(usdcAsset, self, dead, 5)}},
		{"EIP-3009 cancel", usdc, encodeCall(t, "cancelAuthorization", "uint8", append([]any{me, [32]byte{}}, sig...)...), chain.Effects{}},
		{"DAI permit", usdc, encodeCall(t, "permit", "bool", append([]any{me, to, n(0), n(1), true}, sig...)...), chain.Effects{Approvals: approved(usdcAsset, self, dead, nil)}},
		{"deposit", usdc, encodeCall(t, "deposit", ""), chain.Effects{}},
		{"withdraw", usdc, encodeCall(t, "withdraw", "", n(3)), chain.Effects{Transfers: moved(usdcAsset, self, usdc, 3)}},
		{"view", usdc, encodeCall(t, "balanceOf", "(address)", me), chain.Effects{}},
		{"Permit2 approve", permit2, encodeCall(t, "approve", "uint160", token, to, n(4), n(1)), chain.Effects{Approvals: approved(usdcAsset, self, dead, n(4))}},
		{"Permit2 approve elsewhere", usdc, encodeCall(t, "approve", "uint160", token, to, n(4), n(1)), chain.Effects{Approvals: approved(usdcAsset, self, dead, n(4)), Unknown: true}},
		{"Permit2 permit", permit2, encodeCall(t, "permit", "uint48),address", from, single, []byte{1}), chain.Effects{Approvals: approved(usdcAsset, beef, dead, n(7))}},
		{"Permit2 lockdown", permit2, encodeCall(t, "lockdown", "", []permission{{token, to}}), chain.Effects{Approvals: approved(usdcAsset, self, dead, n(0))}},
		{"Permit2 transferFrom", permit2, encodeCall(t, "transferFrom", "uint160,address)[]", []tokenDetails{{me, to, n(8), token}}), chain.Effects{Transfers: moved(usdcAsset, self, dead, 8)}},
		{"Permit2 permitTransferFrom", permit2, encodeCall(t, "permitTransferFrom", "(((address,uint256),", permitTransfer{permitted{token, n(9)}, n(0), n(1)}, transferDetails{to, n(6)}, me, []byte{1}), chain.Effects{Transfers: moved(usdcAsset, self, dead, 6)}},
		{"Permit2 lists of two lengths", permit2, encodeCall(t, "permitTransferFrom", "(((address,uint256)[]", permitTransfers{[]permitted{{token, n(9)}}, n(0), n(1)}, []transferDetails{}, me, []byte{1}), chain.Effects{Unknown: true}},
		{"aggregate", multi, encodeCall(t, "aggregate", "", []target3{{token, pay}}), chain.Effects{Transfers: moved(usdcAsset, multi, dead, 2), Programs: []string{usdc}}},
		{"aggregate with something odd", multi, encodeCall(t, "tryAggregate", "", false, []target3{{token, odd}, {token, pay}}), chain.Effects{Transfers: moved(usdcAsset, multi, dead, 2), Programs: []string{usdc}, Unknown: true}},
		{"aggregate3Value", multi, encodeCall(t, "aggregate3Value", "", []target3Value{{to, true, n(3), nil}}), chain.Effects{Transfers: moved("ETH", multi, dead, 3)}},
		{"multicall", usdc, encodeCall(t, "multicall", "l(bytes[])", [][]byte{pay, pay}), chain.Effects{Transfers: append(moved(usdcAsset, self, dead, 2), moved(usdcAsset, self, dead, 2)...)}},
		{"multicall in a multicall", usdc, encodeCall(t, "multicall", "uint256", n(1), [][]byte{encodeCall(t, "multicall", "l(bytes[])", [][]byte{pay})}), chain.Effects{Transfers: moved(usdcAsset, self, dead, 2)}},
		{"multicall with something odd", usdc, encodeCall(t, "multicall", "l(bytes[])", [][]byte{odd, pay}), chain.Effects{Transfers: moved(usdcAsset, self, dead, 2), Unknown: true}},
		{"executeBatch", self, encodeCall(t, "executeBatch", "", []accountCall{{to, n(1), nil}, {token, n(0), pay}}), chain.Effects{Transfers: append(moved("ETH", self, dead, 1), moved(usdcAsset, self, dead, 2)...), Programs: []string{usdc}}},
		{"execute", self, encodeCall(t, "execute", "", token, n(0), odd), chain.Effects{Programs: []string{usdc}, Unknown: true}},
		{"disperseEther", beef, encodeCall(t, "disperseEther", "", [][20]byte{to}, []*big.Int{n(5)}), chain.Effects{Transfers: moved("ETH", beef, dead, 5)}},
		{"disperseToken", beef, encodeCall(t, "disperseToken", "", token, [][20]byte{to, to}, []*big.Int{n(5), n(6)}), chain.Effects{Transfers: append(append(moved(usdcAsset, self, beef, 11), moved(usdcAsset, beef, dead, 5)...), moved(usdcAsset, beef, dead, 6)...), Programs: []string{usdc}}},
		{"disperse to nobody", beef, encodeCall(t, "disperseEther", "", [][20]byte{to}, []*big.Int{}), chain.Effects{Unknown: true}},
		{"Safe", beef, encodeCall(t, "execTransaction", "", token, n(0), pay, uint8(0), n(0), n(0), n(0), to, to, []byte{}), chain.Effects{Transfers: moved(usdcAsset, beef, dead, 2), Programs: []string{usdc}}},
		{"Safe that runs foreign code", beef, encodeCall(t, "execTransaction", "", token, n(0), pay, uint8(1), n(0), n(0), n(0), to, to, []byte{}), chain.Effects{Transfers: moved(usdcAsset, beef, dead, 2), Programs: []string{usdc}, Unknown: true}},
		{"Safe that pays for gas", beef, encodeCall(t, "execTransaction", "", token, n(0), pay, uint8(0), n(0), n(0), n(1), to, to, []byte{}), chain.Effects{Transfers: moved(usdcAsset, beef, dead, 2), Programs: []string{usdc}, Unknown: true}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.want.FeeMax = n(30)
			tc.want.Programs = append([]string{tc.to}, tc.want.Programs...)
			if diff := cmp.Diff(tc.want, effectsOf(t, tc.to, 0, hex.EncodeToString(tc.data)), big256); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestCallBounds nests and repeats calls beyond the bounds.
func TestCallBounds(t *testing.T) {
	data := encodeCall(t, "transfer", "", account(t, dead), big.NewInt(1))
	for depth := range 8 {
		if got := effectsOf(t, usdc, 0, hex.EncodeToString(data)); got.Unknown != (depth > 4) {
			t.Errorf("depth %d: unknown %t", depth, got.Unknown)
		}
		data = encodeCall(t, "multicall", "l(bytes[])", [][]byte{data})
	}
	many := make([]target3, 0, 300)
	for range 300 {
		many = append(many, target3{Target: account(t, dead)})
		got := effectsOf(t, multi, 0, hex.EncodeToString(encodeCall(t, "aggregate", "", many)))
		if got.Unknown != (len(many) > 255) {
			t.Fatalf("%d calls: unknown %t", len(many), got.Unknown)
		}
	}
	empty := make([][]byte, 2000)
	for i := range empty {
		empty[i] = encodeCall(t, "transfer", "", account(t, dead), big.NewInt(1))
	}
	if got := effectsOf(t, usdc, 0, hex.EncodeToString(encodeCall(t, "multicall", "l(bytes[])", empty))); !got.Unknown || len(got.Transfers) > 256 {
		t.Errorf("unknown %t, %d transfers", got.Unknown, len(got.Transfers))
	}
}
