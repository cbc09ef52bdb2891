package language

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"
	"cel.dev/expr"
	conformance "cel.dev/expr/conformance/test"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/redoubt-kms/redoubt/internal/rule/fact"
	"github.com/redoubt-kms/redoubt/internal/vectors"
)

// suite is how the package keeps the specification's tests.
type suite struct {
	Name   string
	Suites []suite
	Tests  []struct{ Original json.RawMessage }
}

// unsupported are the suites of what the language leaves out, and why.
var unsupported = map[string]string{
	"bindings_ext": "extension", "block_ext": "extension", "encoders_ext": "extension", "macros2": "extension",
	"math_ext": "extension", "optionals": "extension", "string_ext": "extension", "proto2_ext": "extension",
	"enums": "messages", "proto2": "messages", "proto3": "messages", "wrappers": "messages",
}

// different are tests whose answer is another one here, and why.
var different = map[string]string{
	"fields/map_fields/map_bad_key_type_or_true":                                "cel-go: a key of a wrong type is an error that no || takes back",
	"fields/map_fields/map_bad_key_type_and_false":                              "cel-go: a key of a wrong type is an error that no && takes back",
	"fields/qualified_identifier_resolution/map_key_float":                      "cel-go: maps take fractions as keys",
	"fields/qualified_identifier_resolution/map_value_repeat_key":               "cel-go: of two equal keys the last counts",
	"fields/qualified_identifier_resolution/map_value_repeat_key_heterogeneous": "cel-go: of two equal keys the last counts",
}

// optional is what an expression with the extension of optional values holds, wherever it stands.
var optional = regexp.MustCompile(`"expr":"[^"]*optional\.`)

// The specification's own tests, evaluated as rules are: parsed, rewritten, checked and optimized in the environment of
// policies. What is left out is counted by its reason.
func TestConformance(t *testing.T) {
	var all suite
	vectors.NPMModule(t, &all, "@bufbuild/cel-spec/testdata/conformance.js", "tests")
	counts := map[string]int{}
	for _, s := range all.Suites {
		s.walk("", func(path string, original []byte) {
			reason := unsupported[s.Name]
			test := &conformance.SimpleTest{}
			switch {
			case reason != "":
			case messages.Match(original):
				reason = "messages"
			case optional.Match(original):
				reason = "extension"
			default:
				if err := protojson.Unmarshal(original, test); err != nil {
					t.Fatalf("%s: %v", path, err)
				}
				reason = "conforms"
				wrong, why := conforms(t, test), different[path]
				if (wrong == "") != (why == "") {
					t.Errorf("%s: %s: %q, listed as %q", path, test.GetExpr(), wrong, why)
				}
				if wrong != "" {
					reason = "different"
				}
			}
			counts[reason]++
		})
	}
	want := map[string]int{"conforms": 1095, "different": len(different), "extension": 594, "messages": 650}
	if diff := cmp.Diff(want, counts); diff != "" {
		t.Error(diff)
	}
	t.Log(counts)
}

// walk visits the tests with their path.
func (s suite) walk(path string, do func(path string, original []byte)) {
	path = strings.TrimPrefix(path+"/"+s.Name, "/")
	for _, inner := range s.Suites {
		inner.walk(path, do)
	}
	for _, test := range s.Tests {
		var named struct{ Name string }
		_ = json.Unmarshal(test.Original, &named)
		do(path+"/"+named.Name, test.Original)
	}
}

// messages is what a test about protobuf messages holds. Policies have none; the types of times and durations bear names of
// protobuf all the same.
var messages = regexp.MustCompile(`TestAllTypes|cel\.expr\.conformance|messageType|"expr":"[^"]*google\.protobuf\.([^TD]|Timestamp\{|D[^u]|Duration\{)|"container":"google.protobuf"`)

// conforms says what is wrong with what we make of a test; empty for nothing.
func conforms(t *testing.T, test *conformance.SimpleTest) string {
	t.Helper()
	env, err := environment()
	if err != nil {
		t.Fatal(err)
	}
	options := []cel.EnvOption{cel.Container(test.GetContainer())}
	for _, d := range test.GetTypeEnv() {
		declared, err := cel.ProtoAsDeclaration(d)
		if err != nil {
			t.Fatal(err)
		}
		options = append(options, declared)
	}
	if env, err = env.Extend(options...); err != nil {
		return err.Error()
	}
	out, typ, err := evaluate(env, test)
	if want := test.GetTypedResult().GetDeducedType(); want != nil && typ != nil {
		deduced, err := cel.TypeToExprType(typ)
		if err != nil {
			return err.Error()
		}
		if !sameType(want, deduced) {
			return "it is of type " + typ.String()
		}
		if test.GetCheckOnly() {
			return ""
		}
	}
	return compare(test, out, err)
}

func sameType(want, got proto.Message) bool {
	a, _ := protojson.Marshal(want)
	b, _ := protojson.Marshal(got)
	return strings.ReplaceAll(string(a), " ", "") == strings.ReplaceAll(string(b), " ", "")
}

// evaluate does what compileRule and matches do, but for the bounds and the type of the result.
func evaluate(env *cel.Env, test *conformance.SimpleTest) (ref.Val, *cel.Type, error) {
	parsed, issues := env.Parse(test.GetExpr())
	if issues.Err() != nil {
		return nil, nil, issues.Err()
	}
	room := maxPolicyNodes
	if err := (&rule{}).rewrite(parsed.NativeRep(), constants{}, &room); err != nil {
		return nil, nil, err
	}
	var typ *cel.Type
	if !test.GetDisableCheck() {
		if parsed, issues = check(env, parsed); issues.Err() != nil {
			return nil, nil, issues.Err()
		}
		typ = parsed.OutputType()
		if err := (&rule{checked: parsed}).checkPatterns(); err != nil {
			return nil, typ, err
		}
	}
	if test.GetCheckOnly() {
		return nil, typ, nil
	}
	program, err := env.Program(parsed, cel.EvalOptions(cel.OptOptimize), cel.CostTracking(sizes{}), cel.CostLimit(maxCost))
	if err != nil {
		return nil, typ, err
	}
	bound := map[string]any{}
	for name, v := range test.GetBindings() {
		if bound[name], err = cel.ProtoAsValue(fact.Adapter(), v.GetValue()); err != nil {
			return nil, typ, err
		}
	}
	facts, err := interpreter.NewActivation(bound)
	if err != nil {
		return nil, typ, err
	}
	out, _, err := program.Eval(facts)
	return out, typ, err
}

// compare holds a result against the one that the test wants; without one it wants true.
func compare(test *conformance.SimpleTest, out ref.Val, err error) string {
	if test.GetEvalError() != nil {
		if err == nil {
			return "it ends in no error"
		}
		return ""
	}
	if err != nil {
		return err.Error()
	}
	want := test.GetValue()
	if typed := test.GetTypedResult(); typed != nil {
		want = typed.GetResult()
	}
	if want == nil {
		want = &expr.Value{Kind: &expr.Value_BoolValue{BoolValue: true}}
	}
	got, err := cel.ValueAsProto(out)
	if err != nil {
		return err.Error()
	}
	if proto.Equal(got, want) {
		return ""
	}
	wanted, err := cel.ProtoAsValue(fact.Adapter(), want)
	if err != nil {
		return err.Error()
	}
	if _, isMap := want.GetKind().(*expr.Value_MapValue); isMap && types.Equal(out, wanted) == types.True { // in any order
		return ""
	}
	return "it is " + got.String()
}
