package txpolicy

import (
	"errors"
	"fmt"
	"math"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain/solana"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/strictjson"
)

// MaxSize is the most bytes of JSON that a policy may have.
const MaxSize = 16 << 10

// Read reads a policy as the contract writes it. Members that a rule does not have are refused, as is what could never
// hold or never matter: who wrote it meant something else. An error names the place, which is under path.
func Read(raw api.Raw, path string) (*org.TransactionPolicy, error) {
	if len(raw) > MaxSize {
		return nil, api.Errorf(api.TypeInvalid, "%d bytes, %d at most", len(raw), MaxSize).At(path)
	}
	var p api.TransactionPolicy
	if where := (*strictjson.Error)(nil); errors.As(strictjson.DecodeAt(path, raw, &p), &where) {
		return nil, api.Errorf(api.TypeMalformed, "%s", where.Reason).At(where.Path)
	}
	if p.Version != org.TransactionPolicyV0 {
		return nil, api.Errorf(api.TypeInvalid, "want v0").At(path + ".version")
	}
	made := &org.TransactionPolicy{Version: p.Version}
	if p.Solana == nil {
		return made, nil
	}
	path += ".solana.rules"
	if len(p.Solana.Rules) == 0 {
		return nil, api.Errorf(api.TypeInvalid, "want a rule at least; AllowAll is one that every transaction passes").At(path)
	}
	for i, r := range p.Solana.Rules {
		one, err := readRule(r, place(path, i))
		if err != nil {
			return nil, err
		}
		made.Solana = append(made.Solana, one)
	}
	return made, nil
}

func place(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }

func readRule(r api.TransactionRule, path string) (org.TransactionRule, error) {
	made := org.TransactionRule{Rule: r.Rule}
	var rest api.TransactionRule // what the rule may have
	var list []api.InstructionMatcher
	at := path + ".instructions"
	switch r.Rule {
	case org.RuleAllowAll, org.RuleNoAddressLookupTables:
	case org.RuleBundleSizeLimit:
		if r.Max == nil {
			return made, api.Errorf(api.TypeInvalid, "is missing").At(path + ".max")
		}
		rest.Max = r.Max
	case org.RuleComputeBudgetLimit:
		if r.MaxComputeUnits == nil && r.MaxComputeUnitPrice == nil {
			return made, api.Errorf(api.TypeInvalid, "want maxComputeUnits, maxComputeUnitPrice or both").At(path)
		}
		rest.MaxComputeUnits, rest.MaxComputeUnitPrice = r.MaxComputeUnits, r.MaxComputeUnitPrice
	case org.RuleNoSignerAccountUsage:
		list, at, rest.Allowlist = r.Allowlist, path+".allowlist", r.Allowlist
	case org.RuleInstructionAllowlist, org.RuleInstructionDenylist:
		if len(r.Instructions) == 0 {
			return made, api.Errorf(api.TypeInvalid, "want an instruction at least").At(at)
		}
		list, rest.Instructions = r.Instructions, r.Instructions
	default:
		return made, api.Errorf(api.TypeInvalid, "no such rule").At(path + ".rule")
	}
	if r.Max != rest.Max || r.MaxComputeUnits != rest.MaxComputeUnits || r.MaxComputeUnitPrice != rest.MaxComputeUnitPrice ||
		len(r.Allowlist) != len(rest.Allowlist) || len(r.Instructions) != len(rest.Instructions) {
		return made, api.Errorf(api.TypeInvalid, "has members that %s does not have", r.Rule).At(path)
	}
	for _, number := range []struct {
		member string
		from   *int64
		to     **uint64
	}{{"max", r.Max, &made.Max}, {"maxComputeUnits", r.MaxComputeUnits, &made.Units}, {"maxComputeUnitPrice", r.MaxComputeUnitPrice, &made.UnitPrice}} {
		var err error
		if *number.to, err = readNumber(number.from, path+"."+number.member); err != nil {
			return made, err
		}
	}
	for i, m := range list {
		one, err := readMatcher(m, place(at, i))
		if err != nil {
			return made, err
		}
		made.Instructions = append(made.Instructions, one)
	}
	return made, nil
}

func readNumber(n *int64, path string) (*uint64, error) {
	if n == nil {
		return nil, nil //nolint:nilnil // absent
	}
	if *n < 0 {
		return nil, api.Errorf(api.TypeInvalid, "want 0 or more").At(path)
	}
	u := uint64(*n)
	return &u, nil
}

