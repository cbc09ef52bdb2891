package language

import (
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/redoubt-kms/redoubt/chain/evm/eip55"
	"github.com/redoubt-kms/redoubt/internal/rule/fact"
)

// rewrite writes constants out, gives addresses and assets the one spelling that facts have, and puts literals on the
// right of comparisons, where an amount on the left knows how to take them. room is how many parts the policy may still
// have, which is what it takes of memory and of time.
func (r *rule) rewrite(a *ast.AST, values constants, room *int) error {
	factory := ast.NewExprFactory()
	next := ast.MaxID(a) + 1
	var wrong error
	fail := func(e ast.Expr, text, hint string) {
		if wrong == nil {
			at := a.SourceInfo().GetStartLocation(e.ID())
			wrong = r.finding(at.Line(), at.Column()+1, text, hint)
		}
	}
	ast.PostOrderVisit(a.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if *room--; *room < 0 {
			fail(e, tooManyNodes, tooManyHint)
			return
		}
		switch e.Kind() { //nolint:exhaustive // the others stay as they are
		case ast.IdentKind:
			v, ok := values[e.AsIdent()]
			if !ok || *room < 0 {
				return
			}
			if *room -= v.nodes(); *room < 0 { // before it takes memory
				fail(e, tooManyNodes, tooManyHint)
				return
			}
			e.SetKindCase(v.expression(factory, e.ID(), &next))
		case ast.ComprehensionKind:
			if _, taken := values[e.AsComprehension().IterVar()]; taken {
				fail(e, fmt.Sprintf("%q is a constant", e.AsComprehension().IterVar()), "give the loop's variable another name")
			}
		case ast.CallKind:
			swap(factory, e)
		}
	}))
	ast.PostOrderVisit(a.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.LiteralKind {
			return
		}
		text, ok := e.AsLiteral().(types.String)
		if !ok {
			return
		}
		canonical, err := spell(string(text))
		if err != nil {
			fail(e, err.Error(), "write it in lower case, or as your wallet shows it")
			return
		}
		e.SetKindCase(factory.NewLiteral(e.ID(), types.String(canonical)))
	}))
	return wrong
}

// What refuses a policy of too many parts.
const (
	tooManyNodes = "the policy has too many parts, constants written out"
	tooManyHint  = "name large constants in fewer rules"
)

// spell gives a text the spelling that facts have, if it is an address of EVM or an asset.
func spell(text string) (string, error) {
	if len(text) != 42 || !strings.HasPrefix(text, "0x") {
		return fact.Asset(text), nil
	}
	b, err := hex.DecodeString(text[2:])
	if err != nil {
		return text, nil //nolint:nilerr // it is some other text then
	}
	checksummed := eip55.Encode([20]byte(b))
	if digits := text[2:]; text != checksummed && digits != strings.ToLower(digits) && digits != strings.ToUpper(digits) {
		return "", fmt.Errorf("the address %s has a wrong checksum", text)
	}
	return checksummed, nil
}

// mirrored are the comparisons, and what they are when the sides change places.
func mirrored(function string) (string, bool) {
	m, ok := map[string]string{"_==_": "_==_", "_!=_": "_!=_", "_<_": "_>_", "_<=_": "_>=_", "_>_": "_<_", "_>=_": "_<=_"}[function]
	return m, ok
}

func swap(factory ast.ExprFactory, e ast.Expr) {
	call := e.AsCall()
	other, ok := mirrored(call.FunctionName())
	if !ok || call.Args()[0].Kind() != ast.LiteralKind || call.Args()[1].Kind() == ast.LiteralKind {
		return
	}
	e.SetKindCase(factory.NewCall(e.ID(), other, call.Args()[1], call.Args()[0]))
}

// nesting is how deep macros that loop are within each other.
func nesting(e ast.Expr) int {
	deepest := 0
	var walk func(e ast.NavigableExpr, depth int)
	walk = func(e ast.NavigableExpr, depth int) {
		if e.Kind() == ast.ComprehensionKind {
			depth++
		}
		deepest = max(deepest, depth)
		for _, child := range e.Children() {
			walk(child, depth)
		}
	}
	walk(ast.NavigateAST(ast.NewAST(e, nil)), 0)
	return deepest
}

// expression writes a constant's value as an expression.
func (v constant) expression(factory ast.ExprFactory, id int64, next *int64) ast.Expr {
	number := func() int64 { *next++; return *next - 1 }
	switch {
	case v.items != nil:
		items := make([]ast.Expr, len(v.items))
		for i, item := range v.items {
			items[i] = item.expression(factory, number(), next)
		}
		return factory.NewList(id, items, nil)
	case v.members != nil:
		entries := make([]ast.EntryExpr, len(v.members))
		for i, m := range v.members {
			key := factory.NewLiteral(number(), types.String(m.name))
			entries[i] = factory.NewMapEntry(number(), key, m.value.expression(factory, number(), next), false)
		}
		return factory.NewMap(id, entries)
	}
	return factory.NewLiteral(id, v.scalar)
}

// constant is a value that rules use by name.
type constant struct {
	scalar  ref.Val
	items   []constant
	members []member
}

// nodes is how many parts of an expression it takes to write the value out.
func (v constant) nodes() int {
	n := 1
	for _, item := range v.items {
		n += item.nodes()
	}
	for _, m := range v.members {
		n += 2 + m.value.nodes()
	}
	return n
}

type member struct {
	name  string
	value constant
}

// constants are the values of a policy by name.
type constants map[string]constant

// isName says what may name a constant: an identifier that means nothing yet.
func isName(name string) bool {
	if !regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,63}$`).MatchString(name) || fact.Variables()[name] != nil {
		return false
	}
	env, err := environment()
	if err != nil {
		return false
	}
	parsed, issues := env.Parse(name) // reserved words do not parse
	return issues.Err() == nil && parsed.NativeRep().Expr().Kind() == ast.IdentKind && !isType(env, name)
}

// isType says whether a name means a type of the language.
func isType(env *cel.Env, name string) bool {
	_, issues := env.Compile(name)
	return issues.Err() == nil
}
