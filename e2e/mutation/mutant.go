package main

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
)

//go:embed mutants/*.txt
var lists embed.FS

// mutant is a change of one place in one file.
type mutant struct {
	title    string // file: what goes wrong
	file     string // from the root of the checkout
	old, new string
}

// readAll reads the lists.
func readAll() ([]mutant, error) {
	entries, err := lists.ReadDir("mutants")
	if err != nil {
		return nil, err
	}
	var all []mutant
	for _, entry := range entries {
		text, err := lists.ReadFile("mutants/" + entry.Name())
		if err != nil {
			return nil, err
		}
		some, err := parse(string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", entry.Name(), err)
		}
		all = append(all, some...)
	}
	return all, nil
}

// parse reads a list: a line "-- FILE: TITLE", the code as it is, a line "==" and the code as it becomes, for each.
func parse(text string) ([]mutant, error) {
	var all []mutant
	blocks := strings.Split("\n"+text, "\n-- ")
	for _, block := range blocks[1:] {
		title, body, _ := strings.Cut(block, "\n")
		file, _, titled := strings.Cut(title, ": ")
		before, after, changed := strings.Cut("\n"+body, "\n==")
		m := mutant{title: title, file: file, old: strings.Trim(before, "\n"), new: strings.Trim(after, "\n")}
		if !titled || !changed || m.old == "" || m.old == m.new {
			return nil, fmt.Errorf("not a mutant: %s", title)
		}
		all = append(all, m)
	}
	if strings.TrimSpace(blocks[0]) != "" || len(all) == 0 {
		return nil, errors.New("a list begins with a mutant")
	}
	return all, nil
}

// apply returns the file with the change. The code to change must be there, once.
func (m mutant) apply(root string) ([]byte, error) {
	source, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(m.file)))
	if err != nil {
		return nil, err
	}
	if n := bytes.Count(source, []byte(m.old)); n != 1 {
		return nil, fmt.Errorf("%s: the code to change is there %d times, not once", m.title, n)
	}
	return bytes.Replace(source, []byte(m.old), []byte(m.new), 1), nil
}

// verdict is what became of a mutant.
type verdict string

const (
	dead   verdict = "noticed"
	alive  verdict = "SURVIVES"
	broken verdict = "BROKEN" // it does not apply or does not compile
)

type result struct {
	verdict verdict
	output  string
}

// test runs the tests that should notice: those next to the code first, then those of the engine.
func (m mutant) test(ctx context.Context, root string) result {
	overlay, remove, err := m.overlay(root)
	if err != nil {
		return result{broken, err.Error()}
	}
	defer remove()
	for _, packages := range m.suites() {
		output, err := runTests(ctx, root, append([]string{"-overlay", overlay}, packages...))
		var exit *exec.ExitError
		switch {
		case ctx.Err() != nil:
			return result{broken, "interrupted"}
		case err == nil:
		case !errors.As(err, &exit), bytes.Contains(output, []byte("[build failed]")), bytes.Contains(output, []byte("[setup failed]")):
			return result{broken, string(output)}
		default:
			return result{dead, string(output)}
		}
	}
	return result{alive, ""}
}

// suites are the packages whose tests are asked, one list after the other: those of the changed code first, which are
// the quickest to say.
func (m mutant) suites() [][]string {
	engine, own := []string{"./enclave/policy"}, "./"+path.Dir(m.file)
	switch {
	case own == engine[0]:
		return [][]string{engine}
	case strings.HasPrefix(own, "./internal/rule"), own == "./internal/usage":
		return [][]string{{own}, {"./internal/rule/..."}, engine}
	case strings.HasPrefix(own, "./chain/"): // what screens payloads
		return [][]string{{own}, {"./internal/payload"}, engine}
	default:
		return [][]string{{own}, engine}
	}
}

func runTests(ctx context.Context, root string, args []string) ([]byte, error) {
	test := exec.CommandContext(ctx, "go", append([]string{"test", "-count=1", "-failfast", "-vet=off", "-timeout=240s"}, args...)...)
	test.Dir = root
	return test.CombinedOutput()
}

// healthy says whether the tests pass as long as nothing is changed; otherwise they would notice anything.
func healthy(ctx context.Context, root string) error {
	for _, packages := range [][]string{{"./internal/usage", "./internal/rule/..."}, {"./enclave/policy"}} {
		if output, err := runTests(ctx, root, packages); err != nil {
			return fmt.Errorf("the tests fail without a mutant: %w\n%s", err, output)
		}
	}
	return nil
}

// overlay writes the changed file and the list by which the compiler finds it.
func (m mutant) overlay(root string) (list string, remove func(), err error) {
	changed, err := m.apply(root)
	if err != nil {
		return "", nil, err
	}
	folder, err := os.MkdirTemp("", "mutation-")
	if err != nil {
		return "", nil, err
	}
	remove = func() { _ = os.RemoveAll(folder) }
	source := filepath.Join(folder, "mutant.go")
	list = filepath.Join(folder, "overlay.json")
	text, err := json.Marshal(map[string]map[string]string{"Replace": {filepath.Join(root, filepath.FromSlash(m.file)): source}})
	if err == nil {
		err = errors.Join(os.WriteFile(source, changed, 0o600), os.WriteFile(list, text, 0o600))
	}
	if err != nil {
		remove()
		return "", nil, err
	}
	return list, remove, nil
}
