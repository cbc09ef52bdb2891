// Package language compiles and evaluates policies: rules in CEL over the facts of package fact. A rule is type-checked
// when it is written, bounded in size and cost, and evaluated without I/O; whatever goes wrong in one never allows.
package language

import (
	"fmt"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"github.com/redoubt-kms/redoubt/internal/rule/amount"
	"github.com/redoubt-kms/redoubt/internal/rule/fact"
)

// Version is that of the variables and functions: it is stored with each policy that was checked against them.
const Version = 2

// The bounds of a policy.
const (
	MaxRules       = 1000
	MaxExpression  = 4096 // characters of an expression
	MaxConstants   = 256
	MaxItems       = 1024    // items of a constant
	MaxCounters    = 16      // counters that one policy names
	maxNodes       = 8192    // of an expression, constants written out
	maxPolicyNodes = 1 << 16 // of all expressions of a policy, constants written out
	maxNesting     = 3       // macros within macros
	maxCost        = 20_000  // of one rule
	maxPattern     = 2000    // instructions of a regular expression
	maxPolicyCost  = 100_000 // of all rules of a policy
)

// environment is what expressions are checked against, made once.
var environment = sync.OnceValues(func() (*cel.Env, error) {
	options := []cel.EnvOption{
		cel.CustomTypeProvider(fact.Provider()), cel.CustomTypeAdapter(fact.Adapter()),
		cel.EnableMacroCallTracking(), cel.DefaultUTCTimeZone(true), cel.CrossTypeNumericComparisons(true),
		cel.ParserExpressionSizeLimit(MaxExpression), cel.ExpressionNodeLimit(maxNodes), cel.ParserRecursionLimit(64),
	}
	for name, typ := range fact.Variables() {
		options = append(options, cel.Variable(name, typ))
	}
	options = append(options, operators()...)
	options = append(options, conversions()...)
	options = append(options, usageFunctions()...)
	options = append(options, dynamicFunctions()...)
	return cel.NewEnv(append(options, otherFunctions()...)...)
})

// operators lets amounts be added and compared with each other and with integers. What they do is in package amount: the
// evaluator calls it by the traits of the type. Equality takes any two values of one type; see widen for integers.
func operators() []cel.EnvOption {
	u, i, b := amount.Type(), cel.IntType, cel.BoolType
	var all []cel.EnvOption
	for _, op := range []struct {
		symbol, name string
		result       *cel.Type
	}{
		{"_+_", "add", u},
		{"_-_", "subtract", u},
		{"_*_", "multiply", u},
		{"_/_", "divide", u},
		{"_%_", "modulo", u},
		{"_<_", "less", b},
		{"_<=_", "less_equals", b},
		{"_>_", "greater", b},
		{"_>=_", "greater_equals", b},
	} {
		all = append(all, cel.Function(op.symbol,
			cel.Overload(op.name+"_uint256", []*cel.Type{u, u}, op.result),
			cel.Overload(op.name+"_uint256_int64", []*cel.Type{u, i}, op.result)))
	}
	return all
}

