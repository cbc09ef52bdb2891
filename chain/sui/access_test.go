package sui_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/redoubt-kms/redoubt/chain/sui"
)

func TestAccess(t *testing.T) {
	tx := draft([]callArg{number(5), owned(4), to(addr(1))},
		split(gas(), in(0)), merge(gas(), result(0)), call(9, "pool", "swap", in(1)), transfer(in(2), in(1)),
		command{MakeVec: &vecCommand{optionalType{None: &none{}}, nil}}, command{Publish: &publishCommand{}},
		command{Upgrade: &upgradeCommand{Package: addr(5), Ticket: in(1)}})
	tx.Gas.Owner = addr(0x77)
	got := parse(t, encode(t, tx))
	if got.Sender() != self() || got.GasOwner() != addr(0x77) || got.GasBudget() != 2_000_000 {
		t.Errorf("sender %s, gas owner %s, budget %d", got.Sender(), got.GasOwner(), got.GasBudget())
	}
	want := []sui.Command{
		{Kind: "SplitCoins"},
		{Kind: "MergeCoins"},
		{Kind: "MoveCall", Package: text([32]byte{31: 9}), Module: "pool", Function: "swap"},
		{Kind: "TransferObjects"},
		{Kind: "MakeMoveVec"},
		{Kind: "Publish"},
		{Kind: "Upgrade", Package: text(addr(5))},
	}
	if diff := cmp.Diff(want, got.Commands()); diff != "" {
		t.Error(diff)
	}
}
