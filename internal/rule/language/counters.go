package language

import (
	"fmt"
	"regexp"
	"slices"
	"time"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"

	"github.com/redoubt-kms/redoubt/internal/rule/fact"
	"github.com/redoubt-kms/redoubt/internal/usage"
)

// nameCounters collects the usage that a rule names. What is counted must be known before a request comes, so its
// arguments are literals or constants.
func (p *Policy) nameCounters(r *rule) error {
	var wrong error
	ast.PostOrderVisit(r.checked.NativeRep().Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		c, is, err := counterOf(e)
		if !is || wrong != nil {
			return
		}
		if err == nil {
			err = usage.CheckWindow(c.Window)
		}
		if err == nil && !slices.Contains(usage.Scopes(), usage.Scope(c.Scope)) {
			err = fmt.Errorf("unknown scope %q: want user, authenticator, wallet, destination or organization", c.Scope)
		}
		if err != nil {
			at := r.checked.NativeRep().SourceInfo().GetStartLocation(e.ID())
			wrong = r.finding(at.Line(), at.Column()+1, err.Error(), "")
			return
		}
		if !slices.Contains(p.counters, c) {
			p.counters = append(p.counters, c)
		}
	}))
	if wrong == nil && len(p.counters) > MaxCounters {
		wrong = r.finding(1, 1, fmt.Sprintf("the policy names more than %d counters", MaxCounters), "")
	}
	return wrong
}

// counterOf reads a call of usage.spent or usage.count.
func counterOf(e ast.Expr) (c Counter, is bool, err error) {
	if e.Kind() != ast.CallKind || !e.AsCall().IsMemberFunction() {
		return c, false, nil
	}
	call := e.AsCall()
	name := call.FunctionName()
	if target := call.Target(); target.Kind() != ast.IdentKind || target.AsIdent() != "usage" || name != "spent" && name != "count" {
		return c, false, nil
	}
	args := call.Args()
	text := make([]string, len(args))
	for i, arg := range args {
		if text[i], err = literal(arg); err != nil {
			return c, true, err
		}
	}
	c.Scope = string(usage.User)
	if name == "spent" {
		if c.Asset, text = fact.Asset(text[0]), text[1:]; !isAsset(c.Asset) {
			return c, true, fmt.Errorf("nothing is ever spent of %q: want USD, ETH, SOL, BTC, SUI, or an asset as eip155:1/erc20:0x… or solana:…/token:…", c.Asset)
		}
	}
	c.Window = text[0]
	if len(text) > 1 {
		c.Scope = text[1]
	}
	return c, true, nil
}

// isAsset says whether effects may name an asset so. A limit on any other name would hold nothing back.
func isAsset(name string) bool {
	const evm, sui = `eip155:(0|[1-9][0-9]*)/(slip44:60|erc(20|721|1155):0x[0-9a-f]{40}(/.+)?)`, `coin:0x[0-9a-f]{64}::.+::.+`
	const solana = `solana:[^/]+/token(-account)?:[1-9A-HJ-NP-Za-km-z]{32,44}`
	return regexp.MustCompile(`^(USD|ETH|SOL|BTC|SUI|` + evm + `|` + solana + `|` + sui + `)$`).MatchString(name)
}

// literal reads a text or a duration that is written out.
func literal(e ast.Expr) (string, error) {
	if e.Kind() == ast.LiteralKind {
		if text, ok := e.AsLiteral().(types.String); ok {
			return string(text), nil
		}
	}
	if e.Kind() == ast.CallKind && e.AsCall().FunctionName() == "duration" && len(e.AsCall().Args()) == 1 {
		text, err := literal(e.AsCall().Args()[0])
		if err != nil {
			return "", err
		}
		d, err := time.ParseDuration(text)
		if err != nil {
			return "", fmt.Errorf("%q is no duration: want hours, minutes and seconds as 24h or 90m", text)
		}
		return d.String(), nil
	}
	return "", fmt.Errorf("what usage counts must be written out: a text, a constant, or duration('24h')")
}
