package evm

import (
	"bytes"
	"math/big"

	"github.com/redoubt-kms/redoubt/chain/evm/abi"
	"github.com/redoubt-kms/redoubt/chain/evm/eip55"
)

// The messages of accounts that are contracts, and of exchanges, by their whole encodeType.
const (
	typeSafe = "SafeTx(address to,uint256 value,bytes data,uint8 operation,uint256 safeTxGas,uint256 baseGas,uint256 gasPrice," +
		"address gasToken,address refundReceiver,uint256 nonce)"
	typeUserOperation = "PackedUserOperation(address sender,uint256 nonce,bytes initCode,bytes callData,bytes32 accountGasLimits," +
		"uint256 preVerificationGas,bytes32 gasFees,bytes paymasterAndData)" // ERC-4337, entry point 0.8
	typeSeaport = "OrderComponents(address offerer,address zone,OfferItem[] offer,ConsiderationItem[] consideration,uint8 orderType," +
		"uint256 startTime,uint256 endTime,bytes32 zoneHash,uint256 salt,bytes32 conduitKey,uint256 counter)" +
		"ConsiderationItem(uint8 itemType,address token,uint256 identifierOrCriteria,uint256 startAmount,uint256 endAmount,address recipient)" +
		"OfferItem(uint8 itemType,address token,uint256 identifierOrCriteria,uint256 startAmount,uint256 endAmount)"
	typeCoW = "Order(address sellToken,address buyToken,address receiver,uint256 sellAmount,uint256 buyAmount,uint32 validTo," +
		"bytes32 appData,uint256 feeAmount,string kind,bool partiallyFillable,string sellTokenBalance,string buyTokenBalance)"
)

// Where the exchanges live on every network.
const (
	seaport15   = "0x00000000000000ADc04C56Bf30aC9d3c0aAF14dC"
	seaport16   = "0x0000000000000068F116a894984e2DB1123eB395"
	cowContract = "0x9008D19f58AAbD9eD0D60971565AA8510560ab41"
)

// safeTx is what a Safe is told to do.
type safeTx struct {
	to        [20]byte
	value     *big.Int
	data      []byte
	operation *big.Int // 0 a call, 1 foreign code in the Safe's place
	gasPrice  *big.Int // what the Safe pays back for gas, if not zero
}

func safeCall(c abi.Call) safeTx {
	return safeTx{
		arg(c, "to").Address(), arg(c, "value").Int(), arg(c, "data").Bytes(), arg(c, "operation").Int(), arg(c, "gasPrice").Int(),
	}
}

func safeMessage(m Value) safeTx {
	data, _ := m.Field("data")
	return safeTx{m.account("to"), m.int("value"), data.Bytes(), m.int("operation"), m.int("gasPrice")}
}

// safe records the call that a Safe makes. Code that runs in its place may do anything, and how much it pays back for
// gas only execution can tell.
func (w *walk) safe(f frame, tx safeTx) bool {
	known := w.inner(f, tx.to, tx.value, tx.data)
	return known && tx.operation.Sign() == 0 && tx.gasPrice.Sign() == 0
}

// userOperation records the calls that an account makes, and in FeeMax what it pays at most for all gas. A factory or
// a paymaster makes it unknown.
func (w *walk) userOperation(m Value, entryPoint string) bool {
	data, _ := m.Field("callData")
	initCode, _ := m.Field("initCode")
	paymaster, _ := m.Field("paymasterAndData")
	limits, _ := m.Field("accountGasLimits")
	fees, _ := m.Field("gasFees")
	verification, call := new(big.Int).SetBytes(limits.word[:16]), new(big.Int).SetBytes(limits.word[16:])
	gas := sum(verification, call, m.int("preVerificationGas"))
	w.effects.FeeMax = capped(gas.Mul(gas, new(big.Int).SetBytes(fees.word[16:])))
	w.program(m.text("sender"))
	f := frame{contract: m.account("sender"), caller: entryPoint}
	return w.accountCall(f, data.Bytes()) && len(initCode.data) == 0 && len(paymaster.data) == 0
}

// accountCall reads what an account is told to execute.
func (w *walk) accountCall(f frame, data []byte) bool {
	for _, signature := range []string{"execute(address,uint256,bytes)", "executeBatch((address,uint256,bytes)[])"} {
		selector := abi.SelectorOf(signature)
		if bytes.HasPrefix(data, selector[:]) {
			return w.call(f, data)
		}
	}
	return false
}

// seaport records what an order offers: each item at the higher of its amounts, whoever fills the order. An item out
// of a set counts as any token of its contract.
func (w *walk) seaport(m Value, contract string) bool {
	known := contract == seaport15 || contract == seaport16
	offers, _ := m.Field("offer")
	for _, item := range offers.items {
		most := item.int("startAmount")
		if end := item.int("endAmount"); end.Cmp(most) > 0 {
			most = end
		}
		token := item.account("token")
		id := "/" + item.text("identifierOrCriteria")
		var asset string
		switch item.int("itemType").Uint64() { // eight bits
		case 0:
			asset = NativeAsset(w.chainID)
		case 1:
			asset = w.asset("erc20", token)
		case 2:
			asset = w.asset("erc721", token) + id
		case 3:
			asset = w.asset("erc1155", token) + id
		case 4:
			asset = w.asset("erc721", token)
		case 5:
			asset = w.asset("erc1155", token)
		default:
			asset, known = w.asset("erc20", token), false
		}
		w.program(eip55.Encode(token))
		w.approval(asset, m.text("offerer"), contract, most, 256)
	}
	const contractOrders = 4 // and what may come after them
	return known && m.int("orderType").Cmp(big.NewInt(contractOrders)) < 0
}
