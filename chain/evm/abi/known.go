package abi

import "sync"

// known compiles the built-in table once.
var known = sync.OnceValue(func() *Contract {
	c, err := Signatures(knownSignatures()...)
	if err != nil {
		panic(err) //nolint:forbidigo // impossible: the table is a constant, which a test compiles
	}
	return c
})

// Known are the functions that need no registration: of ERC-20, ERC-721, ERC-1155, EIP-2612 and EIP-3009 tokens, of
// Permit2, of wrapped coins, and of contracts that make several calls or payments at once. What two standards share has
// one name: the amount of transferFrom and approve is the number of the token if the contract is an ERC-721.
func Known() *Contract { return known() }

func knownSignatures() []string {
	const (
		details   = "(address token,uint160 amount,uint48 expiration,uint48 nonce)"
		permitted = "(address token,uint256 amount)"
		transfer  = "(address to,uint256 requestedAmount)"
		signature = "uint8 v,bytes32 r,bytes32 s)"
		eip3009   = "(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce,"
		witness   = "bytes32 witness,string witnessTypeString,bytes signature)"
		calls     = "(address target,bytes callData)[] calls)"
	)
	return []string{
		// ERC-20 and its common additions
		"name()", "symbol()", "decimals()", "totalSupply()", "balanceOf(address account)", "allowance(address owner,address spender)",
		"transfer(address to,uint256 amount)", "transferFrom(address from,address to,uint256 amount)",
		"approve(address spender,uint256 amount)", "increaseAllowance(address spender,uint256 addedValue)",
		"decreaseAllowance(address spender,uint256 subtractedValue)",
		// EIP-2612, the older form of DAI, EIP-3009
		"permit(address owner,address spender,uint256 value,uint256 deadline," + signature,
		"permit(address owner,address spender,uint256 value,uint256 deadline,bytes signature)",
		"permit(address holder,address spender,uint256 nonce,uint256 expiry,bool allowed," + signature,
		"transferWithAuthorization" + eip3009 + signature, "transferWithAuthorization" + eip3009 + "bytes signature)",
		"receiveWithAuthorization" + eip3009 + signature, "receiveWithAuthorization" + eip3009 + "bytes signature)",
		"cancelAuthorization(address authorizer,bytes32 nonce," + signature, "cancelAuthorization(address authorizer,bytes32 nonce,bytes signature)",
		// ERC-721, ERC-1155
		"ownerOf(uint256 tokenId)", "getApproved(uint256 tokenId)", "isApprovedForAll(address owner,address operator)",
		"tokenURI(uint256 tokenId)", "supportsInterface(bytes4 interfaceId)",
		"safeTransferFrom(address from,address to,uint256 tokenId)", "safeTransferFrom(address from,address to,uint256 tokenId,bytes data)",
		"setApprovalForAll(address operator,bool approved)", "balanceOf(address account,uint256 id)",
		"balanceOfBatch(address[] accounts,uint256[] ids)", "uri(uint256 id)",
		"safeTransferFrom(address from,address to,uint256 id,uint256 amount,bytes data)",
		"safeBatchTransferFrom(address from,address to,uint256[] ids,uint256[] amounts,bytes data)",
		// Permit2
		"approve(address token,address spender,uint160 amount,uint48 expiration)",
		"permit(address owner,(" + details + " details,address spender,uint256 sigDeadline) permitSingle,bytes signature)",
		"permit(address owner,(" + details + "[] details,address spender,uint256 sigDeadline) permitBatch,bytes signature)",
		"permitTransferFrom((" + permitted + " permitted,uint256 nonce,uint256 deadline) permit," + transfer + " transferDetails,address owner,bytes signature)",
		"permitTransferFrom((" + permitted + "[] permitted,uint256 nonce,uint256 deadline) permit," + transfer + "[] transferDetails,address owner,bytes signature)",
		"permitWitnessTransferFrom((" + permitted + " permitted,uint256 nonce,uint256 deadline) permit," + transfer + " transferDetails,address owner," + witness,
		"permitWitnessTransferFrom((" + permitted + "[] permitted,uint256 nonce,uint256 deadline) permit," + transfer + "[] transferDetails,address owner," + witness,
		"transferFrom(address from,address to,uint160 amount,address token)",
		"transferFrom((address from,address to,uint160 amount,address token)[] transferDetails)",
		"lockdown((address token,address spender)[] approvals)",
		"invalidateNonces(address token,address spender,uint48 newNonce)", "invalidateUnorderedNonces(uint256 wordPos,uint256 mask)",
		// wrapped coins
		"deposit()", "withdraw(uint256 amount)",
		// Multicall3, and contracts that call themselves several times
		"aggregate(" + calls, "blockAndAggregate(" + calls, "tryAggregate(bool requireSuccess," + calls,
		"tryBlockAndAggregate(bool requireSuccess," + calls,
		"aggregate3((address target,bool allowFailure,bytes callData)[] calls)",
		"aggregate3Value((address target,bool allowFailure,uint256 value,bytes callData)[] calls)",
		"multicall(bytes[] data)", "multicall(uint256 deadline,bytes[] data)", "multicall(bytes32 previousBlockhash,bytes[] data)",
		// accounts that are contracts
		"execute(address target,uint256 value,bytes data)", "executeBatch((address target,uint256 value,bytes data)[] calls)",
		"execTransaction(address to,uint256 value,bytes data,uint8 operation,uint256 safeTxGas,uint256 baseGas,uint256 gasPrice," +
			"address gasToken,address refundReceiver,bytes signatures)",
		// Disperse
		"disperseEther(address[] recipients,uint256[] values)", "disperseToken(address token,address[] recipients,uint256[] values)",
		"disperseTokenSimple(address token,address[] recipients,uint256[] values)",
	}
}
