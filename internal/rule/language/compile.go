package language

import (
	"fmt"
	"strings"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"

	"github.com/redoubt-kms/redoubt/internal/org"
)

// Policy is a compiled policy. It is immutable and safe for use by several goroutines.
type Policy struct {
	rules    []*rule
	counters []Counter
	findings []Finding
	parts    int
	heavy    bool // its rules together may cost more than one evaluation may
}

// rule is one compiled rule.
type rule struct {
	org.Rule
	index    int
	guard    guard
	program  cel.Program
	checked  *cel.Ast // as evaluated
	written  *cel.Ast // as written, for explanations; expressions have the same numbers in both
	explains func() (cel.Program, error)
	estimate uint64                      // of the evaluation's cost
	measured func() (cel.Program, error) // as program, with its cost

	text       string   // for the linter: as written, in one style
	conditions []string // whose conjunction it is, likewise
}

// Counter is usage that a policy names.
type Counter struct {
	Asset  string // as fact.Asset writes it; empty counts requests
	Window string
	Scope  string
}

// Counters lists the usage that the policy names, each once.
func (p *Policy) Counters() []Counter { return p.counters }

// Parts is of how many parts the policy is, constants written out: what it takes of memory.
func (p *Policy) Parts() int { return p.parts }

// Findings lists what the linter warns of, in the order of rules.
func (p *Policy) Findings() []Finding { return p.findings }

// Finding is what is wrong, or looks wrong, in a rule.
type Finding struct {
	Rule   int // from 0; -1 for the policy as a whole
	Line   int // from 1
	Column int // from 1
	Text   string
	Hint   string
}

// Error makes a finding an error: it refuses the policy.
func (f Finding) Error() string {
	text := f.Text
	if f.Rule >= 0 {
		text = fmt.Sprintf("rule %d, line %d, column %d: %s", f.Rule, f.Line, f.Column, f.Text)
	}
	if f.Hint != "" {
		text += "; " + f.Hint
	}
	return text
}

// Compile checks rules and constants as a whole. An error is a Finding.
func Compile(rules []org.Rule, constants []org.Constant) (*Policy, error) {
	return guarded(func() (*Policy, error) { return compileAll(rules, constants) })
}

// guarded refuses a policy on which the library panics: one tenant's text must not end a process that serves them all.
func guarded(compile func() (*Policy, error)) (p *Policy, err error) {
	defer func() {
		if recover() != nil {
			p, err = nil, Finding{Rule: -1, Text: "an expression cannot be compiled", Hint: "write it in another way"}
		}
	}()
	return compile()
}

func compileAll(rules []org.Rule, constants []org.Constant) (*Policy, error) {
	if len(rules) > MaxRules {
		return nil, Finding{Rule: -1, Text: fmt.Sprintf("%d rules, the most is %d", len(rules), MaxRules)}
	}
	values, err := readConstants(constants)
	if err != nil {
		return nil, err
	}
	env, err := environment()
	if err != nil {
		return nil, err
	}
	p, room := &Policy{}, maxPolicyNodes
	for i, r := range rules {
		made, err := compileRule(env, r, i, values, &room)
		if err != nil {
			return nil, err
		}
		if err := p.nameCounters(made); err != nil {
			return nil, err
		}
		p.rules = append(p.rules, made)
	}
	p.parts = maxPolicyNodes - room
	total := uint64(0)
	for _, r := range p.rules {
		total += r.estimate
	}
	p.heavy = total > maxPolicyCost
	p.lint()
	return p, nil
}

func compileRule(env *cel.Env, source org.Rule, index int, values constants, room *int) (*rule, error) {
	r := &rule{Rule: source, index: index}
	if err := r.checkOutcome(); err != nil {
		return nil, err
	}
	if strings.TrimSpace(source.Expression) == "" {
		return nil, r.finding(1, 1, "the expression is empty", "")
	}
	var issues *cel.Issues
	if r.written, issues = env.Parse(source.Expression); issues.Err() != nil {
		return nil, r.issue(issues, values)
	}
	parsed, issues := env.Parse(source.Expression) // a second copy: it is rewritten in place
	if issues.Err() != nil {
		return nil, r.issue(issues, values)
	}
	if err := r.rewrite(parsed.NativeRep(), values, room); err != nil {
		return nil, err
	}
	if r.checked, issues = check(env, parsed); issues.Err() != nil {
		return nil, r.issue(issues, values)
	}
	if err := r.checkPatterns(); err != nil {
		return nil, err
	}
	if r.checked.OutputType() != cel.BoolType {
		return nil, r.finding(1, 1, "the expression is of type "+r.checked.OutputType().String()+", not bool", "end it with a comparison")
	}
	if depth := nesting(r.checked.NativeRep().Expr()); depth > maxNesting {
		return nil, r.finding(1, 1, fmt.Sprintf("macros are nested %d deep, the most is %d", depth, maxNesting), "")
	}
	r.guard = guardOf(r.checked.NativeRep().Expr())
	return r, r.plan(env)
}