func readMatcher(m api.InstructionMatcher, path string) (org.InstructionMatcher, error) {
	var made org.InstructionMatcher
	program, err := readKey(m.ProgramID, path+".programId")
	if err != nil {
		return made, err
	}
	made.Program = program
	if err := readDiscriminator(&made, m, path+".discriminator"); err != nil {
		return made, err
	}
	for i, v := range m.Validate {
		one, err := readValidation(v, m.ProgramID, place(path+".validate", i))
		if err != nil {
			return made, err
		}
		made.Validate = append(made.Validate, one)
	}
	return made, nil
}

// readDiscriminator reads "Any", {"Exact":n} or {"In":[n,…]}.
func readDiscriminator(made *org.InstructionMatcher, m api.InstructionMatcher, path string) error {
	if string(m.Discriminator) == `"Any"` {
		made.Match = org.MatchAny
		return nil
	}
	var d api.DiscriminatorMatcher
	if err := strictjson.DecodeAt(path, m.Discriminator, &d); err != nil || (d.Exact == nil) == (len(d.In) == 0) {
		return api.Errorf(api.TypeInvalid, `want "Any", {"Exact": number} or {"In": [numbers]}`).At(path)
	}
	numbers := d.In
	made.Match = org.MatchIn
	if d.Exact != nil {
		numbers, made.Match = []int64{*d.Exact}, org.MatchExact
	}
	size := width(m.ProgramID)
	if size == 0 {
		return api.Errorf(api.TypeUnsupported, `it is not known how this program numbers its instructions; want "Any"`).At(path)
	}
	for _, n := range numbers {
		if n < 0 || n > math.MaxInt32 || size == 1 && n > math.MaxUint8 {
			return api.Errorf(api.TypeInvalid, "the program numbers its instructions by %d byte(s); %d is none of these numbers", size, n).At(path)
		}
		made.Discriminators = append(made.Discriminators, uint32(n))
	}
	return nil
}

func readValidation(v api.InstructionValidation, program, path string) (org.InstructionValidation, error) {
	made := org.InstructionValidation{Rule: v.Rule}
	tokens := program == tokenProgram || program == token2022Program
	var err error
	switch {
	case v.Rule == org.ValidateTransfer && !tokens, v.Rule != org.ValidateTransfer && program != systemProgram:
		return made, api.Errorf(api.TypeInvalid, "want TransferCheckedConstraints for a token program, SystemInstructionLamportsThreshold or SystemInstructionRecipientAllowlist for the System program").At(path + ".rule")
	case v.Rule == org.ValidateTransfer && (v.Allowlist != nil),
		v.Rule == org.ValidateLamports && (v.Allowlist != nil || v.MintAllowlist != nil || v.RecipientAllowlist != nil),
		v.Rule == org.ValidateRecipients && (v.Min != nil || v.Max != nil || v.MintAllowlist != nil || v.RecipientAllowlist != nil):
		return made, api.Errorf(api.TypeInvalid, "has members that %s does not have", v.Rule).At(path)
	case v.Rule == org.ValidateTransfer:
		if made.Mints, err = readKeys(v.MintAllowlist, path+".mintAllowlist"); err == nil {
			made.Recipients, err = readKeys(v.RecipientAllowlist, path+".recipientAllowlist")
		}
	case v.Rule == org.ValidateRecipients:
		if v.Allowlist == nil {
			return made, api.Errorf(api.TypeInvalid, "is missing").At(path + ".allowlist")
		}
		made.Recipients, err = readKeys(v.Allowlist, path+".allowlist")
	case v.Rule != org.ValidateLamports:
		return made, api.Errorf(api.TypeInvalid, "no such validation").At(path + ".rule")
	}
	if err != nil {
		return made, err
	}
	if made.Min, err = readNumber(v.Min, path+".min"); err != nil {
		return made, err
	}
	if made.Max, err = readNumber(v.Max, path+".max"); err != nil {
		return made, err
	}
	if made.Min != nil && made.Max != nil && *made.Min > *made.Max {
		return made, api.Errorf(api.TypeInvalid, "no amount is both %d at least and %d at most", *made.Min, *made.Max).At(path)
	}
	if made.Min == nil && made.Max == nil && len(made.Recipients)+len(made.Mints) == 0 {
		return made, api.Errorf(api.TypeInvalid, "bounds nothing").At(path)
	}
	return made, nil
}

func readKey(text, path string) ([32]byte, error) {
	k, err := solana.ParseKey(text)
	if err != nil {
		return k, api.Errorf(api.TypeInvalid, "want an address of Solana").At(path)
	}
	return k, nil
}

// readKeys reads a list; one that is there but empty would let nobody pass, and is refused.
func readKeys(list []string, path string) ([][32]byte, error) {
	if list != nil && len(list) == 0 {
		return nil, api.Errorf(api.TypeInvalid, "want an address at least").At(path)
	}
	var keys [][32]byte
	for i, text := range list {
		k, err := readKey(text, place(path, i))
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	return keys, nil
}
