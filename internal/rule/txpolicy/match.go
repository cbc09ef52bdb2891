package txpolicy

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/redoubt-kms/redoubt/chain/solana"
	"github.com/redoubt-kms/redoubt/internal/org"
)

// answer is whether an instruction is what a matcher describes.
type answer byte

const (
	no answer = iota
	yes
	unclear // an account comes out of a lookup table, or the instruction cannot be read
)

// Programs that tell their instructions apart by a number, the size of which is known. Others (those of Anchor take the
// first eight bytes of a hash) are matched as a whole.
const (
	systemProgram    = "11111111111111111111111111111111"
	tokenProgram     = "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"
	token2022Program = "TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb"
	ataProgram       = "ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL"
)

// width is how many bytes tell the instructions of a program apart; 0 for a program of which that is not known.
func width(program string) int {
	switch program {
	case systemProgram, "Stake11111111111111111111111111111111111111", "Vote111111111111111111111111111111111111111",
		"AddressLookupTab1e1111111111111111111111111", "BPFLoaderUpgradeab1e11111111111111111111111":
		return 4 // bincode
	case tokenProgram, token2022Program, ataProgram, "ComputeBudget111111111111111111111111111111",
		"L2TExMFKdjpN9kozasaurPirfHy9P8sbXoAN1qA3S95": // Lighthouse
		return 1
	}
	return 0
}

// discriminator is the little-endian number by which a call names the instruction; false if there is none.
func (one call) discriminator() (uint32, bool) {
	program := one.Program.String()
	switch n := width(program); {
	case n == 1 && len(one.Data) >= 1:
		return uint32(one.Data[0]), true
	case n == 4 && len(one.Data) >= 4:
		return binary.LittleEndian.Uint32(one.Data), true
	}
	return 0, program == ataProgram && len(one.Data) == 0 // Create, as it was written first
}

// names says whether a matcher is about the instruction that is called.
func names(m org.InstructionMatcher, one call) bool {
	if one.Program != m.Program {
		return false
	}
	if m.Match == org.MatchAny {
		return true
	}
	n, ok := one.discriminator()
	return ok && slices.Contains(m.Discriminators, n)
}

// matches says whether a call is what a matcher describes, and if not why.
func (c *check) matches(m org.InstructionMatcher, one call) (answer, string) {
	if !names(m, one) {
		return no, ""
	}
	result, why := yes, ""
	for _, v := range m.Validate {
		switch a, reason := c.validate(v, one); a {
		case no:
			return no, reason
		case unclear:
			result, why = unclear, reason
		case yes:
		}
	}
	return result, why
}

// allowlist wants each instruction that is meant to match one of the list. What a matcher matches counts together: the
// sum of the amounts is held against its thresholds too.
func (c *check) allowlist(list []org.InstructionMatcher, meant func(call) bool) (int, string) {
	over := make([]string, len(list)) // why all that a matcher matches is too much together
	for i, m := range list {
		var matched []call
		for _, one := range c.calls {
			if a, _ := c.matches(m, one); a == yes {
				matched = append(matched, one)
			}
		}
		over[i] = exceeds(m, matched)
	}
	for _, one := range c.calls {
		if reason := c.misses(list, over, one); meant(one) && reason != "" {
			return one.at, reason
		}
	}
	return whole, ""
}

// misses says why a call matches none of the list; empty if it matches one.
func (c *check) misses(list []org.InstructionMatcher, over []string, one call) string {
	var reasons []string
	for i, m := range list {
		a, reason := c.matches(m, one)
		if a == yes && over[i] == "" {
			return ""
		}
		if a == yes {
			reason = over[i]
		}
		if reason != "" && !slices.Contains(reasons, reason) {
			reasons = append(reasons, reason)
		}
	}
	if len(reasons) == 0 {
		return describe(one) + " is not on the list"
	}
	return describe(one) + ": " + strings.Join(reasons[:min(len(reasons), 3)], "; ")
}

// denylist wants no instruction to match any of the list. What cannot be told counts as a match,
// and what several calls move counts together.
func (c *check) denylist(list []org.InstructionMatcher) (int, string) {
	for _, m := range list {
		for _, one := range c.calls {
			if a, _ := c.matches(m, one); a != no {
				return one.at, describe(one) + " is on the list of what is denied"
			}
		}
		if at, reason := c.together(m); reason != "" {
			return at, reason
		}
	}
	return whole, ""
}

// together finds that calls, none of which is within a matcher's thresholds, are within them as a sum.
func (c *check) together(m org.InstructionMatcher) (int, string) {
	for i, v := range m.Validate {
		if v.Min == nil {
			continue
		}
		others := m
		others.Validate = slices.Delete(slices.Clone(m.Validate), i, i+1)
		bare := v
		bare.Min, bare.Max = nil, nil
		others.Validate = append(others.Validate, bare)
		var matched []call
		for _, one := range c.calls {
			if a, _ := c.matches(others, one); a != no {
				matched = append(matched, one)
			}
		}
		for _, t := range totals(v, matched) {
			if within(v, t.sum) == "" {
				return matched[0].at, fmt.Sprintf("%d instructions move %d together, which is denied", len(matched), t.sum)
			}
		}
	}
	return whole, ""
}

// describe puts a call in words, with its arguments.
func describe(one call) string {
	if !one.named {
		more := ""
		if len(one.Data) > 8 {
			more = "…"
		}
		return fmt.Sprintf("program %s with data 0x%x%s", one.Program, one.Data[:min(len(one.Data), 8)], more)
	}
	var args []string
	for _, a := range one.words.Args {
		text := fmt.Sprint(a.Value)
		switch {
		case text == "":
			text = "?"
		case a.Name == "text" || a.Name == "seed": // written by whoever made the transaction
			text = fmt.Sprintf("%.32q", text)
		}
		args = append(args, a.Name+" "+text)
	}
	return fmt.Sprintf("%s.%s(%s)", one.words.Program, one.words.Name, strings.Join(args, ", "))
}

// keyOf reads an address out of a call's arguments; false if it comes out of a lookup table.
func (one call) keyOf(name string) (solana.Key, bool) {
	v, _ := one.words.Arg(name)
	text, _ := v.(string)
	k, err := solana.ParseKey(text)
	return k, err == nil
}
