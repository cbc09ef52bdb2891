package vectors

import (
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// NPM decodes a gzipped JSON file of a package that the end-to-end tests install. Where it is not installed the test is
// skipped, except in continuous integration.
func NPM(t testing.TB, into any, pkg, file string) {
	t.Helper()
	path := filepath.Join(checkout(t), "e2e", "js", "node_modules", filepath.FromSlash(pkg), filepath.FromSlash(file))
	f, err := os.Open(path)
	if os.IsNotExist(err) && os.Getenv("CI") != "true" {
		t.Skipf("no npm package %s: make clients", pkg)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.NewDecoder(z).Decode(into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}
