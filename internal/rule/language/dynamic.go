package language

import (
	"math"
	"math/big"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"github.com/redoubt-kms/redoubt/internal/rule/amount"
)

// The functions that stand for == and != and in where only the evaluation shows what is compared, as with the arguments of
// a call. The language's own ask the left side, and an integer on the left knows nothing of amounts: it takes an amount
// for unequal, so that a rule about it would be passed over. Nobody can write these names.
const (
	functionSame   = "@same"
	functionDiffer = "@differ"
	functionAmong  = "@among"
)

// dynamicFunctions are what loosen writes.
func dynamicFunctions() []cel.EnvOption {
	d, b := cel.DynType, cel.BoolType
	function := func(name string, do func(x, y ref.Val) ref.Val) cel.EnvOption {
		return cel.Function(name, cel.Overload(name[1:]+"_dyn_dyn", []*cel.Type{d, d}, b, cel.BinaryBinding(do)))
	}
	return []cel.EnvOption{
		function(functionSame, func(x, y ref.Val) ref.Val { return types.Bool(same(x, y)) }),
		function(functionDiffer, func(x, y ref.Val) ref.Val { return types.Bool(!same(x, y)) }),
		function(functionAmong, among),
	}
}

// loosen has numbers that may meet amounts compared by their value, whichever side they stand on; false when there is
// nothing to do.
func loosen(parsed *ast.AST, checked *ast.AST) bool {
	factory, changed := ast.NewExprFactory(), false
	ast.PostOrderVisit(parsed.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.CallKind || len(e.AsCall().Args()) != 2 || e.AsCall().IsMemberFunction() {
			return
		}
		args := e.AsCall().Args()
		left, right := checked.GetType(args[0].ID()), checked.GetType(args[1].ID())
		switch function := e.AsCall().FunctionName(); function {
		case "_==_", "_!=_":
			if !meet(left, right) || left.Kind() == types.DynKind && (right.Kind() == types.IntKind || right.Kind() == types.UintKind) {
				return // an amount on the left knows integers
			}
			name := map[string]string{"_==_": functionSame, "_!=_": functionDiffer}[function]
			e.SetKindCase(factory.NewCall(e.ID(), name, args...))
		case "@in":
			if !meet(left, right) {
				return
			}
			e.SetKindCase(factory.NewCall(e.ID(), functionAmong, args...))
		case "_<_", "_<=_", "_>_", "_>=_":
			if left.Kind() != types.IntKind || right.Kind() != types.DynKind {
				return
			}
			other, _ := mirrored(function)
			e.SetKindCase(factory.NewCall(e.ID(), other, args[1], args[0]))
		default:
			return
		}
		changed = true
	}))
	return changed
}

// meet says whether numbers of two types may be compared of which one is not known.
func meet(a, b *types.Type) bool {
	dynamicA, numberA := holds(a)
	dynamicB, numberB := holds(b)
	return (dynamicA || dynamicB) && numberA && numberB
}

// holds says whether a value of a type may be, or hold, what is not known, and numbers or amounts.
func holds(t *types.Type) (dynamic, number bool) {
	switch t.Kind() { //nolint:exhaustive // the others are none of these
	case types.DynKind, types.AnyKind, types.TypeParamKind:
		return true, true
	case types.IntKind, types.UintKind, types.DoubleKind:
		return false, true
	case types.OpaqueKind:
		return false, t.TypeName() == amount.Type().TypeName()
	case types.ListKind, types.MapKind:
		for _, of := range t.Parameters() {
			d, n := holds(of)
			dynamic, number = dynamic || d, number || n
		}
	}
	return dynamic, number
}

// same is ==, by value also where one side is an amount and the other a number.
func same(x, y ref.Val) bool {
	if a, ok := y.(*amount.Amount); ok {
		x, y = a, x
	}
	switch x := x.(type) {
	case *amount.Amount:
		if d, ok := y.(types.Double); ok {
			return !math.IsNaN(float64(d)) && new(big.Float).SetInt(x.Big()).Cmp(big.NewFloat(float64(d))) == 0
		}
		return x.Equal(y) == types.True
	case traits.Lister:
		other, ok := y.(traits.Lister)
		return ok && sameItems(x, other)
	case traits.Mapper:
		other, ok := y.(traits.Mapper)
		return ok && sameMembers(x, other)
	}
	return types.Equal(x, y) == types.True
}

func sameItems(x, y traits.Lister) bool {
	if x.Size() != y.Size() {
		return false
	}
	for i, j := x.Iterator(), y.Iterator(); i.HasNext() == types.True; {
		if !same(i.Next(), j.Next()) {
			return false
		}
	}
	return true
}

func sameMembers(x, y traits.Mapper) bool {
	if x.Size() != y.Size() {
		return false
	}
	for i := x.Iterator(); i.HasNext() == types.True; {
		key := i.Next()
		found := false
		for j := y.Iterator(); j.HasNext() == types.True && !found; {
			other := j.Next()
			found = same(key, other) && same(x.Get(key), y.Get(other))
		}
		if !found {
			return false
		}
	}
	return true
}

// among is in: whether a list has an item, or a map a key.
func among(x, of ref.Val) ref.Val {
	all, ok := of.(traits.Iterable)
	if _, sized := of.(traits.Sizer); !ok || !sized {
		return types.MaybeNoSuchOverloadErr(of)
	}
	for i := all.Iterator(); i.HasNext() == types.True; {
		if same(x, i.Next()) {
			return types.True
		}
	}
	return types.False
}
