// Package chaintest holds what the tests of all chains share: where third-party test vectors are, and the checks that
// every parser of transactions must pass. It is for tests only.
package chaintest

import (
	"os"
	"path/filepath"
	"testing"
)

// Vectors returns the path of a file or folder of third-party test vectors: below the folder that the environment
// variable VECTORS names, or below shared/vectors beside the repository. Where it is missing the test is skipped,
// except with CI=true, where it fails.
func Vectors(t testing.TB, sub ...string) string {
	t.Helper()
	root := os.Getenv("VECTORS")
	if root == "" {
		root = filepath.Join(repository(t), "..", "shared", "vectors")
	}
	path := filepath.Join(append([]string{root}, sub...)...)
	if _, err := os.Stat(path); err == nil {
		return path
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("no test vectors at %s", path)
	}
	t.Skipf("no test vectors at %s; set VECTORS to the folder that has them", path)
	return ""
}

// repository walks up to the folder that holds go.mod.
func repository(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the working directory")
		}
		dir = filepath.Dir(dir)
	}
}
