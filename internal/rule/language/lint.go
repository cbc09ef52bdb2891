package language

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/org"
)

// lint looks for what is well-formed and probably not meant.
func (p *Policy) lint() {
	allows := false
	for i, r := range p.rules {
		root := r.written.NativeRep().Expr()
		r.text, r.conditions = textOf(r, root), conditions(r, root)
		allows = allows || r.Outcome != org.OutcomeDeny
		p.lintLoops(r)
		p.lintComparisons(r)
		p.lintAbsence(r)
		p.lintReach(r)
		p.lintCoins(r)
		p.lintShadow(r, p.rules[:i])
	}
	if !allows {
		p.findings = append(p.findings, Finding{Rule: -1, Text: "no rule allows anything", Hint: "add a rule of outcome ALLOW, or use the preset DENY_ALL"})
	}
}

func (p *Policy) warn(r *rule, at ast.Expr, text, hint string) {
	where := r.checked.NativeRep().SourceInfo().GetStartLocation(at.ID())
	p.findings = append(p.findings, r.finding(max(where.Line(), 1), where.Column()+1, text, hint))
}

// each calls do with every part of a rule, once.
func (r *rule) each(do func(ast.Expr)) {
	ast.PostOrderVisit(r.written.NativeRep().Expr(), ast.NewExprVisitor(do))
}

// lintLoops warns of all(), which is true of an empty list.
func (p *Policy) lintLoops(r *rule) {
	if r.Outcome == org.OutcomeDeny {
		return
	}
	calls := r.written.NativeRep().SourceInfo().MacroCalls()
	r.each(func(e ast.Expr) {
		call, ok := calls[e.ID()]
		if !ok || call.Kind() != ast.CallKind || call.AsCall().FunctionName() != "all" {
			return
		}
		list := textOf(r, call.AsCall().Target())
		sized := func(asked string) bool { return strings.Contains(r.text, asked) }
		if !slices.ContainsFunc([]string{"size(" + list + ")", list + ".size()", list + ".exists"}, sized) {
			p.warn(r, e, fmt.Sprintf("%s.all(…) is true of an empty list", list), fmt.Sprintf("add size(%s) > 0 if there must be one", list))
		}
	})
}

// lintComparisons warns of equations that can never hold.
func (p *Policy) lintComparisons(r *rule) {
	domains := map[string]func(string) bool{
		"request.method":                   func(s string) bool { return slices.Contains(api.Methods(), api.Method(s)) },
		"tx.chain":                         oneOf("", "solana", "evm", "bitcoin", "sui"),
		"authenticator.kind":               oneOf("keypair", "passkey", "oidc"),
		"authenticator.algorithm":          oneOf("Ed25519", "Secp256r1", "RS256", "ES256", "EdDSA"),
		"wallet.type":                      oneOf("MNEMONIC", "KEYPAIR"),
		"request.derivation.curve":         oneOf("Ed25519", "Secp256k1", "K256"),
		"request.derivation.addressFormat": oneOf("Solana", "Ethereum", "BitcoinSegwit", "BitcoinNestedSegwit", "BitcoinTaproot", "Sui", ""),
		"tx.evm.selector":                  like(`^(0x[0-9a-f]{8})?$`),
		"tx.evm.to":                        like(`^(0x[0-9a-fA-F]{40})?$`),
		"tx.solana.feePayer":               like(`^[1-9A-HJ-NP-Za-km-z]{32,44}$`),
	}
	r.each(func(e ast.Expr) {
		if e.Kind() != ast.CallKind || len(e.AsCall().Args()) != 2 {
			return
		}
		call := e.AsCall()
		for i, side := range call.Args() {
			holds, known := domains[textOf(r, side)]
			if !known {
				continue
			}
			for _, text := range texts(call.FunctionName(), call.Args()[1-i]) {
				if !holds(text) {
					p.warn(r, e, fmt.Sprintf("%s is never %q", textOf(r, side), text), "")
				}
			}
		}
	})
	if lit := r.checked.NativeRep().Expr(); lit.Kind() == ast.LiteralKind && lit.AsLiteral() == types.False {
		p.warn(r, lit, "the rule never matches", "")
	}
}

func oneOf(all ...string) func(string) bool {
	return func(s string) bool { return slices.Contains(all, s) }
}

// like compiles its pattern when it is asked, which few rules have it be.
func like(pattern string) func(string) bool {
	return func(s string) bool { return regexp.MustCompile(pattern).MatchString(s) }
}

// texts are the literals that something is compared with.
func texts(function string, e ast.Expr) []string {
	var all []string
	switch {
	case function != "_==_" && function != "@in" && function != "_!=_":
	case e.Kind() == ast.LiteralKind:
		if s, ok := e.AsLiteral().(types.String); ok {
			all = append(all, string(s))
		}
	case e.Kind() == ast.ListKind:
		for _, item := range e.AsList().Elements() {
			all = append(all, texts("_==_", item)...)
		}
	}
	return all
}

