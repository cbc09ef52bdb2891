package language

import (
	"slices"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"

	"github.com/redoubt-kms/redoubt/internal/rule/fact"
)

// guard is what a rule needs of a request at the least, as far as that can be looked at without evaluating it: most rules
// begin with a method or a chain, and most are not about the request at hand. A conjunction with a false part is false,
// whatever errors its other parts end in, so such a rule does not match. The zero value passes everything.
type guard struct {
	methods []string // nil for any
	chains  []string // nil for any
}

// passes says whether a rule may match a request.
func (g guard) passes(f *fact.Facts) bool {
	if g.methods != nil && !slices.Contains(g.methods, string(f.Request.Method)) {
		return false
	}
	return g.chains == nil || slices.Contains(g.chains, string(f.Chain()))
}

// guardOf finds what a rule needs among the parts of its conjunction.
func guardOf(e ast.Expr) guard {
	var g guard
	if e.Kind() != ast.CallKind {
		return g
	}
	call := e.AsCall()
	args := call.Args()
	switch call.FunctionName() {
	case "_&&_":
		for _, arg := range args {
			part := guardOf(arg)
			if g.methods == nil {
				g.methods = part.methods
			}
			if g.chains == nil {
				g.chains = part.chains
			}
		}
	case "_==_", "@in":
		if of, field := selected(args[0]); of == "request" && field == "method" {
			g.methods = alternatives(args[1])
		} else if of == "tx" && field == "chain" {
			g.chains = alternatives(args[1])
		}
	}
	return g
}

// selected reads a field of a variable.
func selected(e ast.Expr) (variable, field string) {
	if e.Kind() != ast.SelectKind || e.AsSelect().IsTestOnly() || e.AsSelect().Operand().Kind() != ast.IdentKind {
		return "", ""
	}
	return e.AsSelect().Operand().AsIdent(), e.AsSelect().FieldName()
}

// alternatives are the texts that something is compared with; nil when they are not all written out.
func alternatives(e ast.Expr) []string {
	all := []ast.Expr{e}
	if e.Kind() == ast.ListKind {
		all = e.AsList().Elements()
	}
	texts := []string{}
	for _, one := range all {
		if one.Kind() != ast.LiteralKind {
			return nil
		}
		text, ok := one.AsLiteral().(types.String)
		if !ok {
			return nil
		}
		texts = append(texts, string(text))
	}
	return texts
}
