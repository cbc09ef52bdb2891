package policy

import (
	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/rule"
	"github.com/redoubt-kms/redoubt/internal/rule/amount"
)

// microPerCent is how many millionths of a dollar make a cent.
const microPerCent = 10_000

// spending says how a request stands to the limit of a connection, in the words that clients know; nil when it is not
// that limit which denies.
func (c *caller) spending(d rule.Decision) *api.SpendingLimit {
	if c.member.User.Policy.USDLimit == nil || d.Explanation == nil {
		return nil
	}
	for _, r := range d.Explanation.Rules {
		for _, why := range r.Because {
			if l := why.Limit; l != nil && l.Asset == assetUSD {
				before, now := cents(l.Used), cents(l.Requested)
				return &api.SpendingLimit{
					PreviousSpendCents: before, TransactionSpendCents: now, TotalSpendCents: before + now, LimitCents: int64(c.member.User.Policy.USDLimit.CentsPerDay),
				}
			}
		}
	}
	return nil
}

// cents rounds millionths of a dollar up; what does not fit is the most that clients can read.
func cents(micro string) int64 {
	const most = 1 << 50
	a, err := amount.Parse(micro)
	if err != nil || a.Cmp(amount.New(most)) > 0 {
		return most
	}
	return (a.Big().Int64() + microPerCent - 1) / microPerCent
}
