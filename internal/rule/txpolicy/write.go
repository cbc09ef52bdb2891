package txpolicy

import (
	"github.com/go-json-experiment/json"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain/solana"
	"github.com/redoubt-kms/redoubt/internal/org"
)

// Write writes a policy as the contract does; nil for none.
func Write(p *org.TransactionPolicy) *api.TransactionPolicy {
	if p == nil {
		return nil
	}
	result := &api.TransactionPolicy{Version: p.Version}
	if len(p.Solana) == 0 {
		return result
	}
	result.Solana = &api.SolanaPolicy{}
	for _, r := range p.Solana {
		one := api.TransactionRule{Rule: r.Rule, Max: number(r.Max), MaxComputeUnits: number(r.Units), MaxComputeUnitPrice: number(r.UnitPrice)}
		var list []api.InstructionMatcher
		for _, m := range r.Instructions {
			list = append(list, matcher(m))
		}
		if r.Rule == org.RuleNoSignerAccountUsage {
			one.Allowlist = list
		} else {
			one.Instructions = list
		}
		result.Solana.Rules = append(result.Solana.Rules, one)
	}
	return result
}

func matcher(m org.InstructionMatcher) api.InstructionMatcher {
	result := api.InstructionMatcher{ProgramID: solana.Key(m.Program).String(), Discriminator: discriminator(m)}
	for _, v := range m.Validate {
		one := api.InstructionValidation{Rule: v.Rule, Min: number(v.Min), Max: number(v.Max), MintAllowlist: texts(v.Mints)}
		if v.Rule == org.ValidateRecipients {
			one.Allowlist = texts(v.Recipients)
		} else {
			one.RecipientAllowlist = texts(v.Recipients)
		}
		result.Validate = append(result.Validate, one)
	}
	return result
}

func discriminator(m org.InstructionMatcher) api.Raw {
	var value any = m.Match
	numbers := make([]int64, len(m.Discriminators))
	for i, n := range m.Discriminators {
		numbers[i] = int64(n)
	}
	switch m.Match {
	case org.MatchExact:
		value = api.DiscriminatorMatcher{Exact: &numbers[0]}
	case org.MatchIn:
		value = api.DiscriminatorMatcher{In: numbers}
	}
	raw, err := json.Marshal(value)
	if err != nil {
		panic(err) //nolint:forbidigo // numbers always encode
	}
	return raw
}

func number(n *uint64) *int64 {
	if n == nil {
		return nil
	}
	i := int64(*n) //nolint:gosec // it was read from one
	return &i
}

func texts(keys [][32]byte) []string {
	var list []string
	for _, k := range keys {
		list = append(list, solana.Key(k).String())
	}
	return list
}
