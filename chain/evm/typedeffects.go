package evm

import (
	"math/big"
	"strings"

	"github.com/redoubt-kms/redoubt/chain"
)

// The messages of tokens and Permit2 that this package names, by their whole encodeType.
const (
	typePermit = "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)" // EIP-2612
	typeOldDAI = "Permit(address holder,address spender,uint256 nonce,uint256 expiry,bool allowed)"   // of DAI
	typeCancel = "CancelAuthorization(address authorizer,bytes32 nonce)"                              // EIP-3009

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
// whether or not that is the account of publicKey; an order is one by the account that offers, to the exchange and at
// the most that it gives; a Safe transaction or a user operation is the call that it makes. A message counts as
// unknown unless its type is exactly one that this package names, its domain names a network and a contract, and for
// Permit2 and exchanges the contract is theirs.
func (t *TypedData) Effects(publicKey []byte) chain.Effects { return of(publicKey, t.EffectsOf) }

// EffectsOf are the Effects for who knows the account already.
func (t *TypedData) EffectsOf(account [20]byte) chain.Effects {
	if t.schema == nil {
		return chain.Effects{Unknown: true}
	}
	chainID := t.ChainID()
	contract, hasContract := t.domain.Field("verifyingContract")
	w := newWalk(account, chainID)
	if hasContract {
		w.effects.Programs = []string{contract.String()}
	}
	if !hasContract || !w.typed(t, contract) || chainID == nil {
		w.effects.Unknown = true
	}
	return w.effects
}

func (w *walk) typed(t *TypedData, contract Value) bool {
	m := t.message
	account := [20]byte(contract.word[12:])
	token := w.asset("erc20", account)
	switch t.EncodeType() {
	case typePermit:
		w.approval(token, m.text("owner"), m.text("spender"), m.int("value"), 256)
	case typeOldDAI:
		w.approval(token, m.text("holder"), m.text("spender"), allOrNothing(m.text("allowed") == "true"), 256)
	case typeTransferAuth, typeReceiveAuth:
		w.transfer(token, m.text("from"), m.text("to"), m.int("value"))
	case typeCancel:
	case typePermitSingle, typePermitBatch:
		w.typedPermit2(m, "details", 160)
		return strings.EqualFold(contract.String(), permit2Contract)
	case typePermitTransferFrom, typePermitBatchTransfer:
		w.typedPermit2(m, "permitted", 256)
		return strings.EqualFold(contract.String(), permit2Contract)
	case typeSafe:
		return w.safe(frame{contract: account}, safeMessage(m))
	case typeUserOperation:
		return w.userOperation(m, contract.String())
	case typeSeaport:
		return w.seaport(m, contract.String())
	case typeCoW:
		w.approval(w.asset("erc20", m.account("sellToken")), w.self, contract.String(), sum(m.int("sellAmount"), m.int("feeAmount")), 256)
		return contract.String() == cowContract
	default:
		if !isWitnessPermit(t.EncodeType(), m) {
			return false
		}
		w.typedPermit2(m, "permitted", 256)
		return strings.EqualFold(contract.String(), permit2Contract)
	}
	return true
}

func (v Value) text(field string) string {
	f, _ := v.Field(field)
	return f.String()
}

func (v Value) int(field string) *big.Int {
	f, _ := v.Field(field)
	return f.Int()
}

func (v Value) account(field string) [20]byte {
	f, _ := v.Field(field)
	return [20]byte(f.word[12:])
}

// sum adds amounts. No contract can have more than 256 bits of anything: a call that says so fails.
func sum(all ...*big.Int) *big.Int {
	total := new(big.Int)
	for _, n := range all {
		total.Add(total, n)
	}
	return capped(total)
}

func capped(n *big.Int) *big.Int {
	if n.BitLen() > 256 {
		return allOnes(256)
	}
	return n
}
