package sui

import (
	"encoding/binary"
	"math/big"
	"slices"

	"github.com/redoubt-kms/redoubt/chain"
)

// Names of assets in effects. Bytes name objects, not what they are: a transfer of a whole object counts as one of that
// object, and what is split from a coin whose type is not known counts in units of the object. Both make the effects
// unknown, as does all that a Move function does. A coin other than SUI is written CoinPrefix and its type.
const (
	NativeAsset  = "SUI"
	ObjectPrefix = "object:"
	CoinPrefix   = "coin:"
)

// redeem turns a withdrawal from an address balance into a coin and does nothing else.
const redeemModule, redeemFunction = "coin", "redeem_funds"

// part is some of an asset, with the account that gives it.
type part struct {
	asset, from string
	amount      *big.Int
}

// value is what is known of an argument: what it is worth, or that nobody knows.
type value struct {
	coins   []part // amounts of coins whose type is known, each coin of each giver once; there are few
	objects []part // whole objects, and amounts out of objects; there may be many
	opaque  bool   // it may be worth more, less, or something else
}

// walk collects the effects of a transaction, command by command.
type walk struct {
	*data
	effects chain.Effects
	gas     *value
	objects []*value   // by input
	results [][]*value // by command
}

// Effects says what the transaction does if publicKey signs it too.
//
// From is the account whose coins move: the owner of the gas for what is split from the gas coin, else the sender. To is
// empty when a Move function receives the value. FeeMax is the gas budget for the owner of the gas, and nothing for a
// sender whose gas somebody else pays. Programs are packages.
func (t *Transaction) Effects(publicKey []byte) chain.Effects {
	w := &walk{data: t.data, gas: &value{}}
	if a, ok := addressOf(publicKey); ok && a == w.owner {
		w.effects.FeeMax = new(big.Int).SetUint64(w.budget)
	}
	for _, id := range w.payment {
		w.gas.objects = append(w.gas.objects, object(id, w.owner))
	}
	for _, in := range w.inputs {
		w.objects = append(w.objects, w.worth(in))
	}
	for _, c := range w.commands {
		w.results = append(w.results, w.run(c))
	}
	return w.effects
}

func object(id, owner Address) part {
	return part{asset: ObjectPrefix + id.String(), from: owner.String(), amount: big.NewInt(1)}
}

func (w *walk) worth(in input) *value {
	switch in.kind {
	case inputObject:
		return &value{objects: []part{object(in.object, w.sender)}}
	case inputWithdrawal:
		p := part{asset: CoinPrefix + in.coin, from: w.sender.String(), amount: new(big.Int).SetUint64(in.amount)}
		if in.coin == suiType {
			p.asset = NativeAsset
		}
		switch in.from {
		case fromSponsor:
			p.from = w.owner.String()
		case fromAllowance:
			p.from = in.funder.String()
		case fromSender:
		}
		return &value{coins: []part{p}}
	case inputPure:
	}
	return &value{}
}

// at is the value that an argument names.
func (w *walk) at(a argument) *value {
	switch a.kind {
	case gasCoin:
		return w.gas
	case fromInput:
		return w.objects[a.index]
	case fromResult, fromNested:
		if of := w.results[a.index]; int(a.nested) < len(of) {
			return of[a.nested]
		}
	}
	return &value{opaque: true}
}

func (w *walk) run(c command) []*value {
	switch c.kind {
	case moveCall:
		return w.call(c)
	case transferObjects:
		to := w.receiver(c.target)
		for _, a := range c.arguments {
			w.give(w.at(a), to)
		}
	case splitCoins:
		return w.split(c)
	case mergeCoins:
		into := w.at(c.target)
		for _, a := range c.arguments {
			into.absorb(w.at(a))
		}
	case makeMoveVec:
		all := &value{}
		for _, a := range c.arguments {
			all.absorb(w.at(a))
		}
		return []*value{all}
	case upgrade:
		w.program(c.pkg)
		w.effects.Unknown = true
	case publish, commandCount:
		w.effects.Unknown = true
	}
	return nil
}

