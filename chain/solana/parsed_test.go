package solana_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/redoubt-kms/redoubt/chain/solana"
)

func TestParsed(t *testing.T) {
	me, a, b := self(), key(1), key(2)
	for _, tc := range []struct {
		step step
		want solana.Parsed
	}{
		{step{systemID, []solana.Key{me, a}, data(u32(2), u64(5))}, solana.Parsed{Program: "system", Name: "transfer", Args: []solana.Arg{
			{Name: "from", Value: me.String()}, {Name: "to", Value: a.String()}, {Name: "lamports", Value: uint64(5)},
		}}},
		{step{token2022ID, []solana.Key{a, b, key(3), me}, data([]byte{12}, u64(5), []byte{6})}, solana.Parsed{
			Program: "token2022", Name: "transferChecked",
			Args: []solana.Arg{
				{Name: "source", Value: a.String()},
				{Name: "mint", Value: b.String()},
				{Name: "destination", Value: key(3).String()},
				{Name: "owner", Value: me.String()},
				{Name: "amount", Value: uint64(5)},
				{Name: "decimals", Value: uint64(6)},
			},
		}},
		{step{budgetID, nil, data([]byte{3}, u64(7))}, solana.Parsed{Program: "computeBudget", Name: "setComputeUnitPrice", Args: []solana.Arg{{Name: "microLamports", Value: uint64(7)}}}},
		{step{memoID, nil, []byte("hé")}, solana.Parsed{Program: "memo", Name: "memo", Args: []solana.Arg{{Name: "text", Value: "hé"}}}},
		{step{tokenID, []solana.Key{a, me}, []byte{6, 2, 0}}, solana.Parsed{Program: "token", Name: "setAuthority", Args: []solana.Arg{
			{Name: "account", Value: a.String()}, {Name: "authority", Value: me.String()}, {Name: "authorityType", Value: uint64(2)}, {Name: "newAuthority", Value: ""},
		}}},
	} {
		got, ok := parse(t, tc.step).Instructions()[0].Parse()
		if diff := cmp.Diff(tc.want, got); diff != "" || !ok {
			t.Error(diff, ok)
		}
		tc.step.data = append(tc.step.data, 0)
		if got, ok := parse(t, tc.step).Instructions()[0].Parse(); ok && tc.want.Name != "memo" {
			t.Errorf("with a byte more: %+v", got)
		}
	}
	for _, s := range []step{{systemID, []solana.Key{me}, data(u32(2), u64(5))}, {systemID, []solana.Key{me}, u32(13)}, {memoID, nil, []byte{0xff}}, {tokenID, nil, nil}} {
		if got, ok := parse(t, s).Instructions()[0].Parse(); ok {
			t.Errorf("%x is %+v", s.data, got)
		}
	}
	got := parse(t, step{budgetID, nil, data([]byte{2}, u32(1000))}, step{budgetID, nil, data([]byte{3}, u64(2_000_000))}).ComputeBudget()
	if got.UnitLimit != 1000 || got.UnitPrice != 2_000_000 || got.FeeMax.Int64() != 7000 || got.PriorityMax.Int64() != 2000 {
		t.Errorf("%+v", got)
	}
}
