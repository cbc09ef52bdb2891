package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const maxLines = 500

// House rules that a reviewer should not have to think of.
func TestHouseRules(t *testing.T) {
	for _, p := range list(t, "./...") {
		rel := strings.TrimPrefix(p.ImportPath, module)
		if p.Doc == "" && len(p.GoFiles) > 0 {
			t.Errorf("%s has no package comment", rel)
		}
		zone, _, _ := strings.Cut(rel, "/")
		for _, name := range p.GoFiles {
			path := filepath.Join(p.Dir, name)
			checkLength(t, path)
			if zone == "enclave" || zone == "internal" || zone == "chain" || zone == "stamp" || zone == "proof" {
				checkGlobals(t, path)
			}
		}
	}
}

func checkLength(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(b), "\n"); n > maxLines {
		t.Errorf("%s has %d lines; split it by what it is about", path, n)
	}
}

// checkGlobals refuses init functions and package-level variables that can change. Errors, interface checks,
// functions that compute once, and types and structures of the policy language are fine.
func checkGlobals(t *testing.T, path string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Name.Name == "init" && d.Recv == nil {
				t.Errorf("%s has an init function", path)
			}
		case *ast.GenDecl:
			if d.Tok != token.VAR {
				continue
			}
			for _, s := range d.Specs {
				checkVariable(t, path, s.(*ast.ValueSpec))
			}
		}
	}
}

func checkVariable(t *testing.T, path string, v *ast.ValueSpec) {
	t.Helper()
	for i, name := range v.Names {
		if name.Name == "_" || strings.HasPrefix(name.Name, "Err") || strings.HasPrefix(name.Name, "err") {
			continue
		}
		if i < len(v.Values) {
			if call, ok := v.Values[i].(*ast.CallExpr); ok {
				if f, ok := call.Fun.(*ast.SelectorExpr); ok && (strings.HasPrefix(f.Sel.Name, "Once") || describes(f.Sel.Name)) {
					continue
				}
				if f, ok := call.Fun.(*ast.Ident); ok && f.Name == "define" {
					continue
				}
			}
		}
		t.Errorf("%s: package variable %s can change under everybody's feet", path, name.Name)
	}
}

// describes says whether a function makes a type of the policy language, which nobody changes.
func describes(function string) bool {
	return strings.HasPrefix(function, "New") && strings.HasSuffix(function, "Type") || function == "WithTraits"
}
