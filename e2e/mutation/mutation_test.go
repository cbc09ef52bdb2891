package main

import (
	"strings"
	"testing"
)

// Every mutant still changes the code that it was written for.
func TestMutantsApply(t *testing.T) {
	all, err := readAll()
	if err != nil {
		t.Fatal(err)
	}
	titles := map[string]bool{}
	for _, m := range all {
		if titles[m.title] {
			t.Errorf("%s is there twice", m.title)
		}
		titles[m.title] = true
		if _, err := m.apply("../.."); err != nil {
			t.Error(err)
		}
	}
	if len(all) < 60 {
		t.Errorf("%d mutants", len(all))
	}
}

// A list that is not one is refused: a mutant that changes nothing would always live, or be taken for noticed.
func TestParse(t *testing.T) {
	good := "-- a.go: breaks\nx\n\ty\n==\nz\n\n-- b.go: drops\nq\n==\n"
	all, err := parse(good)
	if err != nil || len(all) != 2 || all[0] != (mutant{"a.go: breaks", "a.go", "x\n\ty", "z"}) || all[1] != (mutant{"b.go: drops", "b.go", "q", ""}) {
		t.Errorf("%q, %v", all, err)
	}
	for _, bad := range []string{"", "x", "-- a.go\nx\n==\ny", "-- a.go: t\nx", "-- a.go: t\nx\n==\nx", "-- a.go: t\n==\nx", "x\n" + good} {
		if all, err := parse(bad); err == nil {
			t.Errorf("%q: %q", bad, all)
		}
	}
	if _, err := (mutant{title: "t", file: "mutation_test.go", old: "func Test", new: ""}).apply("."); err == nil || !strings.Contains(err.Error(), "times") {
		t.Errorf("code that is there twice: %v", err)
	}
}
