package evm

import (
	"encoding/hex"
	"math/big"

	"github.com/redoubt-kms/redoubt/chain/evm/abi"
	"github.com/redoubt-kms/redoubt/chain/evm/eip55"
)

// asset is the CAIP-19 name of a token contract.
func (w *walk) asset(standard string, contract [20]byte) string {
	return network(w.chainID) + "/" + standard + ":0x" + hex.EncodeToString(contract[:])
}

// arg is an argument that the function has.
func arg(c abi.Call, name string) abi.Value {
	v, _ := c.Arg(name)
	return v
}

// fieldOf is a field that the tuple has.
func fieldOf(v abi.Value, name string) abi.Value {
	f, _ := v.Field(name)
	return f
}

// moves reads what moves tokens of the contract called: ERC-20, EIP-3009, wrapped coins, ERC-721 and ERC-1155, whose
// assets carry the number of the token.
func (w *walk) moves(f frame, c abi.Call) bool {
	from := f.caller
	if v, ok := c.Arg("from"); ok {
		from = v.String()
	}
	switch c.Name {
	case "transfer", "transferFrom":
		w.transfer(w.asset("erc20", f.contract), from, arg(c, "to").String(), arg(c, "amount").Int())
	case "transferWithAuthorization", "receiveWithAuthorization":
		w.transfer(w.asset("erc20", f.contract), from, arg(c, "to").String(), arg(c, "value").Int())
	case "withdraw": // the coin comes back for it
		w.transfer(w.asset("erc20", f.contract), from, eip55.Encode(f.contract), arg(c, "amount").Int())
	case "safeTransferFrom":
		standard, id, amount := "erc1155", arg(c, "id"), arg(c, "amount").Int()
		if amount == nil {
			standard, id, amount = "erc721", arg(c, "tokenId"), big.NewInt(1)
		}
		w.transfer(w.asset(standard, f.contract)+"/"+id.String(), from, arg(c, "to").String(), amount)
	case "safeBatchTransferFrom":
		ids, amounts, to := arg(c, "ids"), arg(c, "amounts"), arg(c, "to").String()
		if ids.Len() != amounts.Len() {
			return false
		}
		for i, id := range ids.Items() {
			w.transfer(w.asset("erc1155", f.contract)+"/"+id.String(), from, to, amounts.Item(i).Int())
		}
	}
	return true
}

// allows reads what lets others move tokens of the contract called.
func (w *walk) allows(f frame, c abi.Call) bool {
	token := w.asset("erc20", f.contract)
	switch c.Name {
	case "approve":
		w.approval(token, f.caller, arg(c, "spender").String(), arg(c, "amount").Int(), 256)
	case "increaseAllowance":
		w.approval(token, f.caller, arg(c, "spender").String(), arg(c, "addedValue").Int(), 256)
	case "setApprovalForAll": // which ERC-721 and ERC-1155 share: all tokens of the contract, or none
		w.approval(w.asset("erc721", f.contract), f.caller, arg(c, "operator").String(), allOrNothing(arg(c, "approved").Bool()), 256)
	case "permit":
		owner, cap := arg(c, "owner"), arg(c, "value").Int()
		if holder, old := c.Arg("holder"); old { // of DAI
			owner, cap = holder, allOrNothing(arg(c, "allowed").Bool())
		}
		w.approval(token, owner.String(), arg(c, "spender").String(), cap, 256)
	}
	return true
}

// allOrNothing is the cap of a right that has no number: nil, which is none, or zero.
func allOrNothing(all bool) *big.Int {
	if all {
		return nil
	}
	return new(big.Int)
}
