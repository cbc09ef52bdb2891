package arch

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/redoubt-kms/redoubt/"

// zones says which of our packages those of a zone may import. A zone that is missing here fails: a new room needs a
// plan first. The formats in proof are open to everybody, so that each has one reader (docs/adr/0002).
func zones() map[string][]string {
	return map[string][]string{
		"api":      {},
		"proof":    {"api", "proof"},
		"stamp":    {"api"},
		"chain":    {"api", "chain"},
		"internal": {"api", "stamp", "chain", "proof", "internal"},
		"enclave":  {"api", "stamp", "chain", "proof", "internal", "enclave"},
		"launch":   {"proof", "internal/attest", "internal/wire"},
		"host":     {"api", "stamp", "proof", "internal/failpoint", "internal/wire", "host"},
		"client":   {"api", "chain/base58", "stamp", "proof"},
	}
}

// doors says what each command may join. Only the all-in-one joins hall and vaults.
func doors() map[string][]string {
	return map[string][]string{
		"cmd/redoubt-policy":    {"enclave", "enclave/policy", "proof"},
		"cmd/redoubt-signer":    {"enclave", "enclave/signer", "proof"},
		"cmd/redoubt-certifier": {"enclave", "enclave/certifier", "proof"},
		"cmd/redoubtd":          {"host"},
		"cmd/redoubt":           {"api", "chain", "client", "cmd/redoubt", "enclave", "host", "internal", "launch", "proof", "stamp"},
		// What people type at the prompt reaches a server over the SDK and in no other way.
		"cmd/redoubt/frame":   {"api", "client"},
		"cmd/redoubt/backup":  {"internal/wire", "proof"},
		"cmd/redoubt/profile": {"cmd/redoubt/frame"},
		"cmd/redoubt/visit":   {"api", "stamp"},
		"cmd/redoubt/prompt":  {"api", "client", "cmd/redoubt/frame", "cmd/redoubt/profile"},
	}
}

// banned must not be reachable, even through others, from an enclave's binary.
func banned() map[string]string {
	return map[string]string{
		"net/http":      "enclaves speak frames, not HTTP",
		"database/sql":  "enclaves keep no database",
		"os/exec":       "enclaves start no process",
		"plugin":        "enclaves load no code",
		"html/template": "enclaves render nothing",
		"runtime/cgo":   "enclaves are pure Go",
	}
}

// pure must not be imported directly by the packages that outsiders use to verify.
func pure() []string { return []string{"net", "net/http", "os", "os/exec"} }

// budgets bound the packages that a binary is made of, the standard library included, and its modules.
func budgets() map[string]struct{ packages, modules int } {
	return map[string]struct{ packages, modules int }{
		"signer":    {225, 12},
		"certifier": {225, 12},
		"policy":    {340, 20}, // CEL is most of it
	}
}

type listed struct {
	ImportPath string
	Doc        string
	Imports    []string
	Deps       []string
	GoFiles    []string
	Dir        string
}

