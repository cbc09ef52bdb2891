package language

import (
	"fmt"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"cel.dev/cel-go/interpreter"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/rule/amount"
	"github.com/redoubt-kms/redoubt/internal/rule/fact"
)

// LimitOf tells how a request stands to a limit of a counter; nil when it cannot tell.
type LimitOf func(c Counter, limit *amount.Amount) *api.LimitExplanation

// maxExplained bounds how many rules an explanation tells of, and maxReasons how many parts of each: it goes into the log.
const (
	maxExplained = 32
	maxReasons   = 16
)

// Explain evaluates all rules to their last part and says what made each what it is: of a decision, those that decided,
// and when nothing allowed, all that might have.
func (p *Policy) Explain(f *fact.Facts, v Verdict, limits LimitOf) api.Explanation {
	explanation := api.Explanation{Outcome: v.Outcome, Rules: []api.RuleExplanation{}}
	if v.Outcome == "" {
		explanation.Outcome = org.OutcomeDeny
	}
	cost := p.budget()
	for _, r := range p.rules {
		decided := v.Rule >= 0 && (r.index == v.Rule || v.Outcome == org.OutcomeApproval && r.Outcome == org.OutcomeApproval)
		if v.Rule >= 0 && !decided || v.Rule < 0 && r.Outcome != org.OutcomeAllow || len(explanation.Rules) >= maxExplained {
			continue
		}
		if e := r.explain(f, limits, cost); v.Outcome != org.OutcomeApproval || e.Result == "true" {
			explanation.Rules = append(explanation.Rules, e)
		}
	}
	return explanation
}

func (r *rule) explain(f *fact.Facts, limits LimitOf, cost *budget) api.RuleExplanation {
	e := api.RuleExplanation{Rule: r.index, Outcome: r.Outcome, Comment: r.Comment, Expression: r.Expression}
	program, err := r.explains()
	if err != nil {
		e.Result, e.Error = "error", err.Error()
		return e
	}
	if cost.left == 0 {
		e.Result, e.Error = "error", errCost.Error()
		return e
	}
	out, details, err := program.Eval(f)
	cost.spend(details)
	trace := &trace{rule: r, state: details.State(), written: map[int64]ast.Expr{}, limits: limits}
	ast.PostOrderVisit(r.written.NativeRep().Expr(), ast.NewExprVisitor(func(x ast.Expr) { trace.written[x.ID()] = x }))
	switch matched, ok := out.(types.Bool); {
	case err != nil:
		e.Result, e.Error = "error", err.Error()
		trace.collect(r.checked.NativeRep().Expr(), false)
	case ok:
		e.Result = fmt.Sprint(bool(matched))
		trace.collect(r.checked.NativeRep().Expr(), bool(matched))
	}
	e.Because = trace.reasons
	return e
}

// trace is an evaluation, looked at afterwards.
type trace struct {
	rule    *rule
	state   interpreter.EvalState
	written map[int64]ast.Expr
	limits  LimitOf
	reasons []api.Reason
}

// collect finds the parts that made an expression what it is, true or not.
func (t *trace) collect(e ast.Expr, is bool) {
	if e.Kind() == ast.CallKind {
		call := e.AsCall()
		switch call.FunctionName() {
		case "_&&_", "_||_":
			for _, arg := range call.Args() {
				if v, _ := t.state.Value(arg.ID()); v == types.Bool(is) || types.IsUnknownOrError(v) {
					t.collect(arg, is)
				}
			}
			return
		case "!_":
			t.collect(call.Args()[0], !is)
			return
		}
	}
	if len(t.reasons) < maxReasons {
		t.reasons = append(t.reasons, t.reason(e))
	}
}

func (t *trace) reason(e ast.Expr) api.Reason {
	reason := api.Reason{Expression: short(t.text(e))}
	if e.Kind() != ast.CallKind {
		if v, ok := t.value(e); ok {
			reason.Values = []api.Seen{{Expression: short(t.text(subject(e))), Value: v}}
		}
		return reason
	}
	call := e.AsCall()
	parts := call.Args()
	if call.IsMemberFunction() {
		parts = append([]ast.Expr{call.Target()}, parts...)
	}
	for _, part := range parts {
		if v, ok := t.value(part); ok && constantText(part) == "" {
			reason.Values = append(reason.Values, api.Seen{Expression: short(t.text(part)), Value: v})
		}
	}
	if _, compares := mirrored(call.FunctionName()); compares && t.limits != nil {
		reason.Limit = t.limit(parts[0], parts[1])
		if reason.Limit == nil {
			reason.Limit = t.limit(parts[1], parts[0])
		}
	}
	return reason
}

// limit reads a comparison of usage with what is not usage.
func (t *trace) limit(used, bound ast.Expr) *api.LimitExplanation {
	c, is, err := counterOf(used)
	if !is || err != nil {
		return nil
	}
	switch v, _ := t.state.Value(bound.ID()); v := v.(type) {
	case *amount.Amount:
		return t.limits(c, v)
	case types.Int:
		if v >= 0 {
			return t.limits(c, amount.New(uint64(v)))
		}
	}
	if bound.Kind() == ast.LiteralKind {
		if n, ok := bound.AsLiteral().(types.Int); ok && n >= 0 {
			return t.limits(c, amount.New(uint64(n)))
		}
	}
	return nil
}

// subject is what a loop goes through, and of anything else the expression itself.
func subject(e ast.Expr) ast.Expr {
	if e.Kind() == ast.ComprehensionKind {
		return e.AsComprehension().IterRange()
	}
	return e
}

// value writes the value that an expression had.
func (t *trace) value(e ast.Expr) (string, bool) {
	v, ok := t.state.Value(subject(e).ID())
	if !ok || v == nil {
		return "", false
	}
	return show(v), true
}

// text writes an expression as its author did, as far as it is still there.
func (t *trace) text(e ast.Expr) string {
	source := t.rule.written.NativeRep().SourceInfo()
	if w, ok := t.written[e.ID()]; ok {
		if text, err := cel.ExprToString(w, source); err == nil {
			return text
		}
	}
	text, err := cel.ExprToString(e, t.rule.checked.NativeRep().SourceInfo())
	if err != nil {
		return t.rule.Expression
	}
	return text
}

// constantText is the text of a literal, or of a conversion of one; empty for what has to be looked up.
func constantText(e ast.Expr) string {
	if e.Kind() == ast.LiteralKind {
		return fmt.Sprint(e.AsLiteral().Value())
	}
	return ""
}

// show writes a value for people.
func show(v ref.Val) string {
	switch v := v.(type) {
	case types.String:
		return short(fmt.Sprintf("%q", string(v)))
	case types.Bytes:
		return short(fmt.Sprintf("0x%x", []byte(v)))
	case types.Timestamp:
		return v.UTC().Format("2006-01-02T15:04:05.999Z")
	case *types.Err:
		return short(v.String())
	case traits.Lister:
		return showList(v)
	case traits.Mapper:
		return fmt.Sprintf("%v members", v.Size())
	case *amount.Amount:
		return v.String()
	case types.Int, types.Uint, types.Bool, types.Double, types.Null, types.Duration:
		return fmt.Sprint(v)
	}
	return v.Type().TypeName()
}

// showList writes up to four items.
func showList(l traits.Lister) string {
	var items []string
	for it := l.Iterator(); it.HasNext() == types.True; {
		if len(items) == 4 {
			items = append(items, "…")
			break
		}
		items = append(items, show(it.Next()))
	}
	return short("[" + strings.Join(items, ", ") + "]")
}

// short keeps an explanation readable.
func short(text string) string {
	const most = 200
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
