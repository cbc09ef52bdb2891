package language

import (
	"fmt"
	"regexp/syntax"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
)

// checkPatterns bounds regular expressions. They are compiled with the rule and never from what a request brings, whose
// size and cost nobody has seen; so they are literals or constants.
func (r *rule) checkPatterns() error {
	var wrong error
	ast.PostOrderVisit(r.checked.NativeRep().Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if wrong != nil || e.Kind() != ast.CallKind || e.AsCall().FunctionName() != "matches" {
			return
		}
		args := e.AsCall().Args()
		if err := checkPattern(args[len(args)-1]); err != nil {
			at := r.checked.NativeRep().SourceInfo().GetStartLocation(e.ID())
			wrong = r.finding(max(at.Line(), 1), at.Column()+1, err.Error(), "")
		}
	}))
	return wrong
}

func checkPattern(e ast.Expr) error {
	if e.Kind() != ast.LiteralKind {
		return fmt.Errorf("the pattern of matches must be written out: a text or a constant")
	}
	text, ok := e.AsLiteral().(types.String)
	if !ok {
		return fmt.Errorf("the pattern of matches must be a text")
	}
	parsed, err := syntax.Parse(string(text), syntax.Perl)
	if err != nil {
		return fmt.Errorf("%q is no regular expression: %w", short(string(text)), err)
	}
	program, err := syntax.Compile(parsed.Simplify()) // which panics on repetitions that are not simplified
	if err != nil {
		return fmt.Errorf("%q is no regular expression: %w", short(string(text)), err)
	}
	if len(program.Inst) > maxPattern {
		return fmt.Errorf("a regular expression of %d instructions, the most is %d", len(program.Inst), maxPattern)
	}
	return nil
}
