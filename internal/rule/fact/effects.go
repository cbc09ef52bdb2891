package fact

import (
	"math/big"
	"strings"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/redoubt-kms/redoubt/chain"
	"github.com/redoubt-kms/redoubt/chain/solana"
	"github.com/redoubt-kms/redoubt/internal/payload"
	"github.com/redoubt-kms/redoubt/internal/rule/amount"
)

var (
	effectsType   = types.NewObjectType("Effects")
	transferType  = types.NewObjectType("Transfer")
	approvalType  = types.NewObjectType("Approval")
	authorityType = types.NewObjectType("AuthorityChange")
)

// effects are chain.Effects in the units and names of the language.
type effects struct {
	transfers, approvals []movement
	authority            []chain.AuthorityChange
	feeMax               *amount.Amount
	feeAsset             string
	programs             []string
	unknown              bool

	destinations []string // of transfers and approvals, once asked for
	counted      bool     // they were

	lists [3]ref.Val // of transfers, approvals and authority changes, once asked for
}

// movement is a transfer, or an approval to make one.
type movement struct {
	asset, from, to string
	amount          *amount.Amount
	unlimited       bool
}

var effectsFields = define(effectsType,
	always("transfers", types.NewListType(transferType), func(e *effects) any { return kept(&e.lists[0], transferFields, e.transfers) }),
	always("approvals", types.NewListType(approvalType), func(e *effects) any { return kept(&e.lists[1], approvalFields, e.approvals) }),
	always("authorityChanges", types.NewListType(authorityType), func(e *effects) any { return kept(&e.lists[2], authorityFields, e.authority) }),
	always("feeMax", amount.Type(), func(e *effects) any { return e.feeMax }),
	always("programs", stringList, func(e *effects) any { return stringValues(e.programs) }),
	always("unknown", types.BoolType, func(e *effects) any { return types.Bool(e.unknown) }),
)

var transferFields = define(transferType,
	always("asset", types.StringType, func(m *movement) any { return types.String(m.asset) }),
	always("from", types.StringType, func(m *movement) any { return types.String(m.from) }),
	always("to", types.StringType, func(m *movement) any { return types.String(m.to) }),
	always("amount", amount.Type(), func(m *movement) any { return m.amount }),
)

var approvalFields = define(approvalType,
	always("asset", types.StringType, func(m *movement) any { return types.String(m.asset) }),
	always("owner", types.StringType, func(m *movement) any { return types.String(m.from) }),
	always("spender", types.StringType, func(m *movement) any { return types.String(m.to) }),
	always("amount", amount.Type(), func(m *movement) any { return m.amount }),
	always("unlimited", types.BoolType, func(m *movement) any { return types.Bool(m.unlimited) }),
)

var authorityFields = define(authorityType,
	always("subject", types.StringType, func(c *chain.AuthorityChange) any { return types.String(c.Subject) }),
	always("kind", types.StringType, func(c *chain.AuthorityChange) any { return types.String(c.Kind) }),
	always("to", types.StringType, func(c *chain.AuthorityChange) any { return types.String(c.To) }),
)

// kept makes a list once.
func kept[T any](place *ref.Val, of *structure, all []T) ref.Val {
	if *place == nil {
		*place = list(of, all)
	}
	return *place
}

// effectsOf works out the effects, once; false when nothing is signed.
func (f *Facts) effectsOf() (*effects, bool) {
	if f.effects == nil && f.Payload != nil {
		f.effects = translate(f.Effects(), f.nativeAsset())
	}
	return f.effects, f.effects != nil
}

// Effects are those of the payload, worked out once.
func (f *Facts) Effects() chain.Effects {
	if f.raw == nil && f.Payload != nil {
		raw := payload.Effects(f.Payload, f.PublicKey, f.Address)
		f.raw = &raw
	}
	if f.raw == nil {
		return chain.Effects{}
	}
	return *f.raw
}

func translate(from chain.Effects, native string) *effects {
	e := &effects{authority: from.AuthorityChanges, programs: from.Programs, unknown: from.Unknown, feeAsset: native}
	var fits bool
	if e.feeMax, fits = cap256(from.FeeMax); !fits {
		e.unknown = true
	}
	e.transfers = make([]movement, len(from.Transfers))
	for i, t := range from.Transfers {
		a, fits := cap256(t.Amount)
		e.transfers[i] = movement{asset: Asset(t.Asset), from: t.From, to: t.To, amount: a}
		e.unknown = e.unknown || !fits
	}
	e.approvals = make([]movement, len(from.Approvals))
	for i, a := range from.Approvals {
		m := movement{asset: Asset(a.Asset), from: a.Owner, to: a.Spender, amount: amount.Max(), unlimited: a.Amount == nil}
		if a.Amount != nil {
			m.amount, _ = cap256(a.Amount)
		}
		e.approvals[i] = m
	}
	return e
}

// cap256 takes what does not fit for the largest amount there is.
func cap256(n *big.Int) (*amount.Amount, bool) {
	a, err := amount.FromBig(n)
	if err != nil {
		return amount.Max(), false
	}
	return a, true
}

// SolanaMainnet is the CAIP-2 name under which tokens of Solana are known. A transaction says nothing about its network,
// and what a caller says binds nobody, so a mint counts as that of the network where it has value.
const SolanaMainnet = "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp"

// Asset is the one name of an asset, of those by which effects and policies may call it: hexadecimal digits of CAIP-19
// names of EVM tokens in lower case, tokens of Solana under its main network.
func Asset(name string) string {
	switch {
	case strings.HasPrefix(name, "eip155:"):
		return strings.ToLower(name)
	case strings.HasPrefix(name, solana.TokenPrefix), strings.HasPrefix(name, solana.TokenAccountPrefix):
		return SolanaMainnet + "/" + name
	case strings.HasPrefix(name, "solana:"):
		if _, token, ok := strings.Cut(name, "/"); ok {
			return SolanaMainnet + "/" + token
		}
	}
	return name
}