// call hands values to a function. It may only borrow them, so they stay, but nobody knows what they are worth now.
func (w *walk) call(c command) []*value {
	w.program(c.pkg)
	if c.pkg == framework() && c.module == redeemModule && c.function == redeemFunction && len(c.arguments) == 1 {
		coin := &value{}
		coin.absorb(w.at(c.arguments[0]))
		return []*value{coin}
	}
	w.effects.Unknown = true
	for _, a := range c.arguments {
		v := w.at(a)
		for _, p := range v.coins {
			w.transfer(p, "")
		}
		v.coins, v.opaque = nil, true // objects may be read only; Unknown says that nobody can tell
	}
	return nil
}

// framework is the package of Sui's own library.
func framework() Address { return Address{31: 2} }

// split takes amounts out of a coin. What is split from the gas coin is SUI; what is split from an object counts in the
// object's units, whatever they are.
func (w *walk) split(c command) []*value {
	from := w.at(c.target)
	var made []*value
	for _, a := range c.arguments {
		amount, known := w.number(a)
		v := &value{}
		switch {
		case !known:
			v.opaque, from.opaque = true, true
		case c.target.kind == gasCoin:
			v.coins = []part{{asset: NativeAsset, from: w.owner.String(), amount: amount}}
		case from.opaque || len(from.coins)+len(from.objects) != 1:
			v.opaque = true
		case len(from.objects) == 1:
			v.objects = []part{{asset: from.objects[0].asset, from: from.objects[0].from, amount: amount}}
		case from.coins[0].amount.Cmp(amount) >= 0:
			p := from.coins[0]
			from.coins[0].amount = new(big.Int).Sub(p.amount, amount)
			v.coins = []part{{asset: p.asset, from: p.from, amount: amount}}
		default: // more than there is: execution fails
			v.opaque, from.opaque = true, true
		}
		made = append(made, v)
	}
	return made
}

// absorb moves what another value is worth into this one.
func (v *value) absorb(other *value) {
	if v == other {
		v.opaque = true
		return
	}
	for _, p := range other.coins {
		i := slices.IndexFunc(v.coins, func(q part) bool { return q.asset == p.asset && q.from == p.from })
		if i >= 0 {
			v.coins[i].amount = new(big.Int).Add(v.coins[i].amount, p.amount)
		} else {
			v.coins = append(v.coins, p)
		}
	}
	if len(v.objects) < len(other.objects) { // the fewer move, however often they do
		v.objects, other.objects = other.objects, v.objects
	}
	v.objects = append(v.objects, other.objects...)
	v.opaque = v.opaque || other.opaque
	other.coins, other.objects = nil, nil
}

// give records that all of a value goes to an account.
func (w *walk) give(v *value, to string) {
	for _, p := range v.coins {
		w.transfer(p, to)
	}
	for _, p := range v.objects {
		w.transfer(p, to)
	}
	if v.opaque || len(v.objects) > 0 || len(v.coins) == 0 {
		w.effects.Unknown = true
	}
	v.coins, v.objects = nil, nil
}

func (w *walk) transfer(p part, to string) {
	if p.amount.Sign() > 0 {
		w.effects.Transfers = append(w.effects.Transfers, chain.Transfer{Asset: p.asset, From: p.from, To: to, Amount: p.amount})
	}
}

// number reads an amount that stands in the bytes.
func (w *walk) number(a argument) (*big.Int, bool) {
	if a.kind != fromInput || w.inputs[a.index].kind != inputPure || len(w.inputs[a.index].pure) != 8 {
		return nil, false
	}
	return new(big.Int).SetUint64(binary.LittleEndian.Uint64(w.inputs[a.index].pure)), true
}

// receiver reads an address that stands in the bytes.
func (w *walk) receiver(a argument) string {
	if a.kind != fromInput || w.inputs[a.index].kind != inputPure || len(w.inputs[a.index].pure) != len(Address{}) {
		w.effects.Unknown = true
		return ""
	}
	return Address(w.inputs[a.index].pure).String()
}

func (w *walk) program(pkg Address) {
	if p := pkg.String(); !slices.Contains(w.effects.Programs, p) {
		w.effects.Programs = append(w.effects.Programs, p)
	}
}
