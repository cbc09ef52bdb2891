package sui_test

import (
	"encoding/hex"
	"math/big"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/redoubt-kms/redoubt/chain"
	"github.com/redoubt-kms/redoubt/chain/sui"
)

func text(a [32]byte) string { return "0x" + hex.EncodeToString(a[:]) }

func TestEffects(t *testing.T) {
	bigInt := cmp.Comparer(func(a, b *big.Int) bool { return (a == nil) == (b == nil) && (a == nil || a.Cmp(b) == 0) })
	me, you, sponsor := text(self()), text(addr(1)), text(addr(0x77))
	mist := func(n int64, from, to string) chain.Transfer {
		return chain.Transfer{Asset: "SUI", From: from, To: to, Amount: big.NewInt(n)}
	}
	object := func(n byte, amount int64, from, to string) chain.Transfer {
		return chain.Transfer{Asset: "object:" + text(addr(n)), From: from, To: to, Amount: big.NewInt(amount)}
	}
	withdraw := func(n uint64, from withdrawFrom) callArg {
		tag := typeTag{Struct: &structTag{[32]byte{31: 2}, "sui", "SUI", nil}}
		return callArg{Withdrawal: &withdrawal{reservation{&n}, withdrawalType{&tag}, from}}
	}
	own := withdrawFrom{Sender: &none{}}
	framework := text([32]byte{31: 2})
	sponsored := payment()
	sponsored.Gas.Owner = addr(0x77)
	sponsoring := payment()
	sponsoring.Sender, sponsoring.Gas.Owner = addr(9), self()

	for name, c := range map[string]struct {
		tx      txV1
		want    chain.Effects
		nothing bool // self pays no fee
	}{
		"a payment": {tx: payment(), want: chain.Effects{Transfers: []chain.Transfer{mist(5, me, you)}}},
		"two at once": {
			tx:   draft([]callArg{number(5), number(6), to(addr(1))}, split(gas(), in(0), in(1)), transfer(in(2), nested(0, 0), nested(0, 1))),
			want: chain.Effects{Transfers: []chain.Transfer{mist(5, me, you), mist(6, me, you)}},
		},
		"split again": {
			tx: draft([]callArg{number(9), number(2), to(addr(1)), to(self())},
				split(gas(), in(0)), split(result(0), in(1)), transfer(in(2), result(0)), transfer(in(3), result(1))),
			want: chain.Effects{Transfers: []chain.Transfer{mist(7, me, you), mist(2, me, me)}},
		},
		"merged before it leaves": {
			tx: draft([]callArg{number(9), number(2), to(addr(1))},
				split(gas(), in(0), in(1)), merge(nested(0, 0), nested(0, 1)), transfer(in(2), nested(0, 0))),
			want: chain.Effects{Transfers: []chain.Transfer{mist(11, me, you)}},
		},
		"merged back": {
			tx:   draft([]callArg{number(9)}, split(gas(), in(0)), merge(gas(), result(0))),
			want: chain.Effects{},
		},
		"more than was split": {
			tx:   draft([]callArg{number(2), number(9), to(addr(1))}, split(gas(), in(0)), split(result(0), in(1)), transfer(in(2), result(1))),
			want: chain.Effects{Unknown: true},
		},
		"a coin swallows a larger one": {
			tx:   draft([]callArg{number(1), to(addr(1)), owned(4)}, split(gas(), in(0)), merge(result(0), in(2)), transfer(in(1), result(0))),
			want: chain.Effects{Transfers: []chain.Transfer{mist(1, me, you), object(4, 1, me, you)}, Unknown: true},
		},
		"the whole gas coin": {
			tx:   draft([]callArg{to(addr(1))}, transfer(in(0), gas())),
			want: chain.Effects{Transfers: []chain.Transfer{object(0xee, 1, me, you)}, Unknown: true},
		},
		"an object": {
			tx:   draft([]callArg{owned(4), to(addr(1))}, transfer(in(1), in(0))),
			want: chain.Effects{Transfers: []chain.Transfer{object(4, 1, me, you)}, Unknown: true},
		},
		"part of an object": {
			tx:   draft([]callArg{owned(4), number(3), to(addr(1))}, split(in(0), in(1)), transfer(in(2), result(0))),
			want: chain.Effects{Transfers: []chain.Transfer{object(4, 3, me, you)}, Unknown: true},
		},
		"an amount of another width": {
			tx:   draft([]callArg{pure([]byte{5, 0, 0, 0}), to(addr(1))}, split(gas(), in(0)), transfer(in(1), result(0))),
			want: chain.Effects{Unknown: true},
		},
		"a receiver that a function gives": {
			tx:   draft([]callArg{number(5)}, call(9, "registry", "lookup"), split(gas(), in(0)), transfer(result(0), result(1))),
			want: chain.Effects{Transfers: []chain.Transfer{mist(5, me, "")}, Programs: []string{text([32]byte{31: 9})}, Unknown: true},
		},
		"a function": {
			tx:   draft([]callArg{number(5), owned(4)}, split(gas(), in(0)), call(9, "pool", "swap", result(0), in(1)), call(9, "pool", "sync")),
			want: chain.Effects{Transfers: []chain.Transfer{mist(5, me, "")}, Programs: []string{text([32]byte{31: 9})}, Unknown: true},
		},
		"through a vector": {
			tx: draft([]callArg{number(5), number(6)}, split(gas(), in(0), in(1)),
				command{MakeVec: &vecCommand{optionalType{None: &none{}}, []argument{nested(0, 0), nested(0, 1)}}}, call(9, "pool", "fill", result(1))),
			want: chain.Effects{Transfers: []chain.Transfer{mist(11, me, "")}, Programs: []string{text([32]byte{31: 9})}, Unknown: true},
		},
		"a withdrawal made a coin": {
			tx:   draft([]callArg{withdraw(8, own), to(addr(1))}, call(2, "coin", "redeem_funds", in(0)), transfer(in(1), result(0))),
			want: chain.Effects{Transfers: []chain.Transfer{mist(8, me, you)}, Programs: []string{framework}},
		},
		"a withdrawal spent by a function": {
			tx:   draft([]callArg{withdraw(8, withdrawFrom{Sponsor: &none{}})}, call(2, "balance", "send_funds", in(0))),
			want: chain.Effects{Transfers: []chain.Transfer{mist(8, me, "")}, Programs: []string{framework}, Unknown: true},
		},
		"a new package": {tx: draft(nil, command{Publish: &publishCommand{}}), want: chain.Effects{Unknown: true}},
		"an upgrade": {
			tx:   draft([]callArg{owned(4)}, command{Upgrade: &upgradeCommand{Package: addr(5), Ticket: in(0)}}),
			want: chain.Effects{Programs: []string{text(addr(5))}, Unknown: true},
		},
		"somebody else pays the gas": {tx: sponsored, want: chain.Effects{Transfers: []chain.Transfer{mist(5, sponsor, you)}}, nothing: true},
		"gas for somebody else":      {tx: sponsoring, want: chain.Effects{Transfers: []chain.Transfer{mist(5, me, you)}}},
	} {
		if !c.nothing {
			c.want.FeeMax = big.NewInt(2_000_000)
		}
		got := parse(t, encode(t, c.tx)).Effects(publicKey())
		if diff := cmp.Diff(c.want, got, bigInt); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// A type that wraps SUI's name is another coin.
func TestOtherCoins(t *testing.T) {
	tag := typeTag{Struct: &structTag{addr(2), "sui", "SUI", nil}}
	tx := draft([]callArg{{Withdrawal: &withdrawal{reservation{some(uint64(3))}, withdrawalType{&tag}, withdrawFrom{Sender: &none{}}}}, to(addr(1))},
		call(2, "coin", "redeem_funds", in(0)), transfer(in(1), result(0)))
	got := parse(t, encode(t, tx)).Effects(publicKey()).Transfers
	if want := sui.CoinPrefix + text(addr(2)) + "::sui::SUI"; len(got) != 1 || got[0].Asset != want {
		t.Errorf("%+v, want an amount of %s", got, want)
	}
}
