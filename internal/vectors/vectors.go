// Package vectors finds the third-party test vectors. Tests only: no binary may reach it.
//
// Others' data is kept outside of this repository, in the folder that the environment variable VECTORS names
// or, without it, in shared/vectors beside the checkout. Suites that are published as Go modules come with
// the modules. Each user pins the number of cases it expects, so that a shrunken file cannot pass.
package vectors

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// Dir returns the path of a file or folder below the vectors folder. Where there is no such folder the test is
// skipped, except in continuous integration, where a silent skip would look like a pass.
func Dir(t testing.TB, sub ...string) string {
	t.Helper()
	root := os.Getenv("VECTORS")
	if root == "" {
		root = filepath.Join(checkout(t), "..", "shared", "vectors")
	}
	path := filepath.Join(append([]string{root}, sub...)...)
	if _, err := os.Stat(path); err == nil {
		return path
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("test vectors missing: %s", path)
	}
	t.Skipf("no test vectors at %s: set VECTORS", path)
	return ""
}

// ReadJSON decodes one vector file into a value.
func ReadJSON(t testing.TB, into any, sub ...string) {
	t.Helper()
	data, err := os.ReadFile(Dir(t, sub...))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatalf("%s: %v", filepath.Join(sub...), err)
	}
}

// checkout is the folder that holds go.mod.
func checkout(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("no go.mod above the test's folder")
		}
		dir = parent
	}
}
