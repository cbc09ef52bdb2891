package evm

import (
	"math/big"

	"github.com/redoubt-kms/redoubt/chain/evm/abi"
	"github.com/redoubt-kms/redoubt/chain/evm/eip55"
)

// Bounds of what calls may hold further calls. What is beyond them is unknown.
const (
	maxCallDepth = 4
	maxCalls     = 256 // of one payload, the outer ones included
)

// frame is one call: of a contract, by somebody.
type frame struct {
	contract [20]byte
	caller   string
	depth    int
}

// call reads call data; false when it does not know the call or the arguments are not exactly its own.
func (w *walk) call(f frame, data []byte) bool {
	if w.calls++; w.calls > maxCalls || f.depth > maxCallDepth {
		return false
	}
	c, err := abi.Known().Decode(data)
	if err != nil {
		return false
	}
	if isPermit2(c) {
		return w.permit2Call(f, c)
	}
	switch c.Name {
	case "transfer", "transferFrom", "transferWithAuthorization", "receiveWithAuthorization", "withdraw", "safeTransferFrom",
		"safeBatchTransferFrom":
		return w.moves(f, c)
	case "approve", "increaseAllowance", "setApprovalForAll", "permit":
		return w.allows(f, c)
	case "disperseEther", "disperseToken", "disperseTokenSimple":
		return w.disperse(f, c)
	case "multicall":
		return w.multicall(f, c)
	case "aggregate", "blockAndAggregate", "tryAggregate", "tryBlockAndAggregate", "aggregate3", "aggregate3Value", "executeBatch":
		return w.batch(f, c)
	case "execute":
		return w.inner(f, arg(c, "target").Address(), arg(c, "value").Int(), arg(c, "data").Bytes())
	case "execTransaction":
		return w.safe(f, safeCall(c))
	case "name", "symbol", "decimals", "totalSupply", "balanceOf", "allowance", "ownerOf", "getApproved", "isApprovedForAll", "tokenURI",
		"supportsInterface", "balanceOfBatch", "uri", // which only look
		"decreaseAllowance", "cancelAuthorization", // which only take rights back
		"deposit": // the coins sent are a transfer already
		return true
	}
	return false
}

// inner records a call that the contract of a frame makes: the coins that go along, and what it does.
func (w *walk) inner(f frame, target [20]byte, value *big.Int, data []byte) bool {
	from := eip55.Encode(f.contract)
	if value != nil && value.Sign() > 0 {
		w.transfer(NativeAsset(w.chainID), from, eip55.Encode(target), value)
	}
	if len(data) == 0 {
		if w.calls++; w.calls > maxCalls {
			return false
		}
		return true
	}
	w.program(eip55.Encode(target))
	return w.call(frame{target, from, f.depth + 1}, data)
}

// multicall reads calls that a contract makes of itself in the name of its caller.
func (w *walk) multicall(f frame, c abi.Call) bool {
	known := true
	for _, data := range arg(c, "data").Items() {
		known = w.call(frame{f.contract, f.caller, f.depth + 1}, data.Bytes()) && known
		if w.calls > maxCalls {
			return false
		}
	}
	return known
}

// batch reads calls that a contract makes of others in its own name: Multicall3, or an account that is a contract.
func (w *walk) batch(f frame, c abi.Call) bool {
	known := true
	for _, item := range arg(c, "calls").Items() {
		data, ok := item.Field("callData")
		if !ok {
			data = fieldOf(item, "data")
		}
		known = w.inner(f, fieldOf(item, "target").Address(), fieldOf(item, "value").Int(), data.Bytes()) && known
		if w.calls > maxCalls {
			return false
		}
	}
	return known
}

// disperse reads payments to many: coins that came with the call, or tokens that the contract takes from its caller
// by an allowance, all of them first or each to its receiver.
func (w *walk) disperse(f frame, c abi.Call) bool {
	recipients, values := arg(c, "recipients"), arg(c, "values")
	if recipients.Len() != values.Len() {
		return false
	}
	asset, from := NativeAsset(w.chainID), eip55.Encode(f.contract)
	if token, ok := c.Arg("token"); ok {
		asset = w.asset("erc20", token.Address())
		w.program(token.String())
	}
	switch c.Name {
	case "disperseToken":
		total := new(big.Int)
		for _, v := range values.Items() {
			total = sum(total, v.Int())
		}
		w.transfer(asset, f.caller, from, total)
	case "disperseTokenSimple":
		from = f.caller
	}
	for i, to := range recipients.Items() {
		w.transfer(asset, from, to.String(), values.Item(i).Int())
	}
	return true
}
