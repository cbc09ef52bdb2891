package vectors

import (
	"compress/gzip"
	"encoding/json"
	"os"
	"os/exec"
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

// NPMModule decodes what a JavaScript module of such a package exports under a name. It takes node, as those tests do.
func NPMModule(t testing.TB, into any, module, export string) {
	t.Helper()
	const script = `import(process.argv[1]).then((m) => process.stdout.write(JSON.stringify(m[process.argv[2]])))`
	folder := filepath.Join(checkout(t), "e2e", "js")
	if _, err := os.Stat(filepath.Join(folder, "node_modules")); os.IsNotExist(err) && os.Getenv("CI") != "true" {
		t.Skipf("no module %s: make clients", module)
	}
	read := exec.Command("node", "-e", script, module, export) //nolint:gosec,noctx // fixed by the tests
	read.Dir, read.Stderr = folder, os.Stderr
	text, err := read.Output()
	if err != nil {
		t.Fatalf("%s: %v", module, err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v", module, err)
	}
}