// lintAbsence warns of rules that deny whatever does not have what they look at.
func (p *Policy) lintAbsence(r *rule) {
	if r.Outcome == org.OutcomeAllow {
		return
	}
	whole := r.text
	guarded := strings.Contains(whole, "request.method") || strings.Contains(whole, "tx.chain") || strings.Contains(whole, "has(")
	warned := false
	r.each(func(e ast.Expr) {
		absent := e.Kind() == ast.IdentKind && slices.Contains([]string{"effects", "typedData", "message", "wallet", "usage"}, e.AsIdent()) ||
			e.Kind() == ast.SelectKind && slices.Contains([]string{"tx.evm", "tx.solana", "tx.bitcoin", "tx.sui"}, textOf(r, e))
		if absent && !guarded && !warned {
			warned = true
			p.warn(r, e, fmt.Sprintf("a request without %s makes this rule fail, and a failing %s rule denies", textOf(r, e), r.Outcome),
				"put request.method == … or tx.chain == … && before it")
		}
	})
}

// lintReach warns of rules that allow more than they look like.
func (p *Policy) lintReach(r *rule) {
	if r.Outcome != org.OutcomeAllow {
		return
	}
	root := r.written.NativeRep().Expr()
	whole := r.text
	if !regexp.MustCompile(`\b(request\.method|tx\.(evm|solana|bitcoin|sui)|typedData|effects|message)\b`).MatchString(whole) {
		p.warn(r, root, "the rule names no method: it also allows to change users and policies and to export wallets", "add request.method == …")
	}
	if strings.Contains(whole, "usage.spent") && !strings.Contains(whole, "effects.unknown") {
		p.warn(r, root, "what a transaction spends beyond its known effects is not counted", "add !effects.unknown")
	}
}

// lintCoins warns of limits on the coin of a network alone, where the rule says nothing of what else is moved. On Bitcoin
// nothing else is.
func (p *Policy) lintCoins(r *rule) {
	if r.Outcome != org.OutcomeAllow {
		return
	}
	coin, all := "", false
	ast.PostOrderVisit(r.checked.NativeRep().Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		c, is, err := counterOf(e)
		if !is || err != nil {
			return
		}
		all = all || c.Asset == "USD"
		if slices.Contains([]string{"ETH", "SOL", "SUI"}, c.Asset) || strings.HasSuffix(c.Asset, "/slip44:60") {
			coin = c.Asset
		}
	}))
	root := r.written.NativeRep().Expr()
	narrow := like(`\b(effects\.(transfers|programs)|tx\.evm\.(to|data|call|selector)|tx\.solana\.instructions|tx\.sui\.commands)\b`)
	if coin != "" && !all && !narrow(r.text) {
		p.warn(r, root, fmt.Sprintf("a limit on %s bounds no token and no other coin, and the rule allows to move those", coin),
			fmt.Sprintf("add !effects.transfers.exists(t, t.asset != '%s') && effects.approvals.size() == 0, or limit 'USD'", coin))
	}
}

// lintShadow warns of rules that never decide because an earlier one does.
func (p *Policy) lintShadow(r *rule, earlier []*rule) {
	for _, e := range earlier {
		switch {
		case e.text == r.text && (e.Outcome == r.Outcome || e.Outcome == org.OutcomeDeny || r.Outcome == org.OutcomeAllow):
		case e.text == "true" && (e.Outcome == r.Outcome || e.Outcome == org.OutcomeDeny):
		case e.Outcome == r.Outcome && covers(e, r):
		case e.Outcome == org.OutcomeDeny && covers(e, r):
		default:
			continue
		}
		p.warn(r, r.written.NativeRep().Expr(), fmt.Sprintf("rule %d decides wherever this one matches", e.index), "")
		return
	}
}

// covers says whether every condition of one rule is one of another: whatever the other matches, it matches.
func covers(wide, narrow *rule) bool {
	return !slices.ContainsFunc(wide.conditions, func(c string) bool { return !slices.Contains(narrow.conditions, c) })
}

// conditions are the parts of a conjunction.
func conditions(r *rule, e ast.Expr) []string {
	if e.Kind() == ast.CallKind && e.AsCall().FunctionName() == "_&&_" {
		var all []string
		for _, arg := range e.AsCall().Args() {
			all = append(all, conditions(r, arg)...)
		}
		return all
	}
	return []string{textOf(r, e)}
}

// textOf writes a part of a rule as its author did.
func textOf(r *rule, e ast.Expr) string {
	return (&trace{rule: r, written: map[int64]ast.Expr{e.ID(): e}}).text(e)
}
