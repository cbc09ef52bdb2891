package evm

import (
	"strings"

	"github.com/redoubt-kms/redoubt/chain/evm/abi"
	"github.com/redoubt-kms/redoubt/chain/evm/eip55"
)

// permit2Contract is where Uniswap's Permit2 lives on every network.
const permit2Contract = "0x000000000022D473030F116dDEE9F6B43aC78BA3"

// isPermit2 tells the functions of Permit2 from those of tokens that have the same names.
func isPermit2(c abi.Call) bool {
	switch c.Name {
	case "permitTransferFrom", "permitWitnessTransferFrom", "lockdown", "invalidateNonces", "invalidateUnorderedNonces":
		return true
	case "approve":
		_, ok := c.Arg("token")
		return ok
	case "permit":
		_, single := c.Arg("permitSingle")
		_, batch := c.Arg("permitBatch")
		return single || batch
	case "transferFrom":
		_, single := c.Arg("token")
		_, batch := c.Arg("transferDetails")
		return single || batch
	}
	return false
}

// permit2Call reads a call of Permit2. The same call of another contract means nothing that anybody knows.
func (w *walk) permit2Call(f frame, c abi.Call) bool {
	known := eip55.Encode(f.contract) == permit2Contract
	switch c.Name {
	case "approve":
		w.permit2Approval(f.caller, arg(c, "spender").String(), c.Args)
	case "permit":
		for _, name := range []string{"permitSingle", "permitBatch"} {
			permit, ok := c.Arg(name)
			if !ok {
				continue
			}
			for _, d := range oneOrMany(fieldOf(permit, "details")) {
				w.permit2Approval(arg(c, "owner").String(), fieldOf(permit, "spender").String(), d)
			}
		}
	case "lockdown":
		for _, a := range arg(c, "approvals").Items() {
			w.approval(w.asset("erc20", fieldOf(a, "token").Address()), f.caller, fieldOf(a, "spender").String(), allOrNothing(false), 160)
		}
	case "transferFrom":
		details := []abi.Value{c.Args}
		if list, ok := c.Arg("transferDetails"); ok {
			details = list.Items()
		}
		for _, d := range details {
			w.transfer(w.asset("erc20", fieldOf(d, "token").Address()), fieldOf(d, "from").String(), fieldOf(d, "to").String(), fieldOf(d, "amount").Int())
		}
	case "permitTransferFrom", "permitWitnessTransferFrom":
		permitted, details := oneOrMany(fieldOf(arg(c, "permit"), "permitted")), oneOrMany(arg(c, "transferDetails"))
		if len(permitted) != len(details) {
			return false
		}
		for i, p := range permitted {
			w.transfer(w.asset("erc20", fieldOf(p, "token").Address()), arg(c, "owner").String(), fieldOf(details[i], "to").String(),
				fieldOf(details[i], "requestedAmount").Int())
		}
	}
	return known
}

// permit2Approval records the right of a spender to a token; 160 ones are no limit.
func (w *walk) permit2Approval(owner, spender string, details abi.Value) {
	w.approval(w.asset("erc20", fieldOf(details, "token").Address()), owner, spender, fieldOf(details, "amount").Int(), 160)
}

// oneOrMany are the items of an array, or a tuple alone.
func oneOrMany(v abi.Value) []abi.Value {
	if v.Kind() == abi.Array {
		return v.Items()
	}
	return []abi.Value{v}
}

// typedPermit2 records one approval for each token that a Permit2 message lists.
func (w *walk) typedPermit2(m Value, list string, bits int) {
	entries, _ := m.Field(list)
	all := []Value{entries}
	if entries.IsArray() {
		all = entries.items
	}
	for _, e := range all {
		w.approval(w.asset("erc20", e.account("token")), w.self, m.text("spender"), e.int("amount"), bits)
	}
}

// isWitnessPermit says that a message is a transfer permit with a witness, what a trade asks for beside the tokens: the
// contract demands that the type begins so and that the tokens are of this struct, whatever the witness.
func isWitnessPermit(encodeType string, m Value) bool {
	const rest = " permitted,address spender,uint256 nonce,uint256 deadline,"
	single := strings.HasPrefix(encodeType, "PermitWitnessTransferFrom(TokenPermissions"+rest)
	if !single && !strings.HasPrefix(encodeType, "PermitBatchWitnessTransferFrom(TokenPermissions[]"+rest) {
		return false
	}
	for _, def := range strings.SplitAfter(encodeType, ")") {
		if def == "TokenPermissions(address token,uint256 amount)" {
			return len(m.Fields()) == 5
		}
	}
	return false
}