// plan makes the rule's programs.
func (r *rule) plan(env *cel.Env) error {
	limited := func(limit uint64, options ...cel.EvalOption) (cel.Program, error) {
		return env.Program(r.checked, cel.EvalOptions(options...), cel.CostTracking(sizes{}), cel.CostLimit(limit))
	}
	r.measured = sync.OnceValues(func() (cel.Program, error) { return limited(maxCost, cel.OptOptimize) })
	r.explains = sync.OnceValues(func() (cel.Program, error) { return limited(2*maxCost, cel.OptOptimize, cel.OptExhaustiveEval) })
	estimate, err := env.EstimateCost(r.checked, sizes{})
	if r.estimate = estimate.Max; err != nil || estimate.Max > maxCost {
		r.estimate = maxCost
		r.program, err = r.measured()
	} else {
		r.program, err = env.Program(r.checked, cel.EvalOptions(cel.OptOptimize)) // to measure costs time, so only where the limit may be reached
	}
	if err != nil {
		return r.finding(1, 1, err.Error(), "")
	}
	return nil
}

func (r *rule) checkOutcome() error {
	switch {
	case r.Outcome != org.OutcomeAllow && r.Outcome != org.OutcomeDeny && r.Outcome != org.OutcomeApproval:
		return r.finding(1, 1, fmt.Sprintf("unknown outcome %q", r.Outcome), "want ALLOW, DENY or REQUIRE_APPROVAL")
	case r.Outcome == org.OutcomeApproval && len(r.Approvals) == 0:
		return r.finding(1, 1, "it requires approvals, but says not whose", `add approvals, as [{"required":1,"tag":"security"}]`)
	case r.Outcome != org.OutcomeApproval && (len(r.Approvals) > 0 || r.Expires != 0):
		return r.finding(1, 1, "only a rule of outcome REQUIRE_APPROVAL has approvals", "")
	}
	return nil
}

// check type-checks. An integer that is compared for equality with an amount is taken for an amount: the checker wants
// both of one type. What may turn out to be an amount is compared as one.
func check(env *cel.Env, parsed *cel.Ast) (*cel.Ast, *cel.Issues) {
	for {
		checked, issues := env.Check(parsed)
		switch {
		case issues.Err() == nil && loosen(parsed.NativeRep(), checked.NativeRep()):
			return env.Check(parsed)
		case issues.Err() == nil || !widen(parsed.NativeRep(), issues):
			return checked, issues
		}
	}
}

// widen converts integer literals of equations that do not check; false when there were none.
func widen(a *ast.AST, issues *cel.Issues) bool {
	factory, changed := ast.NewExprFactory(), false
	wrong := map[int64]bool{}
	for _, e := range issues.Errors() {
		wrong[e.ExprID] = strings.Contains(e.Message, "uint256") && strings.Contains(e.Message, "int)")
	}
	next := ast.MaxID(a)
	ast.PostOrderVisit(a.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.CallKind || !wrong[e.ID()] || e.AsCall().FunctionName() != "_==_" && e.AsCall().FunctionName() != "_!=_" {
			return
		}
		for _, arg := range e.AsCall().Args() {
			if arg.Kind() == ast.LiteralKind {
				literal := factory.NewLiteral(next, arg.AsLiteral())
				next++
				arg.SetKindCase(factory.NewCall(arg.ID(), "uint256", literal))
				changed = true
			}
		}
	}))
	return changed
}

func (r *rule) finding(line, column int, text, hint string) Finding {
	return Finding{Rule: r.index, Line: line, Column: column, Text: text, Hint: hint}
}

// issue turns the first complaint of the parser or checker into a finding.
func (r *rule) issue(issues *cel.Issues, values constants) Finding {
	all := issues.Errors()
	if len(all) == 0 {
		return r.finding(1, 1, issues.Err().Error(), "")
	}
	first := all[0]
	return r.finding(max(first.Location.Line(), 1), max(first.Location.Column()+1, 1), first.Message, hintFor(first.Message, values))
}