func list(t *testing.T, args ...string) []listed {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Doc,Imports,Deps,GoFiles,Dir"}, args...)...)
	cmd.Dir = root(t)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list %v: %v", args, err)
	}
	var all []listed
	for d := json.NewDecoder(strings.NewReader(string(out))); d.More(); {
		var p listed
		if err := d.Decode(&p); err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func allows(allowed []string, dep string) bool {
	return slices.ContainsFunc(allowed, func(a string) bool { return dep == a || strings.HasPrefix(dep, a+"/") })
}

func TestZones(t *testing.T) {
	for _, p := range list(t, "./...") {
		rel := strings.TrimPrefix(p.ImportPath, module)
		zone, _, _ := strings.Cut(rel, "/")
		allowed, planned := zones()[zone]
		if zone == "cmd" {
			allowed, planned = doors()[rel]
		}
		if strings.HasPrefix(rel, "e2e") || zone == "internal" && rel == "internal/arch" {
			continue // tests only
		}
		if !planned {
			t.Errorf("%s is not on the plan", rel)
		}
		for _, imp := range p.Imports {
			dep, ours := strings.CutPrefix(imp, module)
			if ours && !allows(allowed, dep) {
				t.Errorf("%s must not import %s", rel, dep)
			}
			if zone == "host" && dep == "proof/envelope" {
				t.Errorf("%s imports %s: the hall encrypts nothing to anybody", rel, dep)
			}
			if (zone == "enclave" || zone == "internal") && strings.HasPrefix(imp, "math/rand") {
				t.Errorf("%s imports %s: enclaves take crypto/rand only", rel, imp)
			}
			if slices.Contains([]string{"stamp", "chain", "proof"}, zone) && !strings.HasSuffix(rel, "test") && slices.Contains(pure(), imp) {
				t.Errorf("%s is public and pure: it must not import %s", rel, imp)
			}
		}
	}
}

// The three vaults share the package enclave and nothing else of each other.
func TestVaultsDoNotImportEachOther(t *testing.T) {
	for _, p := range list(t, "./enclave/...") {
		own := strings.TrimPrefix(p.ImportPath, module)
		for _, imp := range p.Imports {
			if dep, ours := strings.CutPrefix(imp, module+"enclave/"); ours && own != "enclave/"+dep && strings.Contains(own, "/") {
				t.Errorf("%s must not import enclave/%s", own, dep)
			}
		}
	}
}

func TestEnclaveDependencies(t *testing.T) {
	for role, budget := range budgets() {
		p := list(t, "./cmd/redoubt-"+role)[0]
		for _, dep := range p.Deps {
			if why, no := banned()[dep]; no {
				t.Errorf("redoubt-%s reaches %s: %s", role, dep, why)
			}
			if strings.HasPrefix(dep, module+"host/") || strings.HasPrefix(dep, module+"launch") {
				t.Errorf("redoubt-%s reaches %s, which is not trusted", role, dep)
			}
		}
		if role != "signer" && (slices.Contains(p.Deps, module+"internal/seed") || slices.Contains(p.Deps, module+"enclave/signer")) {
			t.Errorf("redoubt-%s can derive keys", role)
		}
		if role == "signer" && slices.Contains(p.Deps, "encoding/json") {
			t.Error("redoubt-signer reaches encoding/json: its one decoder is CBOR")
		}
		if len(p.Deps) > budget.packages {
			t.Errorf("redoubt-%s is made of %d packages, its budget is %d", role, len(p.Deps), budget.packages)
		}
		if n := len(modules(t, role)); n > budget.modules {
			t.Errorf("redoubt-%s is made of %d modules of others, its budget is %d", role, n, budget.modules)
		}
	}
}

func modules(t *testing.T, role string) []string {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", "./cmd/redoubt-"+role)
	cmd.Dir = root(t)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Fields(string(out))
	slices.Sort(all)
	all = slices.Compact(all)
	return slices.DeleteFunc(all, func(m string) bool { return m+"/" == module })
}

// Each enclave's list of dependencies is committed, so that a change which lets one more in shows it. `make tcb` writes
// the lists anew.
func TestDependencyListsAreCommitted(t *testing.T) {
	for role := range budgets() {
		p := list(t, "./cmd/redoubt-"+role)[0]
		deps := slices.Clone(p.Deps)
		slices.Sort(deps)
		want := strings.Join(deps, "\n") + "\n"
		path := filepath.Join(root(t), "docs", "tcb", role+".txt")
		if os.Getenv("WRITE_TCB") != "" {
			if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != want {
			t.Errorf("%s is not what redoubt-%s is made of; look at the difference, then `make tcb`", path, role)
		}
	}
}

// Each module of others in an enclave is named with a reason.
func TestModulesHaveReasons(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(root(t), "docs", "tcb", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for line := range strings.Lines(string(b)) {
		if name, ok := strings.CutPrefix(line, "| "); ok && strings.Contains(name, ".") {
			module, _, _ := strings.Cut(name, " |")
			named[module] = false
		}
	}
	for role := range budgets() {
		for _, m := range modules(t, role) {
			if _, ok := named[m]; !ok {
				t.Errorf("docs/tcb/README.md does not say why redoubt-%s needs %s", role, m)
			}
			named[m] = true
		}
	}
	for m, used := range named {
		if !used {
			t.Errorf("docs/tcb/README.md names %s, which no enclave needs", m)
		}
	}
}
