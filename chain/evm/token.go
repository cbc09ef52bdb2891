package evm

import (
	"encoding/hex"
	"math/big"

	"github.com/redoubt-kms/redoubt/chain/evm/eip55"
)

// Selectors of the calls that this package names.
const (
	erc20Transfer     = "a9059cbb" // transfer(address,uint256)
	erc20TransferFrom = "23b872dd" // transferFrom(address,address,uint256)
	erc20Approve      = "095ea7b3" // approve(address,uint256)
	erc20Increase     = "39509351" // increaseAllowance(address,uint256)
	erc2612Permit     = "d505accf" // permit(address,address,uint256,uint256,uint8,bytes32,bytes32)
	erc721Safe        = "42842e0e" // safeTransferFrom(address,address,uint256)
	erc721SafeData    = "b88d4fde" // safeTransferFrom(address,address,uint256,bytes)
	erc1155Safe       = "f242432a" // safeTransferFrom(address,address,uint256,uint256,bytes)
	erc1155SafeBatch  = "2eb2c2d6" // safeBatchTransferFrom(address,address,uint256[],uint256[],bytes)
	approvalForAll    = "a22cb465" // setApprovalForAll(address,bool)
)

// asset is the CAIP-19 name of a token contract.
func (w *walk) asset(standard string, contract [20]byte) string {
	return network(w.chainID) + "/" + standard + ":0x" + hex.EncodeToString(contract[:])
}

// call reads call data; false when it does not know the call or the arguments are not exactly its own.
func (w *walk) call(contract [20]byte, data []byte) bool {
	if len(data) < 4 {
		return false
	}
	args := data[4:]
	switch hex.EncodeToString(data[:4]) {
	case erc20Transfer:
		a := newArguments(args, 2)
		to, amount := a.address(), a.uint()
		return a.whole() && w.moved(w.asset("erc20", contract), w.self, to, amount)
	case erc20TransferFrom:
		a := newArguments(args, 3)
		from, to, amount := a.address(), a.address(), a.uint()
		return a.whole() && w.moved(w.asset("erc20", contract), eip55.Encode(from), to, amount)
	case erc20Approve, erc20Increase:
		a := newArguments(args, 2)
		spender, amount := a.address(), a.uint()
		return a.whole() && w.allowed(w.asset("erc20", contract), w.self, spender, amount)
	case erc2612Permit:
		a := newArguments(args, 7)
		owner, spender, amount := a.address(), a.address(), a.uint()
		for range 4 { // deadline, v, r, s
			a.word()
		}
		return a.whole() && w.allowed(w.asset("erc20", contract), eip55.Encode(owner), spender, amount)
	case approvalForAll:
		return w.operator(contract, args)
	default:
		return w.collectible(contract, hex.EncodeToString(data[:4]), args)
	}
}

// collectible reads the safe transfers of ERC-721 and ERC-1155, whose assets carry the number of the token.
func (w *walk) collectible(contract [20]byte, selector string, args []byte) bool {
	standard, words := "erc1155", 5
	switch selector {
	case erc721Safe:
		standard, words = "erc721", 3
	case erc721SafeData:
		standard, words = "erc721", 4
	case erc1155Safe, erc1155SafeBatch:
	default:
		return false
	}
	a := newArguments(args, words)
	from, to := a.address(), a.address()
	ids, amounts := []*big.Int{nil}, []*big.Int{big.NewInt(1)}
	if selector == erc1155SafeBatch {
		ids, amounts = a.uints(), a.uints()
	} else {
		ids[0] = a.uint()
	}
	if selector == erc1155Safe {
		amounts[0] = a.uint()
	}
	if selector != erc721Safe {
		a.bytes()
	}
	if !a.whole() || len(ids) != len(amounts) {
		return false
	}
	for i, id := range ids {
		w.moved(w.asset(standard, contract)+"/"+id.String(), eip55.Encode(from), to, amounts[i])
	}
	return true
}

// operator reads setApprovalForAll, which ERC-721 and ERC-1155 share: all tokens of the contract, or none.
func (w *walk) operator(contract [20]byte, args []byte) bool {
	a := newArguments(args, 2)
	spender, on := a.address(), a.bool()
	if !a.whole() {
		return false
	}
	if on {
		return w.allowed(w.asset("erc721", contract), w.self, spender, nil)
	}
	return w.allowed(w.asset("erc721", contract), w.self, spender, new(big.Int))
}

func (w *walk) moved(asset, from string, to [20]byte, amount *big.Int) bool {
	w.transfer(asset, from, eip55.Encode(to), amount)
	return true
}

func (w *walk) allowed(asset, owner string, spender [20]byte, amount *big.Int) bool {
	w.approval(asset, owner, eip55.Encode(spender), amount, 256)
	return true
}
