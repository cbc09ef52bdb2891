package main

import (
	"math"
	"strings"
	"testing"
)

// steady is a run in which nothing grows, though everything breathes.
func steady(n int) []minute {
	all := make([]minute, n)
	for i := range all {
		breath := math.Sin(float64(i) * 2.4)
		m := minute{n: i + 1, rps: 300, p50: 2, p99: 8 + breath/2, floor: 2 + breath/10, goroutines: 40 + int(2*breath), records: 40_000 + i*120}
		for r := range roles {
			m.uses[r] = use{rss: 60 + breath, threads: 12, descriptors: 20}
		}
		m.uses[1].rss += float64(i*120*recordBytes) / (1 << 20)
		all[i] = m
	}
	return all
}

func failures(found []finding) string {
	var all []string
	for _, f := range found {
		if !f.ok && !f.unjudged {
			all = append(all, f.what)
		}
	}
	return strings.Join(all, ", ")
}

func TestVerdict(t *testing.T) {
	for name, c := range map[string]struct {
		change func(i int, m *minute)
		fails  string
	}{
		"nothing grows":           {func(int, *minute) {}, ""},
		"the warm-up is steep":    {func(i int, m *minute) { m.uses[0].rss += float64(min(i, warmUp)) * 5 }, ""},
		"the host leaks 3 MB/h":   {func(i int, m *minute) { m.uses[0].rss += float64(i) * 3 / 60 }, "memory of the host"},
		"the policy leaks 3 MB/h": {func(i int, m *minute) { m.uses[1].rss += float64(i) * 3 / 60 }, "memory of the policy"},
		"records are allowed for": {func(i int, m *minute) {
			m.records += i * 1000
			m.uses[1].rss += float64(i*1000*recordBytes) / (1 << 20)
		}, ""},
		"too noisy to tell":           {func(i int, m *minute) { m.uses[2].rss += float64(i%2) * 40 }, "memory of the signer"},
		"the host leaks descriptors":  {func(i int, m *minute) { m.uses[0].descriptors += i / 3 }, "descriptors of the host"},
		"the signer leaks threads":    {func(i int, m *minute) { m.uses[2].threads += i / 4 }, "threads of the signer"},
		"one thread more":             {func(i int, m *minute) { m.uses[2].threads += i / 45 }, ""},
		"the host leaks goroutines":   {func(i int, m *minute) { m.goroutines += i }, "goroutines of the host"},
		"it grows slower":             {func(i int, m *minute) { m.p99 *= 1 + float64(i)/80 }, "p99"},
		"the machine grows slower":    {func(i int, m *minute) { m.p99 *= 1 + float64(i)/80; m.floor *= 1 + float64(i)/80 }, ""},
		"one minute was very slow":    {func(i int, m *minute) { m.p99 += float64(i/50*(51/(i+1))) * 1000 }, ""},
		"descriptors are not visible": {func(_ int, m *minute) { m.uses[1].descriptors = -1 }, ""},
	} {
		run := steady(60)
		for i := range run {
			c.change(i, &run[i])
		}
		if got := failures(judge(run)); got != c.fails {
			t.Errorf("%s: failed %q, want %q", name, got, c.fails)
		}
	}
}

func TestShortRunsAreNotJudged(t *testing.T) {
	for _, f := range judge(steady(3)) {
		if !f.unjudged {
			t.Errorf("%s: %s", f.what, f.text)
		}
	}
}

func TestLine(t *testing.T) {
	slope, deviation := line([]float64{0, 1, 2, 3}, []float64{1, 3, 5, 7})
	if slope != 2 || deviation != 0 {
		t.Errorf("%v ± %v", slope, deviation)
	}
}

func TestSettings(t *testing.T) {
	env := func(values map[string]string) func(string) string {
		return func(name string) string { return values[name] }
	}
	s, err := read([]string{"bin"}, env(map[string]string{"SOAK_MINUTES": "3", "SOAK_RATE": "0"}))
	if err != nil || s.minutes != 3 || s.rate != 0 || s.wallets != defaultWallets {
		t.Errorf("%+v %v", s, err)
	}
	for name, value := range map[string]string{"SOAK_MINUTES": "0", "SOAK_RATE": "-1", "SOAK_WALLETS": "many"} {
		if _, err := read([]string{"bin"}, env(map[string]string{name: value})); err == nil {
			t.Errorf("%s=%s is taken", name, value)
		}
	}
}
