package evm

import (
	"math/big"
	"slices"
	"strconv"

	"github.com/redoubt-kms/redoubt/chain"
	"github.com/redoubt-kms/redoubt/chain/evm/eip55"
)

// ethCoin is the short name of Ether.
const ethCoin = "ETH"

// NativeAsset names a network's coin: ETH where the coin is Ether (Ethereum, Base, Arbitrum and their Sepolia
// networks), otherwise eip155:<chain id>/slip44:60, whatever the coin's own SLIP-44 number is, so that every network
// has one name without a table. A nil chain id gives eip155:0/slip44:60.
func NativeAsset(chainID *big.Int) string {
	if chainID != nil && chainID.IsUint64() {
		switch chainID.Uint64() {
		case 1, 11155111, 8453, 84532, 42161, 421614:
			return ethCoin
		}
	}
	return network(chainID) + "/slip44:60"
}

// network is the CAIP-2 name.
func network(chainID *big.Int) string {
	switch {
	case chainID == nil:
		return "eip155:0"
	case chainID.IsUint64():
		return "eip155:" + strconv.FormatUint(chainID.Uint64(), 10)
	}
	return "eip155:" + chainID.String()
}

// walk collects the effects of a transaction or of typed data.
type walk struct {
	effects chain.Effects
	self    string   // the signing account
	chainID *big.Int // nil when not said
	calls   int      // that were read
}

func newWalk(account [20]byte, chainID *big.Int) *walk {
	return &walk{chainID: chainID, self: eip55.Encode(account)}
}

// of finds the effects for the account of a public key. Without one nobody knows whose value it is.
func of(publicKey []byte, effects func([20]byte) chain.Effects) chain.Effects {
	account, err := eip55.FromPublicKey(publicKey)
	e := effects(account)
	e.Unknown = e.Unknown || err != nil
	return e
}

// Effects says what the transaction does if the account of publicKey signs it. Addresses carry their EIP-55 checksum,
// except inside CAIP-19 names, where contracts are in lower case.
//
// FeeMax is gas times the fee cap, and blob gas times its own; what some rollups charge on top for data is outside of
// any signed bound. Authorizations (EIP-7702) are changes of authority over the accounts that signed them. A
// transaction without chain id, which every network runs, or with chain id 0, which none does, counts as unknown.
//
// A call is named by its selector and the exact shape of its arguments (abi.Known); what the contract at that address
// makes of it, only policy can know. transfer, transferFrom and approve read as ERC-20: for an ERC-721 contract the
// amount of the latter two is the number of the token. Calls inside of calls count as well: what a contract moves in
// its own name comes From it. A call that is not known, wherever it stands, makes the effects unknown.
func (t *Transaction) Effects(publicKey []byte) chain.Effects { return of(publicKey, t.EffectsOf) }

// EffectsOf are the Effects for who knows the account already: finding it takes longer than all the rest.
func (t *Transaction) EffectsOf(account [20]byte) chain.Effects {
	w := newWalk(account, t.chainID)
	w.effects.FeeMax = t.cost()
	to := ""
	if t.to != nil {
		to = eip55.Encode(*t.to)
	}
	if t.value.Sign() > 0 || (len(t.data) == 0 && t.to != nil) {
		w.transfer(NativeAsset(t.chainID), w.self, to, clone(t.value))
	}
	if t.chainID == nil || t.chainID.Sign() == 0 || t.to == nil {
		w.effects.Unknown = true
	}
	if t.to != nil && len(t.data) > 0 {
		w.program(to)
		if !w.call(frame{contract: *t.to, caller: w.self}, t.data) {
			w.effects.Unknown = true
		}
	}
	w.delegations(t)
	return w.effects
}

// program names a contract, once.
func (w *walk) program(address string) {
	if !slices.Contains(w.effects.Programs, address) {
		w.effects.Programs = append(w.effects.Programs, address)
	}
}

// transfer records a movement. The amount is the walk's own.
func (w *walk) transfer(asset, from, to string, amount *big.Int) {
	w.effects.Transfers = append(w.effects.Transfers, chain.Transfer{
		Asset: asset, From: from, To: to, Amount: amount,
	})
}

// approval records a cap; one that fills all bits of its type has no limit.
func (w *walk) approval(asset, owner, spender string, amount *big.Int, bits int) {
	a := chain.Approval{Asset: asset, Owner: owner, Spender: spender}
	if amount != nil && amount.Cmp(allOnes(bits)) != 0 {
		a.Amount = amount
	}
	w.effects.Approvals = append(w.effects.Approvals, a)
}

func allOnes(bits int) *big.Int {
	n := new(big.Int).Lsh(big.NewInt(1), uint(bits)) //nolint:gosec // widths are constants
	return n.Sub(n, big.NewInt(1))
}
