package evm

import (
	"math/big"
	"strings"

	"github.com/redoubt-kms/redoubt/chain"
)

// permit2Contract is where Uniswap's Permit2 lives on every network.
const permit2Contract = "0x000000000022D473030F116dDEE9F6B43aC78BA3"

// The messages that this package names, by their whole encodeType.
const (
	typePermit = "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)" // EIP-2612

	typeTransferAuth = "TransferWithAuthorization(" + eip3009Fields // EIP-3009
	typeReceiveAuth  = "ReceiveWithAuthorization(" + eip3009Fields
	eip3009Fields    = "address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"

	typePermitSingle        = "PermitSingle(PermitDetails details,address spender,uint256 sigDeadline)" + permitDetails
	typePermitBatch         = "PermitBatch(PermitDetails[] details,address spender,uint256 sigDeadline)" + permitDetails
	permitDetails           = "PermitDetails(address token,uint160 amount,uint48 expiration,uint48 nonce)"
	typePermitTransferFrom  = "PermitTransferFrom(TokenPermissions permitted," + permitTransferRest
	typePermitBatchTransfer = "PermitBatchTransferFrom(TokenPermissions[] permitted," + permitTransferRest
	permitTransferRest      = "address spender,uint256 nonce,uint256 deadline)TokenPermissions(address token,uint256 amount)"
)

// Effects says what a contract can do with the signed message. A permit is an approval by the account that it names,
// whether or not that is the account of publicKey. A message counts as unknown unless its type is exactly that of
// EIP-2612, EIP-3009 or Permit2, its domain names a network and a contract, and for Permit2 the contract is Permit2.
func (t *TypedData) Effects(publicKey []byte) chain.Effects {
	if t.schema == nil {
		return chain.Effects{Unknown: true}
	}
	chainID := t.ChainID()
	contract, hasContract := t.domain.Field("verifyingContract")
	w := newWalk(publicKey, chainID)
	if hasContract {
		w.effects.Programs = []string{contract.String()}
	}
	if chainID == nil || !hasContract || !w.typed(t, contract) {
		w.effects.Unknown = true
	}
	return w.effects
}

func (w *walk) typed(t *TypedData, contract Value) bool {
	m := t.message
	token := w.asset("erc20", [20]byte(contract.word[12:]))
	switch t.EncodeType() {
	case typePermit:
		w.approval(token, m.text("owner"), m.text("spender"), m.int("value"), 256)
		return true
	case typeTransferAuth, typeReceiveAuth:
		w.transfer(token, m.text("from"), m.text("to"), m.int("value"))
		return true
	case typePermitSingle, typePermitBatch:
		w.permit2(m, "details", 160)
	case typePermitTransferFrom, typePermitBatchTransfer:
		w.permit2(m, "permitted", 256)
	default:
		return false
	}
	return strings.EqualFold(contract.String(), permit2Contract)
}

// permit2 records one approval for each token that a Permit2 message lists.
func (w *walk) permit2(m Value, list string, bits int) {
	entries, _ := m.Field(list)
	all := []Value{entries}
	if entries.IsArray() {
		all = entries.items
	}
	for _, e := range all {
		token, _ := e.Field("token")
		w.approval(w.asset("erc20", [20]byte(token.word[12:])), w.self, m.text("spender"), e.int("amount"), bits)
	}
}

func (v Value) text(field string) string {
	f, _ := v.Field(field)
	return f.String()
}

func (v Value) int(field string) *big.Int {
	f, _ := v.Field(field)
	return f.Int()
}
