package api_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/redoubt-kms/redoubt/api"
)

// constants gives the text constants of a file whose name a test takes.
func constants(t *testing.T, file string, take func(*ast.ValueSpec) bool) []string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	ast.Inspect(parsed, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 || !take(spec) {
			return true
		}
		if literal, ok := spec.Values[0].(*ast.BasicLit); ok {
			text, err := strconv.Unquote(literal.Value)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, text)
		}
		return true
	})
	slices.Sort(all)
	return all
}

// TestListsAreWhole: what is declared is listed, so that metrics know every method and every type of error.
func TestListsAreWhole(t *testing.T) {
	var methods []string
	for _, m := range api.Methods() {
		methods = append(methods, string(m))
	}
	slices.Sort(methods)
	declared := constants(t, "method.go", func(s *ast.ValueSpec) bool {
		kind, ok := s.Type.(*ast.Ident)
		return ok && kind.Name == "Method"
	})
	if !slices.Equal(declared, methods) || len(methods) != 50 {
		t.Errorf("methods: declared %v, listed %v", declared, methods)
	}
	types := api.Types()
	slices.Sort(types)
	declared = constants(t, "error.go", func(s *ast.ValueSpec) bool { return strings.HasPrefix(s.Names[0].Name, "Type") })
	if !slices.Equal(declared, types) || len(types) != 20 {
		t.Errorf("types: declared %v, listed %v", declared, types)
	}
}
