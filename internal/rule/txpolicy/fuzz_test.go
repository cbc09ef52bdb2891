package txpolicy_test

import (
	"math/big"
	"testing"

	"github.com/redoubt-kms/redoubt/chain/solana"
	"github.com/redoubt-kms/redoubt/internal/rule/txpolicy"
)

// What is allowed, whatever the bytes, has effects within the bounds, as another reading of the same bytes tells them.
func FuzzCheck(f *testing.F) {
	bounds := list("InstructionAllowlist", matcher(system, "", lamports(`"max":1000`), recipients(key(5))),
		matcher(token, "", constraints(`"max":50,"mintAllowlist":`+names([]solana.Key{key(31)})+`,"recipientAllowlist":`+names([]solana.Key{key(5), key(41)}))),
		matcher(budget, `{"In":[1,2,3,4]}`), matcher(memo, ""))
	price5 := `{"rule":"ComputeBudgetLimit","maxComputeUnits":1000000,"maxComputeUnitPrice":1000000}`
	most := new(big.Int).SetUint64(2*5000 + 1_000_000)
	p := policy(f, price5+","+bounds)
	for _, steps := range [][]step{
		{pay(key(5), 600), pay(key(5), 400), sent(token, key(31), key(41), 50), units(9), price(7), {memo, nil, []byte("m")}},
		{pay(solana.Key{}, 1)},
		{sent(token, key(31), key(5), 49), sent(token, key(31), key(41), 1)},
	} {
		f.Add(transaction(f, steps...).Message())
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		tx, err := solana.Parse(raw)
		if err != nil {
			return
		}
		signer := tx.FeePayer()
		if txpolicy.Check(p, tx, signer) != nil {
			return
		}
		e := tx.Effects(signer[:])
		sums := map[string]*big.Int{"SOL": new(big.Int), "token:" + key(31).String(): new(big.Int)}
		for _, m := range e.Transfers {
			sum, known := sums[m.Asset]
			if !known {
				t.Fatalf("%x moves %s", raw, m.Asset)
			}
			sum.Add(sum, m.Amount)
			if m.To != key(5).String() && (m.Asset == "SOL" || m.To != key(41).String() && !ours(t, m.To)) {
				t.Fatalf("%x pays %s", raw, m.To)
			}
		}
		if e.Unknown || sums["SOL"].Cmp(big.NewInt(1000)) > 0 || sums["token:"+key(31).String()].Cmp(big.NewInt(50)) > 0 {
			t.Fatalf("%x has the effects %+v", raw, e)
		}
		if n := len(tx.RequiredSigners()); n <= 2 && e.FeeMax.Cmp(most) > 0 {
			t.Fatalf("%x costs %s", raw, e.FeeMax)
		}
	})
}

// ours says that an address is a token account of a wallet on the list.
func ours(t *testing.T, address string) bool {
	t.Helper()
	for _, wallet := range []solana.Key{key(5), key(41)} {
		if k, err := solana.AssociatedTokenAddress(wallet, must(t, token), key(31)); err == nil && k.String() == address {
			return true
		}
	}
	return false
}