// conversions make amounts of text in the units that people use.
func conversions() []cel.EnvOption {
	u, s, i := amount.Type(), cel.StringType, cel.IntType
	all := []cel.EnvOption{
		cel.Function("uint256",
			cel.Overload("string_to_uint256", []*cel.Type{s}, u, cel.UnaryBinding(func(v ref.Val) ref.Val {
				text, ok := v.(types.String)
				if !ok {
					return types.MaybeNoSuchOverloadErr(v)
				}
				return result(amount.Parse(string(text)))
			})),
			cel.Overload("int64_to_uint256", []*cel.Type{i}, u, cel.UnaryBinding(func(v ref.Val) ref.Val {
				return amount.New(0).Add(v)
			}))),
		cel.Function("units", cel.Overload("units_string_int64", []*cel.Type{s, i}, u,
			cel.BinaryBinding(func(v, decimals ref.Val) ref.Val {
				text, ok := v.(types.String)
				n, both := decimals.(types.Int)
				if !ok || !both || n < 0 || n > 77 {
					return types.NewErr("units wants a decimal number as text and 0 to 77 decimals")
				}
				return result(amount.ParseUnits(string(text), int(n)))
			}))),
		cel.Function("string", cel.Overload("uint256_to_string", []*cel.Type{u}, s, cel.UnaryBinding(func(v ref.Val) ref.Val {
			return v.ConvertToType(types.StringType)
		}))),
	}
	for _, unit := range []struct {
		name     string
		decimals int
	}{{"ether", 18}, {"gwei", 9}, {"sol", 9}, {"btc", 8}, {"sui", 9}, {"usd", 6}} {
		all = append(all, cel.Function(unit.name, cel.Overload(unit.name+"_string", []*cel.Type{s}, u, cel.UnaryBinding(func(v ref.Val) ref.Val {
			text, ok := v.(types.String)
			if !ok {
				return types.MaybeNoSuchOverloadErr(v)
			}
			return result(amount.ParseUnits(string(text), unit.decimals))
		}))))
	}
	return all
}

// result makes a value of an amount, or an error.
func result(a *amount.Amount, err error) ref.Val {
	if err != nil {
		return types.WrapErr(err)
	}
	return a
}

// usageFunctions are the members of usage. A window is a duration, or the name of a calendar one.
func usageFunctions() []cel.EnvOption {
	usage, s, d, u := fact.UsageType(), cel.StringType, cel.DurationType, amount.Type()
	spent := func(args ...ref.Val) ref.Val {
		asset, window, scope, err := usageArguments(args[1:])
		if err != nil {
			return types.WrapErr(err)
		}
		return fact.Spent(args[0], asset, window, scope)
	}
	count := func(args ...ref.Val) ref.Val {
		_, window, scope, err := usageArguments(append([]ref.Val{types.String("")}, args[1:]...))
		if err != nil {
			return types.WrapErr(err)
		}
		return fact.Count(args[0], window, scope)
	}
	var spents, counts []cel.FunctionOpt
	for name, window := range map[string]*cel.Type{"rolling": d, "calendar": s} {
		bind, times := cel.FunctionBinding(spent), cel.FunctionBinding(count)
		spents = append(spents,
			cel.MemberOverload("usage_spent_"+name, []*cel.Type{usage, s, window}, u, bind),
			cel.MemberOverload("usage_spent_"+name+"_scope", []*cel.Type{usage, s, window, s}, u, bind))
		counts = append(counts,
			cel.MemberOverload("usage_count_"+name, []*cel.Type{usage, window}, u, times),
			cel.MemberOverload("usage_count_"+name+"_scope", []*cel.Type{usage, window, s}, u, times))
	}
	return []cel.EnvOption{cel.Function("spent", spents...), cel.Function("count", counts...)}
}

// usageArguments reads asset, window and scope.
func usageArguments(args []ref.Val) (asset, window, scope string, err error) {
	text := make([]string, 3)
	text[2] = "user"
	for i, v := range args {
		switch v := v.(type) {
		case types.String:
			text[i] = string(v)
		case types.Duration:
			text[i] = v.String()
		default:
			return "", "", "", fmt.Errorf("usage does not take a value of type %s", v.Type().TypeName())
		}
	}
	return fact.Asset(text[0]), text[1], text[2], nil
}

// sum adds up a list of amounts.
func sum(v ref.Val) ref.Val {
	list, ok := v.(traits.Lister)
	if !ok {
		return types.MaybeNoSuchOverloadErr(v)
	}
	var total ref.Val = amount.New(0)
	for it := list.Iterator(); it.HasNext() == types.True; {
		total = total.(*amount.Amount).Add(it.Next())
		if types.IsError(total) {
			return total
		}
	}
	return total
}
