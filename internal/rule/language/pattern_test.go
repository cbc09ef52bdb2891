package language

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/redoubt-kms/redoubt/internal/org"
)

// Regular expressions are bounded, whatever they are made of: repetitions once ended the process.
func TestPatterns(t *testing.T) {
	for pattern, want := range map[string]string{
		"'^[a-z]{2}[0-9]{1,3}$'": "",
		"'(?:a{2,}b*?){3}'":      "",
		"known":                  "",
		"'" + strings.Repeat("(?:ab){100}", 9) + "'":  "",
		"'" + strings.Repeat("(?:ab){100}", 10) + "'": "instructions",
		"'(?:a{30}){34}'": "no regular expression",
		"'a{1001}'":       "no regular expression",
		"'(?=a)'":         "no regular expression",
		"'('":             "no regular expression",
		"request.origin":  "written out",
		"'a' + 'b'":       "written out",
	} {
		for _, form := range []string{"request.policyName.matches(%s)", "matches(request.policyName, %s)", "['a'].exists(x, x.matches(%s))"} {
			_, err := Compile([]org.Rule{{Expression: fmt.Sprintf(form, pattern), Outcome: org.OutcomeAllow}}, []org.Constant{{Name: "known", Value: []byte(`"x{7}"`)}})
			var finding Finding
			if want == "" && err != nil || want != "" && (!errors.As(err, &finding) || finding.Line != 1 || finding.Column < 2 || !strings.Contains(err.Error(), want)) {
				t.Errorf(form+": %v, want %q", pattern, err, want)
			}
		}
	}
}

// A policy on which the compiler panics is refused; what goes on is the process.
func TestGuarded(t *testing.T) {
	p, err := guarded(func() (*Policy, error) { panic("no") })
	if p != nil || !errors.As(err, &Finding{}) {
		t.Errorf("%v, %v", p, err)
	}
}
